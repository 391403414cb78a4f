"""Who is and was champion, and what each version is, as the ledger tells it; needs no MLflow."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ConfigDict

from ml_assets.failures import MendableError
from ml_assets.records import Comparison, Direction, Evaluation, Record, Score, TrainedModel
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.shown import spanned

CHANGES = ("promote", "rollback", "reconcile")
GATE = ("promote", "waits", "keep", "inconclusive")
"""Kinds of entries that end a training: what the gate said."""
KEPT_OUT = ("keep", "inconclusive")
"""Those by which the gate puts no version in charge."""
VERDICTS = (*GATE, "rollback", "refuse", "lapse")
"""Kinds of entries that say which version is in charge, or is not."""
TRAIN = "train"
"""Kind of the entries that register a version."""
PROBATION = "probation"
"""Actor and kind of what probation does."""


RENAMED = "renamed"
"""Kind of the entry that ends the line of a name."""
FORMER = "former_name"
"""Kind of the entry that tells the new line what the model was called before."""
COMPARED = 240
"""Newest entries of gates and probations that are read for how fast a model ages: it goes by 120 comparisons."""


class UnknownVersionError(MendableError, LookupError):
    """The ledger knows no such version."""


class VersionInfo(Record):
    """A registered version: what was trained, how it scored, and the hashes of its files."""

    model_config = ConfigDict(extra="ignore")

    version: int
    registered_at: str
    trained: TrainedModel
    evaluation: Evaluation | None
    files: dict[str, str]

    @property
    def recipe(self) -> str:
        """Name of the model."""
        return self.trained.recipe

    @property
    def run_id(self) -> str:
        """MLflow run of the training."""
        return self.trained.run_id

    @property
    def model_uri(self) -> str:
        """MLflow address of the model."""
        return self.trained.model_uri

    @property
    def sha256(self) -> str:
        """Hash of the model's folder."""
        return self.trained.sha256

    @property
    def trained_at(self) -> str:
        """When it was trained, ISO, UTC."""
        return self.trained.trained_at

    @property
    def as_of(self) -> str:
        """Batch at which it was trained."""
        return self.trained.as_of

    @property
    def metric(self) -> str:
        """Metric the model is judged by."""
        return self.trained.training.metric

    @property
    def direction(self) -> Direction:
        """Whether more of the metric is better."""
        return self.trained.training.direction

    @property
    def holdout(self) -> Score | None:
        """Score of the metric on the hold-out, where it was evaluated."""
        return self.evaluation.scores.get(self.metric) if self.evaluation else None


def line_of_champions(changes: Iterable[Entry]) -> tuple[int, ...]:
    """Champions in charge one after another, undone ones left out; the last one is in charge now.

    A promotion adds a version; a rollback goes back to it. Undoing twice thus goes back two steps. Where
    MLflow's registry was lost, nobody is in charge: the line begins anew.
    """
    line: list[int] = []
    for entry in changes:
        version = entry.to_version
        if entry.state != "done" or entry.kind not in CHANGES:
            continue
        if version is None:
            line.clear()
        elif entry.kind == "rollback" and version in line:
            while line[-1] != version:
                line.pop()
        elif not line or line[-1] != version:
            line.append(version)
    return tuple(line)


def champions(ledger: Ledger, recipe: str) -> tuple[int, ...]:
    """Read the line of champions of a recipe; empty before the first promotion."""
    return line_of_champions(ledger.find(recipe, CHANGES, state="done"))


def last_change(ledger: Ledger, recipe: str) -> Entry | None:
    """Read the change by which the present champion came into charge."""
    return ledger.last(recipe, CHANGES, state="done")


def champion_version(ledger: Ledger, recipe: str) -> int | None:
    """Read which version is in charge: the end of the line of champions, which is where the last change led."""
    last = last_change(ledger, recipe)
    return None if last is None else last.to_version


def version_info(ledger: Ledger, recipe: str, version: int) -> VersionInfo:
    """Read what the ledger knows about a version.

    Raises
    ------
    UnknownVersionError
        If it was not registered; the message lists those that were.
    """
    known = _registered(ledger.find(recipe, [TRAIN], state="done", to_version=version))
    if known:
        return known[-1]
    known_ones = spanned([info.version for info in versions(ledger, recipe)], 12) or "none"
    raise UnknownVersionError(f"{recipe} has no version {version} in the ledger (registered: {known_ones})")


def versions(ledger: Ledger, recipe: str, limit: int | None = None) -> tuple[VersionInfo, ...]:
    """Read all registered versions, oldest first; with `limit`, the newest ones."""
    return _registered(ledger.find(recipe, [TRAIN], limit, state="done"))


def _registered(entries: Iterable[Entry]) -> tuple[VersionInfo, ...]:
    return tuple(
        VersionInfo.model_validate({"version": entry.to_version, "registered_at": entry.at, **entry.record})
        for entry in entries
        if entry.to_version is not None and "trained" in entry.record
    )


def champion(ledger: Ledger, recipe: str) -> VersionInfo | None:
    """Read the version in charge, as the ledger says; None before the first promotion."""
    version = champion_version(ledger, recipe)
    return None if version is None else version_info(ledger, recipe, version)


def kept_out(ledger: Ledger, recipe: str) -> Entry | None:
    """Entry of the version that the gate kept out last, where nothing about who is in charge came after it."""
    entry = ledger.last(recipe, KEPT_OUT, state="done")
    if entry is None:
        return None
    after = ledger.last(recipe, VERDICTS, state="done")
    return entry if after == entry else None


def kept_out_todo(recipe: str, version: int | None) -> str:
    """Say what a person does about it, where no version is in charge."""
    return (
        f"version {version} was kept out: look at the reason, mend the data or the recipe and train again, "
        f"or put it in charge all the same, `ml-assets promote {recipe} {version} --force`"
    )


def is_left(ledger: Ledger, name: str) -> bool:
    """Whether the model that had this name goes on under another one, and no other model has the name."""
    last = ledger.last(name, [RENAMED, FORMER, TRAIN, *CHANGES])
    return last is not None and last.kind == RENAMED


def looks(ledger: Ledger, recipe: str, version: int) -> int:
    """Count the challengers that were compared with a champion so far."""
    compared = ledger.find(recipe, GATE, state="done", from_version=version)
    return sum(
        entry.record.get("champion_score") is not None and entry.record.get("approved") is None
        for entry in compared
    )


def comparisons(ledger: Ledger, recipe: str) -> tuple[Comparison, ...]:
    """Read what gates, probations and the refits of trainings said of how fast a model ages; newest entries."""
    found: list[Comparison] = []
    for entry in ledger.find(recipe, [*GATE, PROBATION], COMPARED, state="done"):
        told = [*(entry.record.get("refits") or ()), entry.record.get("comparison")]
        found += [Comparison.model_validate(each) for each in told if each is not None]
    return tuple(found)


def refits(ledger: Ledger, recipe: str) -> tuple[Comparison, ...]:
    """Read what the refits of trainings said of it; newest entries."""
    found = ledger.find(recipe, GATE, COMPARED, state="done")
    return tuple(
        Comparison.model_validate(each) for entry in found for each in entry.record.get("refits") or ()
    )


def undone(ledger: Ledger, recipe: str, version: int) -> tuple[VersionInfo, ...]:
    """Read the versions that probation rolled back to this one."""
    return tuple(
        version_info(ledger, recipe, entry.from_version)
        for entry in ledger.find(recipe, ["rollback"], state="done", to_version=version, actor=PROBATION)
        if entry.from_version is not None
    )


def rollbacks_of_probation(ledger: Ledger, recipe: str, limit: int) -> tuple[Entry, ...]:
    """Read the newest rollbacks that no person asked for, oldest first."""
    return ledger.find(recipe, ["rollback"], limit, state="done", actor=PROBATION)


def on_probation(ledger: Ledger, recipe: str) -> Entry | None:
    """Read the promotion of the present champion, if it replaced another and its probation is not over."""
    last = last_change(ledger, recipe)
    if last is None or last.kind != "promote" or last.from_version is None or last.batch is None:
        return None
    passed = any(
        entry.record.get("outcome") == "passed"
        and str(entry.key).startswith(f"probation:{last.decision_id}:")
        for entry in ledger.find(recipe, [PROBATION], state="done", to_version=last.to_version)
    )
    return None if passed else last


def by_pipeline(ledger: Ledger, recipe: str, version: int) -> str:
    """Why a version is served by its pipeline though it has a compiled form; empty where the gate saw no reason."""
    judged = [
        entry.record
        for entry in ledger.find(recipe, GATE, to_version=version)
        if not entry.record.get("forced")
    ]
    return str(judged[-1].get("by_pipeline") or "") if judged else ""
