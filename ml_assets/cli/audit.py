"""`ml-assets audit`: a folder that proves what was decided of a model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ml_assets.cli.arguments import Json, ModelName
from ml_assets.cli.output import faults, finish, say
from ml_assets.failures import FAILED
from ml_assets.shown import counted


def audit(
    name: ModelName,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Default: audit-NAME-DATE in this folder.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day of the decisions, UTC.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day.")] = None,
    with_rows: Annotated[
        bool, typer.Option("--with-rows", help="Also the clean rows that were learned: they are data.")
    ] = False,
    recompute: Annotated[
        bool,
        typer.Option("--recompute", help="Also ask the gate again about each version, on the rows as kept."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a folder that proves each decision: ledger with its chain, versions, figures, files, and verify.py."""
    with faults(as_json):
        result = audited(name, out, (start, end), with_rows=with_rows, recompute=recompute)
    finish(result, audit_text(result), as_json)
    if result["faults"]:
        raise typer.Exit(FAILED)


def audited(
    name: str,
    out: Path | None,
    span: tuple[str | None, str | None],
    *,
    with_rows: bool = False,
    recompute: bool = False,
) -> dict[str, Any]:
    """Write the audit of a known model; `span` is the first and the last day.

    Returns
    -------
    dict
        `name`, `folder`, `entries` (of the model), `chain` (`entries`, `head`), `manifest` (its sha256), `versions`,
        `champion`, `faults`, `decided_again` (version → `same`, `words`).
    """
    from ml_assets.audit.entries import period
    from ml_assets.audit.made import Wanted, write_audit
    from ml_assets.audit.verify import MANIFEST
    from ml_assets.cli.models import actor, known_state
    from ml_assets.registry.integrity import file_sha256

    at, when = datetime.now(UTC), period(*span)
    target = out or Path(f"audit-{name}-{at.date().isoformat()}")
    state = known_state(name)
    wanted = Wanted(target, when, _span(*span), with_rows, recompute)
    found = write_audit(state, wanted, at, actor(), say)
    return {
        "name": name,
        "folder": str(target.absolute()),
        "entries": found.followed.of_model,
        "chain": {"entries": found.followed.entries, "head": found.followed.head},
        "manifest": file_sha256(target / MANIFEST),
        "versions": [each.info.version for each in found.versions],
        "champion": found.champion,
        "faults": found.faults,
        "decided_again": {
            str(version): {"same": each.same, "words": each.words}
            for version, each in found.recomputed.items()
        },
    }


def _span(start: str | None, end: str | None) -> str:
    """Say the time that is asked for."""
    if start is None and end is None:
        return "from the beginning until now"
    return f"from {start or 'the beginning'} until {end or 'now'}"


def audit_text(result: dict[str, Any]) -> str:
    """Say what was written, what is wrong, and what to note elsewhere."""
    count, chain = len(result["versions"]), result["chain"]
    lines = [
        f"{result['name']}: {result['entries']:,} entries, {count} version{'s' * (count != 1)}, in {result['folder']}"
    ]
    lines += [f"  NOT as it was: {text}" for text in result["faults"]]
    again = result["decided_again"].items()
    lines += [f"  version {version}, decided again: {each['words']}" for version, each in again]
    lines += [
        f"  head of the chain after {counted(chain['entries'], 'entry')} of all models: {chain['head']}",
        f"  sha256 of MANIFEST, and so of every page: {result['manifest']}",
        "  note both where nobody can change them; `python verify.py HEAD SHA256` in the folder asks for them",
    ]
    return "\n".join(lines)
