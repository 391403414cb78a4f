"""Does the gate promote what it should? Simulated pairs of models of known quality, beside the goals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trust import bound
from benchmarks.trust.few_positives import gate_lines
from benchmarks.trust.table import Row, Workers, wilson, workers
from ml_assets.evaluation.segments import segments
from ml_assets.promotion.gate import decide_promotion
from ml_assets.promotion.judged import Judged, Measure, Past
from ml_assets.promotion.paired import compare
from ml_assets.promotion.probation import decide_probation
from ml_assets.recipe.schema import Monitoring, PromotionSection, Retraining, Training
from ml_assets.records import (
    Attempt,
    BatchEvidence,
    Champion,
    Direction,
    Evaluation,
    History,
    PerformanceReport,
    Promotion,
    Score,
)
from ml_assets.retraining.policy import decide_retrain

PAIRS = 1000
ROWS = 5000
AGREEMENT = 0.7
"""Share of the rows on which both models have the same luck: of two models of 80 % accuracy, 10 % of the rows
differ. Retrained models agree more than that, which makes every case easier."""

DEFAULTS, NOT_WORSE = PromotionSection(), PromotionSection(when="not_worse")
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


def judge(
    pair: Pair,
    metric: str = "accuracy",
    looks: int = 0,
    promotion: PromotionSection = DEFAULTS,
    past: Past | None = None,
) -> Promotion:
    """Ask the gate as the graph does."""
    direction: Direction = "minimize" if metric == "rmse" else "maximize"
    columns = [c for c in ("region",) if c in pair.frame]
    return decide_promotion(
        Judged(
            pair.y,
            pair.champion,
            pair.challenger,
            segments=segments(pair.frame, columns, pair.frame.columns),
            looks=looks,
            past=past,
        ),
        Measure(metric, direction, positive=None),
        promotion,
        JUDGED.model_copy(update={"metric": metric}),
    )


def one_worse(generator: np.random.Generator, worst: float = 0.72) -> Pair:
    """Four points better in four regions, eight worse in the fifth: 1.6 points better overall."""
    return classifiers(generator, 0.80, [0.84, 0.84, 0.84, 0.84, worst])


def ten_in_a_row(generator: np.random.Generator) -> bool:
    """Whether any of ten equal challengers of one champion is promoted."""
    return any(
        judge(classifiers(generator, 0.8, 0.8, rows=500), looks=look).outcome == "promote"
        for look in range(10)
    )


def better(generator: np.random.Generator) -> bool:
    """What everybody does: the higher score wins."""
    pair = classifiers(generator, 0.8, 0.8)
    right = [(side["prediction"] == pair.y).mean() for side in (pair.champion, pair.challenger)]
    return bool(right[1] > right[0])


def _pair(
    make: Callable[..., Pair],
    *quality: Any,
    metric: str = "accuracy",
    promotion: PromotionSection = DEFAULTS,
    **more: Any,
) -> Callable[[Any], bool]:
    def promoted(generator: Any) -> bool:
        return judge(make(generator, *quality, **more), metric, promotion=promotion).outcome == "promote"

    return promoted


def after_gains(accuracy: float, rows: int, before: float = 0.82) -> Callable[[np.random.Generator], bool]:
    """A challenger after six others, each judged on 1,000 rows: by default two points better than their champions."""

    def simulate(generator: np.random.Generator) -> bool:
        told = []
        for index in range(6):
            pair = classifiers(generator, 0.80, before, rows=1000)
            result = compare(pair.y, pair.champion, pair.challenger, "accuracy", positive=None)
            assert result is not None
            told.append(Past((), index, 1.0).comparison(result, "accuracy"))
        past = Past(tuple(each for each in told if each is not None), 6, 1.0)
        return judge(classifiers(generator, 0.80, accuracy, rows=rows), past=past).outcome == "promote"

    return simulate


def rolled_back(champion: float, previous: float) -> Callable[[np.random.Generator], bool]:
    """Whether a new champion goes within its probation: two labelled batches of 1,000 rows."""

    def simulate(generator: np.random.Generator) -> bool:
        pair = classifiers(generator, previous, champion, rows=2000)
        return any(
            decide_probation(
                Judged(pair.y[:rows], pair.champion[:rows], pair.challenger[:rows]),
                Measure("accuracy", "maximize", positive=None),
                DEFAULTS,
                batches,
                2,
                1,
            ).outcome
            == "rollback"
            for rows, batches in ((1000, ["a"]), (2000, ["a", "b"]))
        )

    return simulate


def flapping(generator: np.random.Generator, batches: int = 100) -> tuple[int, int]:
    """Trainings, and the most that the budget allows, when the metric flaps and every challenger ties."""
    policy = Retraining(performance_threshold=0.8, max_age="off")
    seen: list[BatchEvidence] = []
    attempts: list[Attempt] = []
    for index in range(1, batches + 1):
        value = float(generator.choice([0.70, 0.85]))
        report = PerformanceReport(
            batch=f"b{index:03}",
            scored_batch=f"b{index:03}",
            champion_version=1,
            status="ok",
            metric="accuracy",
            direction="maximize",
            rows=1000,
            coverage=1.0,
            score=Score(value=value, low=value - 0.03, high=value + 0.03),
        )
        seen.append(BatchEvidence(batch=report.batch, index=index, performance=report))
        history = History(
            recipe="flapping",
            batches=tuple(seen[-20:]),
            attempts=tuple(attempts),
            champion=Champion(version=1, as_of_index=0, trained_at=""),
        )
        decision = decide_retrain("flapping", policy, Monitoring(), Training(), history, "")
        if decision.retrain:
            outcome = "keep" if generator.random() < 0.5 else "inconclusive"
            attempts.append(Attempt(batch_index=index, outcome=outcome, at=""))
    return len(attempts), policy.budget.retrains * -(-batches // policy.budget.batches)


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
        "≤",
        0.05,
    ),
    "when: auto, those before gained 2 points, 2 points better, 1,000 rows": (
        after_gains(0.82, 1000),
        "≥",
        0.80,
    ),
    "when: auto, those before gained 2 points, 1 point worse, 5,000 rows": (
        after_gains(0.79, 5000),
        "≤",
        0.01,
    ),
    "when: auto, those before gained 2 points, 1 point worse, 1,000 rows": (
        after_gains(0.79, 1000),
        "≤",
        0.01,
    ),
    "when: auto, those before gained nothing, 1 point worse, 5,000 rows": (
        after_gains(0.79, 5000, before=0.80),
        "≤",
        0.01,
    ),
    "when: auto, those before gained nothing, 1 point worse, 1,000 rows": (
        after_gains(0.79, 1000, before=0.80),
        "≤",
        0.01,
    ),
    "when: auto, those before gained nothing, equal, 5,000 rows": (
        after_gains(0.80, 5000, before=0.80),
        "",
        float("nan"),
    ),
    "when: not_worse, 3 points worse, 5,000 rows": (
        _pair(classifiers, 0.80, 0.77, promotion=NOT_WORSE),
        "≤",
        0.05,
    ),
    "when: not_worse, equal, 5,000 rows": (
        _pair(classifiers, 0.80, 0.80, promotion=NOT_WORSE),
        "",
        float("nan"),
    ),
    "equal, and the higher score wins (no gate)": (better, "", float("nan")),
}


PROBATION: dict[str, tuple[Callable[[np.random.Generator], bool], str, float]] = {
    "5 points worse than the champion before": (rolled_back(0.75, 0.80), "≥", 0.95),
    "3 points worse": (rolled_back(0.77, 0.80), "", float("nan")),
    "equal": (rolled_back(0.80, 0.80), "≤", 0.025),
    "2 points better": (rolled_back(0.82, 0.80), "≤", 0.005),
}


def happened(seed: int, count: int, name: str) -> int:
    """How often a case of `CASES` or `PROBATION` happened in a number of simulations."""
    simulate = (CASES | PROBATION)[name][0]
    return sum(simulate(np.random.default_rng([seed, number])) for number in range(count))


def rows(scale: float, seed: int, jobs: int) -> list[Row]:
    """Every line about the gate and the probation; at scale 1 with 1,000 pairs."""
    pairs = max(50, int(PAIRS * scale))
    with workers(jobs) as pool:
        lines = [
            pool.tell(_line(pool, f"{what}: {name}", name, seed + number, pairs))
            for what, cases in (("promoted", CASES), ("rolled back in two batches", PROBATION))
            for number, name in enumerate(cases)
        ]
        lines += [*bound.lines(AGREEMENT), *gate_lines(pool, pairs, seed)]
    runs = [flapping(np.random.default_rng([seed, number])) for number in range(20)]
    most, allowed = max(trained for trained, _ in runs), runs[0][1]
    name = "flapping metric, every challenger ties: most trainings in 100 batches"
    return [*lines, Row(name, f"≤ {allowed} (the budget)", str(most), most <= allowed, len(runs))]


def _line(pool: Workers, title: str, name: str, seed: int, pairs: int) -> Row:
    _, sign, goal = (CASES | PROBATION)[name]
    hits = pool.total(happened, seed, pairs, name)
    low, high = wilson(hits, pairs)
    share = hits / pairs
    met = None if not sign else share <= goal if sign == "≤" else share >= goal
    measured = f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    return Row(title, f"{sign} {100 * goal:g} %" if sign else "–", measured, met, pairs)
