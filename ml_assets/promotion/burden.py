"""What a challenger must show: that it is better, or only that it is not worse; by itself, whatever was learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_assets.promotion.ageing import SURE, Ageing, ageing_of
from ml_assets.shown import figure

if TYPE_CHECKING:
    from ml_assets.promotion.judged import Judged
    from ml_assets.promotion.paired import Paired
    from ml_assets.recipe.schema import PromotionSection

PROOF = (
    2.24  # standard errors by which a challenger must be better where its forerunners gained nothing: 1.25 %
)
WHOLLY = (
    2.0  # times as sure as "surely gained": then no proof is asked for, and rows may fall short by chance
)
SCEPTICISM = (
    2.0  # standard deviation of what a challenger truly gains, in units of what its forerunners let expect
)
SHOWN = 0.5  # part of what its forerunners let expect that a challenger's own rows must show
SHORT = (
    0.84  # or they fall short of it by no more standard errors than those of four in five that are as good
)
HARM = (
    0.0125  # or, once no proof is asked for, they rule out a loss of this part of the score, a point at .8 …
)
RULED_OUT = 2.33  # … by so many standard errors: one-sided 1 %


@dataclass(frozen=True)
class Burden:
    """What was asked of a challenger: the error allowed to each end of the interval, whether it passed, in words."""

    alpha: float
    passed: bool
    words: str
    learned: bool = False
    """Whether earlier challengers had a say."""


def spent(confidence: float, looks: int) -> float:
    """One-sided error allowed at the next look at a champion, after `looks` earlier ones.

    The shares 1/(1·2), 1/(2·3), 1/(3·4) … add up to one, so all looks together err with (1 - confidence) / 2.

    >>> spent(0.95, 0), round(sum(spent(0.95, look) for look in range(100_000)), 6)
    (0.0125, 0.025)
    """
    return allowed(confidence) / ((looks + 1) * (looks + 2))


def allowed(confidence: float) -> float:
    """One-sided error of an interval.

    >>> allowed(0.95)
    0.025
    """
    return round((1 - confidence) / 2, 12)


def burden(result: Paired, judged: Judged, metric: str, promotion: PromotionSection) -> Burden:
    """Ask of a challenger what `promotion.when` says.

    `auto` lets pass what `better` does, and lets what is known of earlier challengers count: where newer models have
    gained before, less proof is enough. Once they together have gained without doubt, that is turned round: one
    passes if by what they and its rows say it is rather better than worse. Its own rows must show half of what those
    before let expect, or fall short of it by no more than chance would have it, or rule out that it does harm. One that
    they call surely worse never passes.
    """
    if promotion.when == "not_worse":
        return _not_worse(result, promotion)
    past = judged.past
    known = ageing_of(past.comparisons, past.index, metric) if past is not None else None
    if promotion.when == "better" or past is None or known is None or past.age <= 0:
        return _better(result, promotion, judged.looks)
    by_itself = _better(result, promotion, judged.looks)
    return by_itself if by_itself.passed else _learned(result, promotion, known, past.age)


def _better(result: Paired, promotion: PromotionSection, looks: int) -> Burden:
    alpha = spent(promotion.confidence, looks)
    passed = result.gain - result.half(alpha) > promotion.min_gain
    return Burden(alpha, passed, f"surely more than {promotion.min_gain:g}")


def _not_worse(result: Paired, promotion: PromotionSection) -> Burden:
    alpha = allowed(promotion.confidence)
    return Burden(alpha, result.gain + result.half(alpha) >= 0, "not surely worse")


def _learned(result: Paired, promotion: PromotionSection, known: Ageing, age: float) -> Burden:
    """Join what earlier challengers let expect with what the rows say, each by its certainty (normal, conjugate).

    The proof that is asked for shrinks to none as it becomes sure that newer models have gained. Then its own rows may
    fall short of what is expected as far as chance would have it: where they are few, they know little.
    """
    alpha = allowed(promotion.confidence)
    expected = known.loss * age
    belief = (known.error * age) ** 2 + (SCEPTICISM * expected) ** 2
    # A sum of nothing has no error; no challenger is judged by nothing.
    rows = max(result.error**2 + known.spread**2 * age, 1e-300)
    surely_worse = result.gain + result.half(alpha) * math.sqrt(rows) / max(result.error, 1e-150) < 0
    mean = (expected * rows + result.gain * belief) / (rows + belief)
    error = math.sqrt(rows * belief / (rows + belief))
    certainty = max(0.0, known.loss / known.error) / SURE
    needed = PROOF * max(0.0, 1 - certainty / WHOLLY)
    short = SHORT * min(max(0.0, (certainty - 1) / (WHOLLY - 1)), 1.0)
    hoped = max(0.0, expected)
    least = min(SHOWN * hoped, hoped - short * math.sqrt(rows))
    if needed == 0:
        least = min(least, RULED_OUT * math.sqrt(rows) - HARM * known.score)
    passed = mean - needed * error > promotion.min_gain and result.gain >= least and not surely_worse
    words = (
        f"newer models gained {figure(known.loss, 2)} for each batch that they had learned more (error "
        f"{figure(known.error, 2)}, {known.count} comparisons), "
    )
    words += (
        "surely: what is rather better than worse passes"
        if needed == 0
        else "not that surely: proof is asked for"
    )
    words += f"; with its rows, {figure(mean, 2)} ± {figure(error, 2)} is expected of this one"
    words += f", which must gain {figure(least, 2)} on them" * (hoped > 0)
    return Burden(alpha, passed, words, learned=True)
