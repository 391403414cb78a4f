"""The pages of an audit: what was decided of a model, by whom or by which rule, and whether all is whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ml_assets.audit.entries import STORY, TOLD, Followed
from ml_assets.audit.versions import AuditedVersion
from ml_assets.lifecycle.again import DecidedAgain
from ml_assets.records.retraining import RULES_IN_WORDS
from ml_assets.reports.document import (
    Check,
    Checklist,
    Document,
    Mark,
    Notes,
    Table,
    document,
    fit,
    number,
    table,
)
from ml_assets.shown import counted, figure, listed

SHORT: Final = 12
"""Characters of a hash that people compare."""
PLACES: Final = re.compile(
    r"(?<![\w/.])(?:(?:versions/\d+|ledger)/\w+\.\w+|verify\.py|MANIFEST|environment\.json)"
)
"""Files of the folder, as the page names them."""
FILES: Final = {
    "recipe.yaml": "the recipe as it was",
    "training.json": "what the fit knew: parameters, seed, folds, the search",
    "evaluation.json": "scores on the hold-out, with intervals",
    "decisions.json": "what gate, persons and probation said, with all figures",
    "learned.json": "hash and rows of each batch that was learned",
    "files.json": "hash of each file as registered, and as it is",
    "report.html": "the report of the training, without rows",
    "report.md": "the same as text",
    "requirements.txt": "libraries that made the model",
    "python_env.yaml": "Python that made it",
}
"""What a file of a version is."""
HELD: Final = {"promote": "✓ promoted", "waits": "waits for a person", "keep": "✕ kept out"}


@dataclass(frozen=True)
class Audited:
    """What an audit found.

    Parameters
    ----------
    name : str
        Name of the model.
    made : str
        When, UTC, and by whom.
    span : str
        The time of the decisions, in words.
    followed : Followed
        What the ledger has.
    versions : sequence of AuditedVersion
        Oldest first.
    champion : int or None
        Who is in charge.
    recomputed : dict of int to DecidedAgain
        By version, what came of deciding again; empty where that was not asked for.
    """

    name: str
    made: str
    span: str
    followed: Followed
    versions: Sequence[AuditedVersion]
    champion: int | None
    recomputed: dict[int, DecidedAgain]

    @property
    def faults(self) -> list[str]:
        """What is not as it was registered."""
        found = [f"version {each.info.version}: {text}" for each in self.versions for text in each.faults]
        again = (
            f"version {version}: {each.words}"
            for version, each in self.recomputed.items()
            if each.same is False
        )
        return [*found, *again]


def audit_document(audited: Audited) -> Document:
    """Say what was decided, on what it rests, and what was verified."""
    name, found = audited.name, audited.followed
    now = (
        "no version is in charge" if audited.champion is None else f"version {audited.champion} is in charge"
    )
    wrong = audited.faults
    verdict = f"NOT all is as it was: {listed(wrong, 3, '; ')}." if wrong else "All is as it was written."
    return document(
        f"Audit of {name}",
        f"{now[0].upper()}{now[1:]}. {counted(found.of_model, 'entry')} of the ledger, "
        f"{counted(len(audited.versions), 'version')}, {audited.span}. {verdict}",
        f"Made {audited.made}. `python verify.py` holds every file of this folder against MANIFEST, follows the "
        "chain of ledger/entries.jsonl, and needs nothing else.",
        (
            ("What was verified", [_verified(audited)]),
            ("Who was in charge", [_changes(audited)]),
            ("Versions", [_versions(audited)]),
            ("Decisions", [*_decisions(audited)]),
            ("Why it was not trained again", [_quiet(found)]),
            ("What is where", [_places(audited)]),
        ),
    )


def _verified(audited: Audited) -> Checklist:
    found = audited.followed
    checks = [
        Check(
            "The ledger's chain",
            "pass",
            f"{counted(found.entries, 'entry')} of all models, each with the hash of the one before; the head is "
            f"{found.head}",
        )
    ]
    if found.hidden:
        text = f"{counted(found.hidden, 'entry')} with a secret, which is hidden: there the link alone is followed"
        checks.append(Check("Secrets", "look", text))
    for each in audited.versions:
        faults, version = each.faults, f"Version {each.info.version}"
        text = (
            "; ".join(faults)
            or f"all {len(each.info.files)} files and the model ({each.info.sha256[:SHORT]}…)"
        )
        checks.append(Check(f"{version}: files", "fail" if faults else "pass", text))
        if each.replaced:
            text = f"rows of {listed(each.replaced)} are others now than it learned (learned.json has both hashes)"
            checks.append(Check(f"{version}: rows", "look", text))
        again = audited.recomputed.get(each.info.version)
        if again is not None:
            mark: Mark = "look" if again.same is None else "pass" if again.same else "fail"
            checks.append(Check(f"{version}: decided again", mark, again.words))
    return Checklist(tuple(checks))


def _changes(audited: Audited) -> Table:
    entries = [
        entry
        for entry in audited.followed.newest
        if entry.kind in ("promote", "rollback", "reconcile") and entry.state == "done"
    ]
    return table(
        ("when (UTC)", "entry", "from", "to", "by", "why"),
        [
            (
                _when(entry.at),
                str(entry.id),
                _named(entry.from_version),
                _named(entry.to_version),
                entry.actor,
                fit(entry.reason, 300),
            )
            for entry in entries
        ],
    )


def _versions(audited: Audited) -> Table:
    rows = []
    for each in audited.versions:
        info, score = each.info, each.info.holdout
        answer = next((entry for entry in reversed(each.said) if entry.kind in HELD), None)
        rows.append(
            (
                str(info.version),
                _when(info.trained_at),
                info.as_of,
                f"{info.trained.training.learned:,}",
                info.trained.training.class_path.rpartition(".")[2],
                info.metric,
                number(None if score is None else score.value),
                "" if answer is None else HELD[answer.kind],
                info.trained.recipe_sha256[:SHORT],
                info.sha256[:SHORT],
                next((name for name in each.files if name.endswith("report.html")), ""),
            )
        )
    heads = (
        *("version", "trained (UTC)", "as of", "rows", "estimator", "metric", "hold-out", "the gate"),
        *("recipe", "model", "report"),
    )
    return table(heads, rows, "The first 12 characters of each hash.", numbers=(3, 6))


def _decisions(audited: Audited) -> list[Table | Notes]:
    newest = audited.followed.newest
    rows = [
        (_when(entry.at), str(entry.id), entry.kind, entry.batch or "", entry.actor, fit(entry.reason, 600))
        for entry in newest
    ]
    notes = [f"All entries, in words: {STORY}. Letter for letter, with their hashes: ledger/entries.jsonl."]
    if len(newest) == TOLD:
        notes.insert(0, f"The newest {TOLD} are here.")
    return [
        table(("when (UTC)", "entry", "kind", "batch", "by whom or which rule", "what and why"), rows),
        Notes(tuple(notes)),
    ]


def _quiet(found: Followed) -> Table:
    rows = [(RULES_IN_WORDS.get(rule, rule), figure(count)) for rule, count in found.quiet.most_common()]
    return table(("rule", "decisions"), rows, numbers=(1,))


def _places(audited: Audited) -> Table:
    rows = [
        ("verify.py", "verifies this folder by itself: Python and its standard library"),
        ("MANIFEST", "sha256 of each file, as `sha256sum -c MANIFEST` reads it"),
        ("ledger/entries.jsonl", "the entries letter for letter; of other models and times the links alone"),
        (STORY, "every entry in a sentence"),
        ("environment.json", "libraries and code that made this audit"),
    ]
    for name in audited.versions[-1].files if audited.versions else ():
        rows += [(name, FILES[name.rpartition("/")[2]])]
    return table(("file", "what it is"), rows, "Of the newest version; each has the same.")


def linked(page: str) -> str:
    """Make links of the files that a page names.

    >>> linked("<td>versions/3/report.html</td>")
    '<td><a href="versions/3/report.html">versions/3/report.html</a></td>'
    >>> linked("as in ledger/story.md.")
    'as in <a href="ledger/story.md">ledger/story.md</a>.'
    """
    return PLACES.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', page)


def _when(at: str) -> str:
    return at[:16].replace("T", " ")


def _named(version: int | None) -> str:
    return "none" if version is None else str(version)
