"""How versions of a model were made: what was searched, on which parts they are weak, and what trainings cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ml_assets.records import PartScore, TrainingResult, Trial
from ml_assets.registry import champions
from ml_assets.registry.champions import VersionInfo
from ml_assets.registry.ledger import Entry
from ml_assets.shown import shown

TRIALS: Final = 8
"""Best trials of a search that are shown."""
PARTS: Final = 20
"""Parts of the hold-out that are shown, those of the largest loss first."""
FATES: Final = {
    "promote": "promoted",
    "waits": "waits for approval",
    "keep": "kept out: no better",
    "inconclusive": "kept out: too little is known",
}
"""How a training ended, by the gate's last word."""


class Beside(NamedTuple):
    """A version that is shown beside the champion, and why it is this one."""

    version: VersionInfo
    words: str


def beside(known: Sequence[VersionInfo], champion: int | None, waiting: Entry | None) -> Beside | None:
    """Find what the champion is compared with: who waits, else the newest challenger, else who came before it."""
    others = [each for each in known if each.version != champion]
    if waiting is not None:
        asked = next((each for each in others if each.version == waiting.to_version), None)
        if asked is not None:
            return Beside(asked, "waits for approval")
    if not others:
        return None
    newest = others[-1]
    is_newer = champion is None or newest.version > champion
    return Beside(newest, "the newest challenger" if is_newer else "trained before it")


class Leaderboard(NamedTuple):
    """What a search has tried, the best first: of an automatic search families, of any search its best trials."""

    words: str
    metric: str
    families: list[tuple[str, float, float, int, float, float]]
    """Family, score in cross-validation, its standard error, trials, seconds, share of the model."""
    trials: list[tuple[int, float, float, str]]
    """Number, score in cross-validation, seconds, parameters."""


def leaderboard(training: TrainingResult) -> Leaderboard:
    """Tell why a version is the model that it is."""
    choice, tuning = training.choice, training.tuning
    told = []
    if choice is not None:
        told.append(shown(choice.why, 600).rstrip(".") + ".")
        if choice.by_clock:
            told.append(
                "Seconds ended the search before its trials did: on another machine it may choose otherwise."
            )
    if tuning is not None:
        told.append(
            f"{tuning.total_trials:,} sets of parameters were tried, {tuning.pruned_trials:,} of them given up early,"
            f" each judged by {tuning.metric} on rows that its fit had not seen (cross-validation)."
        )
    elif choice is None:
        told.append("Its parameters stand in the recipe: nothing was searched.")
    return Leaderboard(
        " ".join(told),
        training.metric,
        [
            (s.family, s.score, s.standard_error, s.trials, s.seconds, s.weight)
            for s in (choice.standings if choice is not None else ())
        ],
        [
            (trial.number, trial.value or 0.0, trial.seconds, _params(trial.params))
            for trial in _best(tuning.history if tuning is not None else (), training.direction)
        ],
    )


def _best(history: Sequence[Trial], direction: str) -> list[Trial]:
    ended = [trial for trial in history if trial.state == "complete" and trial.value is not None]
    sign = -1 if direction == "maximize" else 1
    return sorted(ended, key=lambda trial: sign * (trial.value or 0.0))[:TRIALS]


def _params(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{shown(name, 40)} {shown(str(value), 40)}" for name, value in params.items())


def parts(champion: VersionInfo | None, other: Beside | None) -> list[tuple[PartScore, PartScore | None]]:
    """Give the parts of the champion's hold-out beside the same parts of the other version's, the worst first."""
    if champion is None or champion.evaluation is None:
        return []
    evaluation = other.version.evaluation if other is not None else None
    theirs = {part.name: part for part in (evaluation.parts if evaluation is not None else ())}
    order = sorted(champion.evaluation.parts, key=lambda part: (not part.worse, part.others - part.loss))
    return [(part, theirs.get(part.name)) for part in order[:PARTS]]


class Cost(NamedTuple):
    """What a training took, and what came of it."""

    version: int
    rows: int
    seconds: float
    cpu: float | None
    searched: float | None
    """Seconds of these that the search took; None where nothing was searched."""
    fate: str


class Costs(NamedTuple):
    """The trainings, newest first, and what they came to in sum."""

    each: list[Cost]
    words: str


def costs(known: Sequence[VersionInfo], gate: Sequence[Entry], total: int) -> Costs:
    """Add up what trainings took.

    Parameters
    ----------
    known : sequence of VersionInfo
        Newest versions, oldest first.
    gate : sequence of Entry
        What the gate said of them.
    total : int
        Number of the newest version of all.
    """
    said = {entry.to_version: FATES.get(entry.kind, entry.kind) for entry in gate}
    each = [
        Cost(
            info.version,
            info.trained.training.learned,
            info.trained.training.seconds,
            info.trained.training.cpu_seconds,
            info.trained.training.tuning.optimization_time if info.trained.training.tuning else None,
            said.get(info.version, "the gate was not asked"),
        )
        for info in reversed(known)
    ]
    return Costs(each, _summed(each, total))


def _summed(each: Sequence[Cost], total: int) -> str:
    """Say what trainings cost together, and how much of it came to nothing."""
    if not each:
        return ""
    of = f"The newest {len(each):,} of {total:,} trainings" if len(each) < total else _counted(len(each))
    told = f"{of} took {seconds(sum(cost.seconds for cost in each))}{_cpu(each)}."
    first = min(cost.version for cost in each)
    again = [cost for cost in each if cost.version != first or first != 1]
    if again:
        won = [cost for cost in again if cost.fate == FATES["promote"]]
        lost = [cost for cost in again if cost.fate != FATES["promote"]]
        count = f"{len(again):,} of them {'was' if len(again) == 1 else 'were'} to replace a model:"
        told += f" {count} {len(won):,} did, {len(lost):,} did not, which cost {seconds(sum(c.seconds for c in lost))}."
    return told


def _counted(count: int) -> str:
    return "The one training" if count == 1 else f"All {count:,} trainings"


def _cpu(each: Sequence[Cost]) -> str:
    known = [cost.cpu for cost in each if cost.cpu is not None]
    if not known:
        return ""
    some = "" if len(known) == len(each) else f" for the {len(known):,} where it was measured"
    return f", {seconds(sum(known))} of CPU{some}"


def seconds(value: float) -> str:
    """
    Say how long something took.

    >>> seconds(0.04), seconds(9.26), seconds(75), seconds(7300)
    ('0.04 s', '9.3 s', '1 min 15 s', '2 h 1 min')
    """
    if value < 60:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def gate_of(entries: Sequence[Entry]) -> list[Entry]:
    """Of a model's entries, oldest first, what the gate said."""
    return [entry for entry in entries if entry.kind in champions.GATE and entry.state == "done"]
