"""Whether drift did harm: by the live scores of the drifted batches; before their labels, by the estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.records import DriftReport, Estimate, PerformanceReport
from ml_assets.retraining.breaches import LEAST_LOSS, SIGNIFICANCE
from ml_assets.retraining.together import pooled_p_value
from ml_assets.shown import figure


@dataclass(frozen=True)
class Harm:
    """Whether it did, in words; None: nothing tells."""

    done: bool | None
    words: str


def harm_of(
    drifted: Sequence[DriftReport],
    live: Sequence[PerformanceReport],
    estimates: Sequence[Estimate],
    k: int,
) -> Harm:
    """Say whether the drift of some batches made the champion worse.

    Once the labels of k of them are known: whether their live scores together are worse than on the hold-out with
    one-sided p < 0.01; drift is a witness of its own, so no least loss is asked for. Until then the estimates of the
    others count, too: worse by what a breach takes at least, 2 % of the hold-out's value (errors: 5 %).

    Parameters
    ----------
    drifted : sequence of DriftReport
        Breaches of one champion.
    live : sequence of PerformanceReport
        Reports on it, one for each scored batch.
    estimates : sequence of Estimate
        Of its scores, before the labels.
    k : int
        Drifted batches whose labels must be known for an answer without estimates.
    """
    if not drifted:
        return Harm(None, "")
    scored = [each for each in live if each.status == "ok" and each.p_value is not None]
    judged = [each for each in scored if any(_scored(each) & _drifted(one) for one in drifted)]
    known = set[str]().union(*map(_scored, judged))
    waiting = {one.batch for one in drifted if not known & _drifted(one)}
    labelled = _by_labels(judged) if judged else None
    if labelled is not None and (labelled.done or len(drifted) - len(waiting) >= k):
        return labelled
    guesses = [guess for guess in estimates if guess.batch in waiting and guess.value is not None]
    if not guesses or not live or live[-1].holdout is None:
        return Harm(None, "neither labels nor an estimate tell whether it does harm")
    return _by_estimate(guesses, live[-1])


def _drifted(report: DriftReport) -> set[str]:
    return {report.batch, *report.pooled}


def _scored(report: PerformanceReport) -> set[str]:
    return {report.scored_batch or report.batch, *report.pooled}


def _by_labels(judged: Sequence[PerformanceReport]) -> Harm:
    worse = pooled_p_value(judged) < SIGNIFICANCE
    values = ", ".join(figure(each.score.value) for each in judged if each.score is not None)
    where = ", ".join(each.scored_batch or each.batch for each in judged)
    return Harm(worse, f"live {judged[-1].metric} {values} in {where}, {_beside(judged[-1], worse)}")


def _by_estimate(guesses: Sequence[Estimate], known: PerformanceReport) -> Harm:
    values = [guess.value for guess in guesses if guess.value is not None]
    assert known.holdout is not None
    sign = 1 if known.direction == "maximize" else -1
    loss = sign * (known.holdout.value - sum(values) / len(values))
    worse = loss >= LEAST_LOSS[known.direction] * abs(known.holdout.value)
    where = ", ".join(guess.batch for guess in guesses)
    words = f"estimated {known.metric} {', '.join(map(figure, values))} in {where}, without labels"
    return Harm(worse, f"{words}, {_beside(known, worse)}")


def _beside(report: PerformanceReport, worse: bool) -> str:
    holdout = figure(report.holdout.value) if report.holdout is not None else "–"
    return f"{'worse than' if worse else 'not worse than'} {holdout} on the hold-out"
