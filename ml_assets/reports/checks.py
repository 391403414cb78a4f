"""The checklist of a training: what a careful reader would look at before signing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ml_assets.records import Curve, Evaluation, Promotion, TrainingResult
from ml_assets.reports.document import Check, fit, sentence
from ml_assets.reports.groups import group_checks
from ml_assets.shown import figure

FEW: Final = 300
"""Rows of a hold-out below which its scores are to be looked at with care: what the gate asks for by default."""
FEW_OF_A_CLASS: Final = 30
"""Rows of a class below which its scores say little."""
OFF: Final = 0.2
"""Share of the groups of a calibration that may lie beyond their interval of 95 %: one of 20 does by chance."""
CALIBRATION: Final = "calibration"
FACTS: Final = ("begins from the weights", "calibrated by ", "feature_selection (", "threshold ")
DOUBTS: Final = ("no threshold reaches", "follows chance")
"""Notes that begin with `FACTS` tell what was chosen, and warn of nothing but by words of `DOUBTS`."""
ORDER: Final = ("fail", "look", "pass")


def checks(evaluation: Evaluation, training: TrainingResult, promotion: Promotion) -> tuple[Check, ...]:
    """Look at everything, what is wrong first; a check that has nothing to speak of is left out."""
    found = (
        *_better(evaluation),
        *_width(evaluation),
        *_rows(evaluation),
        *_sound(evaluation),
        *_converged(training),
        *_leaks(evaluation),
        *_mixed(evaluation),
        *_calibrated(evaluation),
        *_parts(evaluation),
        *group_checks(evaluation),
        *_gate(promotion),
    )
    return tuple(sorted(found, key=lambda check: ORDER.index(check.mark)))


def _better(evaluation: Evaluation) -> Iterator[Check]:
    score, base = evaluation.scores.get(evaluation.metric), evaluation.baseline.get(evaluation.metric)
    if score is None or base is None:
        return
    more = evaluation.direction == "maximize"
    surely = score.low > base if more else score.high < base
    beside = f"{evaluation.metric} {figure(score.value)} beside {figure(base)}"
    if surely:
        yield Check("Better than no features", "pass", f"surely: {beside}")
    else:
        worse = score.value <= base if more else score.value >= base
        words = "it is not better" if worse else "its interval reaches what looks at no feature"
        yield Check("Better than no features", "fail" if worse else "look", f"{words}: {beside}")


def _width(evaluation: Evaluation) -> Iterator[Check]:
    score, base = evaluation.scores.get(evaluation.metric), evaluation.baseline.get(evaluation.metric)
    if score is None or base is None:
        return
    half, gain = (score.high - score.low) / 2, abs(score.value - base)
    wide = half > gain / 2
    told = f"{figure(score.low)} to {figure(score.high)}"
    yield Check(
        "Interval",
        "look" if wide else "pass",
        f"{told}: wide beside what the features gain"
        if wide
        else f"{told}: narrow beside what the features gain",
    )


def _rows(evaluation: Evaluation) -> Iterator[Check]:
    few = evaluation.rows < FEW
    told = f"{evaluation.rows:,} rows held out" + (
        f", fewer than {FEW}: scores move by chance" if few else ""
    )
    yield Check("Rows", "look" if few else "pass", told)
    rare = {
        label: int(found["rows"])
        for label, found in evaluation.per_class.items()
        if found["rows"] < FEW_OF_A_CLASS
    }
    if evaluation.per_class:
        label = min(rare, key=lambda name: rare[name]) if rare else ""
        yield Check(
            "Rows of each class",
            "look" if rare else "pass",
            f"{fit(label, 60)} has {rare[label]:,} of them: its scores say little"
            if rare
            else f"each has {FEW_OF_A_CLASS} at least",
        )


def _sound(evaluation: Evaluation) -> Iterator[Check]:
    for text in evaluation.unsound:
        yield Check("Soundness", "fail" if "no number" in text else "look", fit(text, 400))
    if not evaluation.unsound:
        yield Check(
            "Soundness",
            "pass",
            "every prediction is one, and the hold-out is not surely worse than cross-validation promised",
        )
    for text in evaluation.targets_missed:
        yield Check("Target of the recipe", "fail", fit(text, 400))


def warnings(training: TrainingResult) -> tuple[str, ...]:
    """Notes of a fit that want somebody's eye; the others tell what was chosen."""
    doubtful = (n for n in training.notes if not n.startswith(FACTS) or any(d in n for d in DOUBTS))
    return tuple(doubtful)


def _converged(training: TrainingResult) -> Iterator[Check]:
    told = warnings(training)
    for note in told:
        yield Check("The fit", "look", sentence(fit(note, 400)))
    if not told:
        yield Check("The fit", "pass", "it ended as it should")


def _leaks(evaluation: Evaluation) -> Iterator[Check]:
    for leak in evaluation.leaks:
        names = " and ".join(fit(name, 60) for name in leak.columns)
        yield Check("Leakage", "fail" if leak.sure else "look", f"{names}: {fit(leak.text, 300)}")
    if not evaluation.leaks:
        yield Check("Leakage", "pass", "no feature is suspected of holding the answer")


def _mixed(evaluation: Evaluation) -> Iterator[Check]:
    for text in evaluation.mixed:
        yield Check("Two units", "look", fit(text, 300))


def _calibrated(evaluation: Evaluation) -> Iterator[Check]:
    for curve in evaluation.curves:
        if curve.name.startswith(CALIBRATION) and curve.low and len(curve.x) > 1:
            off, groups = beyond(curve), len(curve.x)
            bad = off > max(1, OFF * groups)
            name = "Calibration" + curve.title.removeprefix("Calibration")
            told = f"{off} of {groups} groups lie beyond their 95 % interval"
            yield Check(
                fit(name), "look" if bad else "pass", told + (": do not take it at its word" if bad else "")
            )


def beyond(curve: Curve) -> int:
    """Count the groups of a calibration whose interval does not hold what was predicted."""
    return sum(not low <= x <= high for x, low, high in zip(curve.x, curve.low, curve.high, strict=True))


def _parts(evaluation: Evaluation) -> Iterator[Check]:
    if not evaluation.parts:
        return
    worse = [part for part in evaluation.parts if part.worse]
    for part in worse:
        told = f"{fit(part.name, 120)}: loss of a row {figure(part.loss)}, {figure(part.others)} elsewhere"
        yield Check("Parts of the rows", "look", f"surely worse on {part.rows:,} rows, {told}")
    if not worse:
        yield Check("Parts of the rows", "pass", "none is surely worse than the others")


def _gate(promotion: Promotion) -> Iterator[Check]:
    failed = [check for check in promotion.checks if not check.passed]
    for check in failed:
        yield Check(f"The gate: {fit(check.name)}", "fail", fit(check.text, 400))
    if promotion.checks and not failed:
        yield Check("The gate", "pass", "nothing that it guards has become worse")
    worse = [part for part in promotion.segments if part.worse]
    for part in worse:
        told = f"champion {figure(part.champion_score)}, this model {figure(part.challenger_score)}"
        yield Check(f"The gate: {fit(part.segment)}", "fail", f"surely worse on {part.rows:,} rows: {told}")
