"""Streams in which nothing changes but whose rows belong together: entities, sensors in order of time, seasons.

Each goes through the product's own walk over a history: profile, predictions, earlier reports, pools and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.trust.table import Row, Workers
from ml_assets.backtest.fits import Fits, fixed_fit
from ml_assets.backtest.replay import Reports
from ml_assets.backtest.stream import Stream
from ml_assets.backtest.succession import Serving
from ml_assets.features.columns import roles
from ml_assets.quality.hints import Seen, hints
from ml_assets.recipe import Recipe
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.schema import Monitoring, Retraining, Training
from ml_assets.records import BatchEvidence, Champion, DriftReport, History, TrainingResult
from ml_assets.retraining.policy import decide_retrain

LEARNED = 12
"""Batches that the champion has learned."""
SENSORS = [f"s{k}" for k in range(6)]

RECIPE = """
name: together
model:
  class_path: sklearn.linear_model.Ridge
  loader: {{source_uri: "made/*.csv"}}
  data_interface: {{task_type: regression, target_col: y, entity_cols: [{entity}]}}
hyperparameter_tuning: {{metric: rmse}}
batches: {{column: at, period: {period}}}
"""
RIDGE = TrainingResult(
    class_path="sklearn.linear_model.Ridge",
    params={"alpha": 1.0},
    metric="rmse",
    direction="minimize",
    cv_scores=(),
    rows=0,
    features=(),
    excluded={},
    classes=None,
    random_state=0,
    seconds=0.0,
)


def recipe(period: str, entity: str = "") -> Recipe:
    """The default policy; entities are declared where they are named."""
    return parse_recipe(RECIPE.format(period=period, entity=entity))


@dataclass(frozen=True)
class World:
    """A stream that does not change.

    Parameters
    ----------
    period : str
        Of its batches.
    rows : callable
        From a generator and the beginnings of all batches to the rows of each batch.
    entity : str
        Column that names the entity.
    """

    period: str
    rows: Callable[[np.random.Generator, pd.DatetimeIndex], list[pd.DataFrame]]
    entity: str = ""


ENTITIES, ROWS_EACH = 400, 20


def entities(rng: np.random.Generator, starts: pd.DatetimeIndex) -> list[pd.DataFrame]:
    """50 of 400 customers a batch, 20 rows each; half of the variance is between customers."""
    own = rng.normal(size=(ENTITIES, 6))
    kinds = rng.choice(4, ENTITIES, p=[0.4, 0.3, 0.2, 0.1])
    batches = []
    for start in starts:
        who = np.repeat(rng.choice(ENTITIES, 50, replace=False), ROWS_EACH)
        n = len(who)
        values = np.sqrt(0.5) * (own[who] + rng.normal(size=(n, 6)))
        frame = pd.DataFrame(values, columns=SENSORS)
        likely = rng.random(n) < 0.7
        frame["kind"] = np.array(["a", "b", "c", "d"], dtype=object)[
            np.where(likely, kinds[who], rng.integers(0, 4, n))
        ]
        frame["customer"] = [f"c{k}" for k in who]
        frame["at"] = start + pd.to_timedelta(rng.integers(0, 24 * 3600, n), "s")
        batches.append(frame)
    return batches


def sensors(
    rng: np.random.Generator, starts: pd.DatetimeIndex, coefficient: float = 0.95
) -> list[pd.DataFrame]:
    """AR(1) sensors, a row every 15 minutes, which all go on from batch to batch."""
    from scipy.signal import lfilter

    step = starts[1] - starts[0]
    each = int(step / pd.Timedelta("15min"))
    noise = rng.normal(size=(each * len(starts) + 1000, len(SENSORS)))
    values = lfilter([np.sqrt(1 - coefficient**2)], [1, -coefficient], noise, axis=0)[1000:]
    frame = pd.DataFrame(values, columns=SENSORS)
    frame["at"] = pd.date_range(starts[0], periods=len(frame), freq="15min")
    return [frame.iloc[k * each : (k + 1) * each].reset_index(drop=True) for k in range(len(starts))]


def seasons(rng: np.random.Generator, starts: pd.DatetimeIndex) -> list[pd.DataFrame]:
    """A season of a year in each column, half a standard deviation high; 800 rows a month."""
    phase = rng.uniform(0, 2 * np.pi, len(SENSORS))
    batches = []
    for start in starts:
        day = rng.integers(0, start.days_in_month, 800)
        season = 0.5 * np.sin(2 * np.pi * (start.dayofyear + day[:, None]) / 365.25 + phase)
        frame = pd.DataFrame(season + rng.normal(size=(800, len(SENSORS))), columns=SENSORS)
        frame["at"] = start + pd.to_timedelta(day, "D")
        batches.append(frame)
    return batches


WORLDS = {
    "declared entities, 20 rows each": World("daily", entities, "customer"),
    "the same entities, undeclared": World("daily", entities),
    "AR(1) sensors every 15 minutes, daily batches": World("daily", sensors),
    "AR(1) sensors every 15 minutes, weekly batches": World("weekly", sensors),
    "yearly season in monthly batches": World("monthly", seasons),
}
FREQUENCY = {"daily": "D", "weekly": "W-MON", "monthly": "MS"}


def made(world: World, seed: int, batches: int) -> Stream:
    """A stream of the batches that are learned and those that come after."""
    rng = np.random.default_rng(seed)
    starts = pd.date_range("2018-01-01", periods=LEARNED + batches, freq=FREQUENCY[world.period])
    frames, first = {}, 0
    for start, frame in zip(starts, world.rows(rng, starts), strict=True):
        noise = rng.normal(size=len(frame))
        target = frame["s0"] + 0.5 * frame["s1"] + 0.3 * frame["s2"] * frame["s3"] + noise
        ids = np.arange(first, first + len(frame), dtype=np.uint64)
        frames[str(start.date())] = frame.assign(y=target, row_id__=ids)
        first += len(frame)
    return Stream(recipe(world.period, world.entity), frames)


def reports(stream: Stream, learned: int = LEARNED, forget: bool = False) -> Iterator[DriftReport]:
    """The report of each batch after those that were learned, knowing the earlier ones, or each by itself."""
    fits = Fits(stream, fixed_fit(stream.recipe, RIDGE))
    end = stream.labels[learned - 1]
    known, champion = Reports(fits), Serving(fits.get(end, "all"), end, 1)
    for batch in stream.labels[learned:]:
        yield (Reports(fits) if forget else known).drift(champion, batch)


def requests(reports_: Sequence[DriftReport]) -> int:
    """Retrains that the default policy asks for, one after another, none of them changing the champion."""
    asked = 0
    for k in range(len(reports_)):
        first = max(0, k - 5)
        batches = tuple(
            BatchEvidence(batch=report.batch, index=place, drift=report)
            for place, report in enumerate(reports_[first : k + 1], start=first + 1)
        )
        champion = Champion(version=1, as_of_index=0, trained_at="2025-01-01")
        history = History(recipe="stream", batches=batches, attempts=(), champion=champion)
        policy = (Retraining(max_age="off"), Monitoring(), Training())
        asked += decide_retrain("stream", *policy, history, "2025-01-01").action == "retrain"
    return asked


def quiet(seed: int, batches: int, name: str) -> tuple[int, int, int]:
    """Reports with rows enough, alarms, and requests of a stream that does not change."""
    found = list(reports(made(WORLDS[name], seed, batches)))
    judged = [report for report in found if report.status != "insufficient_data"]
    return len(judged), sum(report.status != "ok" for report in judged), requests(found)


def told(seed: int) -> int:
    """Whether `validate` tells of entities that nobody has declared, by the column that names them."""
    stream = made(WORLDS[UNDECLARED], seed, 3)
    seen = Seen(stream.rows, roles(stream.rows, stream.recipe), stream.recipe, whole=True)
    return int(any("'customer'" in text and "entity_cols" in text for text in hints(seen)))


SHARED, MOVED, EFFECTIVE = 0.1, 0.3, 1_000
"""Variance between entities, what the column moves by, rows of a batch that count."""


def power(seed: int, batches: int, together: bool) -> int:
    """How often a column of 30 is named that moved by .3 standard deviations, 12 batches being learned.

    A third of the others have a season of 12 batches. Rows are independent, or of entities with 20 rows each: then they
    are so many more that as many count.
    """
    rng = np.random.default_rng([seed, together])
    entities_ = round(EFFECTIVE * (1 + (ROWS_EACH - 1) * SHARED) / ROWS_EACH)
    rows = entities_ * ROWS_EACH if together else EFFECTIVE
    phase = rng.uniform(0, 2 * np.pi, 30)
    frames = {}
    for k, start in enumerate(pd.date_range("2018-01-01", periods=LEARNED + batches, freq="D")):
        values = rng.normal(size=(rows, 30))
        who = np.arange(rows)
        if together:
            who //= ROWS_EACH
            own = rng.normal(size=(entities_, 30))[who]
            values = np.sqrt(SHARED) * own + np.sqrt(1 - SHARED) * values
        values += np.where(np.arange(30) % 3 == 0, 0.5, 0.0) * np.sin(2 * np.pi * k / 12 + phase)
        values[:, 4] += MOVED * (k >= LEARNED)
        frames[str(start.date())] = pd.DataFrame(values, columns=[f"normal{j}" for j in range(30)]).assign(
            customer=who + k * rows,
            at=start,
            y=values[:, 5] + rng.normal(size=rows),
            row_id__=np.arange(k * rows, (k + 1) * rows, dtype=np.uint64),
        )
    found = reports(Stream(recipe("daily", "customer"), frames), forget=True)
    return sum(any(c.column == "normal4" and c.drifted for c in report.columns) for report in found)


UNDECLARED = "the same entities, undeclared"
BATCHES, STREAMS, CHANGED = 200, 5, 100
"""Batches of a world, in so many streams; changed batches, ten in a stream."""


def lines(pool: Workers, scale: float, seed: int) -> Iterator[Row]:
    """The lines about rows that belong together."""
    streams = max(2, round(STREAMS * scale))
    for name in WORLDS:
        each = (
            BATCHES // STREAMS * (4 if "daily batches" in name else 1)
        )  # of 96 rows: four are judged together
        parts = pool.each(quiet, [(seed + k, each, name) for k in range(streams)])
        count, alarms, asked = map(sum, zip(*parts, strict=True))
        text = f"{alarms / count:.1%} of batches, {asked} requests"
        if name != UNDECLARED:
            met = alarms <= 0.02 * count and not asked
            yield Row(f"no change: {name}", "≤ 2 %, 0 requests", text, met, count)
            continue
        said = sum(pool.each(told, [(seed + k,) for k in range(streams)]))
        text += f", told in {said} of {streams}"
        met = asked <= count / 100 and said == streams
        yield Row(f"no change: {name}", "≤ 1 request in 100, told", text, met, count)
    changed = max(2, round(CHANGED / 10 * scale))
    found = pool.each(power, [(seed + k, 10, together) for together in (False, True) for k in range(changed)])
    alone, together = (sum(part) / (10 * changed) for part in (found[:changed], found[changed:]))
    yield Row(
        "power: .3 sd, entities and seasons, as many rows that count",
        "≤ 10 points lost",
        f"{together:.0%}, {alone:.0%} of independent rows",
        together >= alone - 0.1,
        10 * changed,
    )
