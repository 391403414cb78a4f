"""Making an audit: the ledger's part, each version, the environment, and the pages that tell of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_assets.audit.entries import Period, write_entries
from ml_assets.audit.environment import environment
from ml_assets.audit.folder import audit_folder
from ml_assets.audit.told import Audited, audit_document, linked
from ml_assets.audit.versions import write_version
from ml_assets.failures import MendableError
from ml_assets.lifecycle.again import DecidedAgain, decide_again
from ml_assets.lifecycle.state import ModelState
from ml_assets.registry import champions
from ml_assets.reports.as_html import as_html
from ml_assets.reports.as_markdown import as_markdown
from ml_assets.settings.secrets import secrets_in


class NothingToAuditError(MendableError, LookupError):
    """The ledger says nothing of a model."""


@dataclass(frozen=True)
class Wanted:
    """What an audit is to have.

    Parameters
    ----------
    target : Path
        The folder.
    when : Period
        Time of the decisions that are told.
    span : str
        The same in words.
    with_rows : bool
        Whether clean rows that were learned are in it.
    recompute : bool
        Whether the gate is asked again about each version.
    """

    target: Path
    when: Period
    span: str
    with_rows: bool = False
    recompute: bool = False


def write_audit(
    state: ModelState, wanted: Wanted, at: datetime, actor: str, say: Callable[[str], None]
) -> Audited:
    """Write the audit of a model into a new folder, whole or not at all.

    Raises
    ------
    NothingToAuditError
        If the ledger has no entry of the model.
    WrongUsageError
        If there is something in the folder's place.
    LedgerDamagedError
        If an entry of the ledger is not what was written: the message names it.
    """
    ledger, name = state.ledger, state.name
    with audit_folder(wanted.target, secrets_in(state.settings)) as folder:
        say("the ledger, entry by entry")
        followed = write_entries(folder, ledger, name, wanted.when)
        if not followed.of_model:
            raise NothingToAuditError(
                f"{name}: the ledger has no entry of it, {wanted.span}: train it first, `ml-assets train`, or ask "
                "for another time"
            )
        champion = champions.champion_version(ledger, name)
        known = {info.version for info in champions.versions(ledger, name)}
        if champion is not None and wanted.when.end is None:
            followed.versions.add(champion)
        versions, recomputed = [], dict[int, DecidedAgain]()
        for version in sorted(followed.versions & known):
            say(f"version {version}")
            versions.append(write_version(folder, state, version, with_rows=wanted.with_rows))
            if wanted.recompute:
                say(f"version {version}: the gate is asked again")
                again = decide_again(state, versions[-1].info)
                recomputed[version] = again
                folder.write_json(f"versions/{version}/decided_again.json", _told(again))
        folder.write_json("environment.json", environment())
        made = f"{at.isoformat(timespec='seconds')} by {actor}"
        audited = Audited(name, made, wanted.span, followed, versions, champion, recomputed)
        document = audit_document(audited)
        folder.write("index.html", linked(as_html(document)))
        folder.write("audit.md", as_markdown(document))
        folder.write_json(
            "audit.json",
            {
                "name": name,
                "made": made,
                "told": wanted.span,
                "chain": {"whole": True, "entries": followed.entries, "head": followed.head},
                "entries": followed.of_model,
                "kinds": dict(followed.kinds),
                "versions": sorted(followed.versions & known),
                "champion": champion,
                "faults": audited.faults,
            },
        )
    return audited


def _told(again: DecidedAgain) -> dict[str, Any]:
    answer = None if again.answer is None else again.answer.model_dump(mode="json")
    return {"same": again.same, "words": again.words, "answer": answer}
