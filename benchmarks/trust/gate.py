"""Does the gate promote what it should? Simulated pairs of models of known quality, beside the goals."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.evaluate import wilson
from ml_assets.promotion.gate import decide_promotion
from ml_assets.promotion.segments import segments
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Evaluation, Promotion, Score

PAIRS = 1000
ROWS = 5000
AGREEMENT = 0.7
"""Share of the rows on which both models have the same luck: of two models of 80 % accuracy, 10 % of the rows
differ. Retrained models agree more than that, which makes every case easier."""

REGIONS = ("north", "east", "south", "west", "centre")

JUDGED = Evaluation(
    metric="accuracy",
    direction="maximize",
    rows=ROWS,
    scores={"accuracy": Score(value=0.8, low=0.79, high=0.81)},
    baseline={"accuracy": 0.5},
)


@dataclass(frozen=True)
class Pair:
    """Labels, two models' predictions, and the rows they are for."""

    y: pd.Series[Any]
    champion: pd.DataFrame
    challenger: pd.DataFrame
    frame: pd.DataFrame


def classifiers(
    generator: np.random.Generator,
    champion: Any,
    challenger: Any,
    rows: int = ROWS,
    agreement: float = AGREEMENT,
) -> Pair:
    """Two classifiers with calibrated probabilities; an accuracy is a number, or one for each region."""
    y = np.where(generator.random(rows) < 0.5, "no", "yes")
    region = generator.integers(0, len(REGIONS), rows)
    income = np.where(generator.random(rows) < 0.2, np.nan, generator.normal(size=rows))
    luck, own = generator.random(rows), generator.random((2, rows))
    shared = generator.random(rows) < agreement
    sides = []
    for mine, accuracy in zip(own, (champion, challenger), strict=True):
        chance = np.broadcast_to(np.asarray(accuracy, float), len(REGIONS))[region]
        right = np.where(shared, luck, mine) < chance
        yes = right == (y == "yes")
        probability = np.where(yes, chance, 1 - chance)
        answers = {"prediction": np.where(yes, "yes", "no")}
        sides.append(
            pd.DataFrame(answers | {"probability_no": 1 - probability, "probability_yes": probability})
        )
    frame = pd.DataFrame({"region": np.array(REGIONS)[region], "income": income})
    return Pair(pd.Series(y, dtype=object), sides[0], sides[1], frame)


def scorers(generator: np.random.Generator, champion: float, challenger: float, rows: int = ROWS) -> Pair:
    """Two scores with classes the given number of standard deviations apart; half the noise is shared."""
    yes = generator.random(rows) < 0.3
    noise = generator.normal(size=rows)
    sides = []
    for signal in (champion, challenger):
        mixed = (noise + generator.normal(size=rows)) / np.sqrt(2)
        chance = 1 / (1 + np.exp(-(signal * (yes - 0.5) + mixed)))
        sides.append(
            pd.DataFrame({"prediction": "no", "probability_no": 1 - chance, "probability_yes": chance})
        )
    return Pair(
        pd.Series(np.where(yes, "yes", "no"), dtype=object),
        sides[0],
        sides[1],
        pd.DataFrame(index=range(rows)),
    )


def regressors(generator: np.random.Generator, champion: float, challenger: float, rows: int = ROWS) -> Pair:
    """Two regressors with heavy-tailed errors of the given size; half the error is shared."""
    y = generator.normal(size=rows)
    noise = generator.standard_t(4, size=rows)
    sides = [
        pd.DataFrame({"prediction": y + error * (noise + generator.standard_t(4, size=rows)) / 2})
        for error in (champion, challenger)
    ]
    return Pair(pd.Series(y), sides[0], sides[1], pd.DataFrame(index=range(rows)))


def judge(pair: Pair, metric: str = "accuracy", looks: int = 0) -> Promotion:
    """Ask the gate as the graph does."""
    direction = "minimize" if metric == "rmse" else "maximize"
    columns = [c for c in ("region",) if c in pair.frame]
    return decide_promotion(
        pair.y,
        pair.champion,
        pair.challenger,
        metric,
        direction,  # type: ignore[arg-type]
        PromotionSection(),
        JUDGED.model_copy(update={"metric": metric}),
        0,
        looks=looks,
        segments=segments(pair.frame, columns, pair.frame.columns),
    )


def one_worse(generator: np.random.Generator, worst: float = 0.72) -> Pair:
    """Four points better in four regions, eight worse in the fifth: 1.6 points better overall."""
    return classifiers(generator, 0.80, [0.84, 0.84, 0.84, 0.84, worst])


def ten_in_a_row(generator: np.random.Generator) -> bool:
    """Whether any of ten equal challengers of one champion is promoted."""
    return any(
        judge(classifiers(generator, 0.8, 0.8, rows=1000), looks=look).outcome == "promote"
        for look in range(10)
    )


def better(generator: np.random.Generator) -> bool:
    """What everybody does: the higher score wins."""
    pair = classifiers(generator, 0.8, 0.8)
    right = [(side["prediction"] == pair.y).mean() for side in (pair.champion, pair.challenger)]
    return bool(right[1] > right[0])


def _pair(
    make: Callable[..., Pair], *quality: Any, metric: str = "accuracy", **more: Any
) -> Callable[[Any], bool]:
    return lambda generator: judge(make(generator, *quality, **more), metric).outcome == "promote"


CASES: dict[str, tuple[Callable[[np.random.Generator], bool], str, float]] = {
    "equal, 5,000 rows": (_pair(classifiers, 0.8, 0.8), "≤", 0.025),
    "equal, 300 rows": (_pair(classifiers, 0.8, 0.8, rows=300), "≤", 0.025),
    "equal, by area under the curve": (_pair(scorers, 1.0, 1.0, metric="roc_auc", rows=2000), "≤", 0.025),
    "equal, by heavy-tailed errors": (_pair(regressors, 1.0, 1.0, metric="rmse", rows=2000), "≤", 0.025),
    "ten equal challengers in a row, any": (ten_in_a_row, "≤", 0.025),
    "2 points worse, 5,000 rows": (_pair(classifiers, 0.80, 0.78), "≤", 0.005),
    "2 points better, 5,000 rows": (_pair(classifiers, 0.80, 0.82), "≥", 0.80),
    "1.6 points better overall, 8 worse in one of five segments": (
        lambda generator: judge(one_worse(generator)).outcome == "promote",
        "≤",
        0.05,
    ),
    "2.4 points better overall, 4 worse in one of five segments": (
        lambda generator: judge(one_worse(generator, 0.76)).outcome == "promote",
        "",
        float("nan"),
    ),
    "equal, and the higher score wins (no gate)": (better, "", float("nan")),
}


def measure(pairs: int = PAIRS) -> tuple[str, dict[str, Any]]:
    """Promoted shares of `pairs` simulated pairs a case, as a Markdown table beside the goals."""
    lines = [
        f"| gate, {pairs:,} simulated pairs each | promoted | 95 % interval | goal | |",
        "|---|---|---|---|---|",
    ]
    results: dict[str, Any] = {}
    for number, (name, (promoted, sign, goal)) in enumerate(CASES.items()):
        started = time.perf_counter()
        generators = [np.random.default_rng([number, pair]) for pair in range(pairs)]
        share = sum(promoted(generator) for generator in generators) / pairs
        low, high = wilson(share, pairs)
        met = None if not sign else share <= goal if sign == "≤" else share >= goal
        wanted = f"{sign} {100 * goal:g} %" if sign else "–"
        verdict = "" if met is None else "met" if met else "**missed**"
        lines.append(
            f"| {name} | {100 * share:.1f} % | {100 * low:.1f} to {100 * high:.1f} % | {wanted} | {verdict} |"
        )
        results[name] = {"share": share, "low": low, "high": high, "goal": goal if sign else None, "met": met}
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return "\n".join(lines), {"pairs": pairs, "cases": results}


if __name__ == "__main__":
    print(measure()[0])
