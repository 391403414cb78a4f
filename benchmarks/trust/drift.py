"""Drift: false alarms, power, seasons, odd inputs and cost of the report that the pipeline itself makes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trust.table import Row, Workers, wilson, workers
from benchmarks.trust.together import lines as lines_together
from benchmarks.trust.together import recipe, reports, requests
from ml_assets.backtest.stream import Stream
from ml_assets.features.columns import Roles
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.reference import InMemory, Reference
from ml_assets.recipe.schema import Monitoring, Retraining, Training
from ml_assets.records import BatchEvidence, Champion, DriftReport, History, Profile
from ml_assets.retraining.breaches import drift_breach
from ml_assets.retraining.policy import decide_retrain

PAIRS = 2_000
BATCHES = 1_000
POWER = 200
STREAMS_OF_CHANGE = 50
REFERENCE, QUIET_REFERENCE = 10_000, 5_000
KINDS = {
    "normal": 5,
    "skewed": 4,
    "count": 4,
    "holes": 4,
    "zeros": 3,
    "level": 4,
    "binary": 3,
    "holey": 2,
    "many": 1,
}
"""30 columns: how many of each kind."""
NUMERIC_KINDS = ("normal", "skewed", "count", "holes", "zeros")
LEVELS = np.array([f"L{k}" for k in range(200)], dtype=object)
ZIPF = 1 / np.arange(1, 201)
DRAW: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skewed": lambda rng, n: np.exp(rng.normal(size=n)),
    "count": lambda rng, n: rng.poisson(2, n).astype(float),
    "holes": lambda rng, n: np.where(rng.random(n) < 0.05, np.nan, rng.normal(size=n)),
    "zeros": lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, np.exp(rng.normal(size=n))),
    "level": lambda rng, n: LEVELS[rng.choice(5, n, p=[0.4, 0.3, 0.15, 0.1, 0.05])],
    "binary": lambda rng, n: LEVELS[rng.integers(0, 2, n)],
    "holey": lambda rng, n: np.where(rng.random(n) < 0.1, None, LEVELS[rng.integers(0, 3, n)]),
    "many": lambda rng, n: LEVELS[rng.choice(200, n, p=ZIPF / ZIPF.sum())],
}


def columns(count: int = 30) -> list[str]:
    """Names of columns: each kind in its turn, so that any count is a mixture."""
    whole = [f"{kind}{i}" for kind, many in KINDS.items() for i in range(many)]
    if count >= 30:
        return [
            f"{name}_{k // 30}" if k >= 30 else name for k, name in ((k, whole[k % 30]) for k in range(count))
        ]
    return ["normal0", "skewed0", "holes0", "level0", "holey0"][:count]


def kind(name: str) -> str:
    """Kind of a column."""
    return name.partition("_")[0].rstrip("0123456789")


def world(rng: np.random.Generator, n: int, names: Sequence[str]) -> pd.DataFrame:
    """Independent columns; `normal0` and `normal1` go together (correlation .6)."""
    frame = pd.DataFrame({name: DRAW[kind(name)](rng, n) for name in names})
    if "normal1" in frame:
        frame["normal1"] = 0.6 * frame["normal0"] + 0.8 * frame["normal1"]
    return frame


def report(current: pd.DataFrame, reference: pd.DataFrame, min_rows: int = 300, **known: Any) -> DriftReport:
    """The product's own report."""
    names = list(reference.columns)
    numeric = [name for name in names if kind(name) in NUMERIC_KINDS]
    categorical = [name for name in names if name not in numeric]
    roles = Roles(tuple(numeric), tuple(categorical))
    kept = InMemory(reference, roles, profile=known.pop("profile", None))
    champion = Reference.of_rows(kept, min_rows, version=1, accepted=known.pop("accepted", {}))
    return drift_report(known.pop("batch", "b"), current, champion, **known)


def false_alarms(seed: int, pairs: int, rows: int, count: int, min_rows: int) -> int:
    """Alarms among fresh pairs without drift; the champion's predictions are among what is compared."""
    rng = np.random.default_rng(seed)
    names = columns(count)
    alarms = 0
    for _ in range(pairs):
        reference, current = world(rng, QUIET_REFERENCE, names), world(rng, rows, names)
        known = Profile(metric="rmse", predictions={"prediction": tuple(_champion(reference.head(2000)))})
        predictions = pd.DataFrame({"prediction": _champion(current)})
        found = report(current, reference, min_rows, profile=known, predictions=predictions)
        alarms += found.status not in ("ok", "insufficient_data")
    return alarms


def _champion(frame: pd.DataFrame) -> Any:
    """A model of two columns."""
    return 2 * frame["normal0"].to_numpy() + frame["skewed0"].to_numpy()


def _shifted(by: float) -> Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]:
    return lambda frame, rng: frame.assign(normal2=frame["normal2"] + by)


def _nulls(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(holes0=np.where(rng.random(len(frame)) < 0.15, np.nan, rng.normal(size=len(frame))))


def _new_level(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(level0=np.where(rng.random(len(frame)) < 0.02, "new", frame["level0"]))


def _other_shares(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(level0=LEVELS[rng.choice(5, len(frame), p=[0.3, 0.4, 0.15, 0.1, 0.05])])


def _broken(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.assign(normal1=rng.permutation(frame["normal1"].to_numpy()))


POWERS: dict[str, tuple[Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame], str, int]] = {
    ".25 sd": (_shifted(0.25), "normal2", 95),
    ".15 sd": (_shifted(0.15), "normal2", 75),
    "nulls 5→15 %": (_nulls, "holes0", 95),
    "2 % unseen": (_new_level, "level0", 95),
    "10-point category shift": (_other_shares, "level0", 75),
    "correlation break": (_broken, "normal1", 95),
}


def power(seed: int, pairs: int, what: str) -> int:
    """How often the change is found and its column named, at 1,000 rows against 10,000."""
    change, column, _ = POWERS[what]
    rng = np.random.default_rng(seed)
    names = columns()
    found = 0
    reference = world(rng, REFERENCE, names)
    for k in range(pairs):
        if k % 10 == 0:
            reference = world(rng, REFERENCE, names)
        result = report(change(world(rng, 1000, names), rng), reference)
        joint = result.joint is not None and result.joint.drifted
        named = {c.column for c in result.columns if c.drifted} | {
            name for pair in (result.joint.pairs if result.joint and joint else ()) for name in pair
        }
        found += result.status == "drift" and column in named
    return found


HEAVY = 0.9


def breaches(seed: int, pairs: int, count: int) -> int:
    """How often a batch breaches where one column moved by 1 sd that holds 90 % of the importance."""
    rng = np.random.default_rng(seed)
    names = columns(100)[:count]
    importance = {name: HEAVY if name == "normal0" else (1 - HEAVY) / (count - 1) for name in names}
    known = Profile(metric="rmse", importance=importance)
    found = 0
    for _ in range(pairs):
        reference, current = world(rng, QUIET_REFERENCE, names), world(rng, 1000, names)
        moved = current.assign(normal0=current["normal0"] + 1.0)
        found += drift_breach(report(moved, reference, profile=known), Retraining())
    return found


def pairs_named(seed: int, pairs: int) -> tuple[int, int]:
    """How often the pair whose correlation broke is named, and how often no other is."""
    rng = np.random.default_rng(seed)
    names = columns()
    named = clean = 0
    for _ in range(pairs):
        reference, current = world(rng, QUIET_REFERENCE, names), _broken(world(rng, 1000, names), rng)
        joint = report(current, reference).joint
        found = set(joint.pairs) if joint is not None and joint.drifted else set()
        named += ("normal0", "normal1") in found
        clean += not found - {("normal0", "normal1")}
    return named, clean


# Streams: batches one after another, each report knowing the earlier ones, as in the pipeline.


def seasonal(rng: np.random.Generator, batches: int) -> Any:
    """Means by batch and column: a season of 12 batches in a third of the columns, half a deviation high."""
    phase = rng.uniform(0, 2 * np.pi, 30)
    high = np.where(np.arange(30) % 3 == 0, 0.5, 0.0)
    time_ = np.arange(batches)[:, None]
    return high * np.sin(2 * np.pi * time_ / 12 + phase)


def autocorrelated(rng: np.random.Generator, batches: int) -> Any:
    """Means by batch and column: AR(1) of .7, with a deviation of .2."""
    means = np.zeros((batches, 30))
    means[0] = rng.normal(size=30)
    for t in range(1, batches):
        means[t] = 0.7 * means[t - 1] + np.sqrt(1 - 0.49) * rng.normal(size=30)
    return 0.2 * means


def _batch(rng: np.random.Generator, means: Any, rows: int = 1000) -> pd.DataFrame:
    values = rng.normal(size=(rows, len(means))) + means
    return pd.DataFrame(values, columns=[f"normal{k}" for k in range(len(means))])


TRAINING_BATCHES = 18
STREAMS = {"seasonal": seasonal, "AR(1)": autocorrelated}


def stream(rng: np.random.Generator, means: Any) -> Iterator[DriftReport]:
    """Report on each batch after the training ones, by the product's own walk over a history.

    The first four columns tell nothing of what is predicted.
    """
    frames = {}
    for k, start in enumerate(pd.date_range("2018-01-01", periods=len(means), freq="D")):
        frame = _batch(rng, means[k])
        target = frame["normal5"] + frame.iloc[:, 4:].mean(axis=1) + rng.normal(size=len(frame))
        ids = np.arange(k * len(frame), (k + 1) * len(frame), dtype=np.uint64)
        frames[str(start.date())] = frame.assign(y=target, at=start, row_id__=ids)
    return reports(Stream(recipe("daily"), frames), TRAINING_BATCHES)


def persistent(found: Sequence[DriftReport]) -> int:
    """Batches with an alarm that is there in 2 of the last 3, this one among them."""
    alarms = [report.status == "drift" for report in found]
    return sum(alarms[k] and sum(alarms[max(0, k - 2) : k + 1]) >= 2 for k in range(len(alarms)))


def quiet_stream(seed: int, batches: int, kind_: str) -> tuple[int, int, int]:
    """Batches, persistent alarms and retrain requests of a stream that does not change."""
    rng = np.random.default_rng(seed)
    found = list(stream(rng, STREAMS[kind_](rng, batches + TRAINING_BATCHES)))
    return len(found), persistent(found), requests(found)


def found_after(seed: int, streams: int, gradual: bool) -> list[int]:
    """Batches until a change of one column is named; it begins after 6 quiet batches."""
    found = []
    for k in range(streams):
        rng = np.random.default_rng([seed, k])
        means = np.zeros((TRAINING_BATCHES + 18, 30))
        start = TRAINING_BATCHES + 6
        after = np.arange(1, len(means) - start + 1)
        means[start:, 4] = np.minimum(0.05 * after, 0.5) if gradual else 0.5
        later = islice(stream(rng, means), 6, None)
        seen = (
            t for t, r in enumerate(later, 1) if any(c.column == "normal4" and c.drifted for c in r.columns)
        )
        found.append(next(seen, 99))
    return found


def unimportant(seed: int, batches: int) -> tuple[int, int, int]:
    """Batches, alarms and requests where 4 of 30 columns move of which the champion makes no use."""
    rng = np.random.default_rng(seed)
    means = np.zeros((TRAINING_BATCHES + batches, 30))
    means[TRAINING_BATCHES:, :4] = 0.5
    found = list(stream(rng, means))
    return len(found), sum(report.status == "drift" for report in found), requests(found)


# Odd inputs: what must come back, by name.


def odd_inputs(seed: int = 0) -> dict[str, tuple[bool, str]]:
    """Twelve batches as no batch should be: whether each was answered as it must be, and with what."""
    rng = np.random.default_rng(seed)
    names = columns()
    reference, batch = world(rng, 4000, names), world(rng, 1000, names)
    ids = [f"c{k}" for k in range(5000)]
    days = pd.date_range("2025-01-01", periods=5000).to_numpy()
    mixed = batch["normal0"].astype(object)
    mixed.iloc[::10] = "n/a"

    def fault(changed: pd.DataFrame, column: str, word: str) -> tuple[bool, str]:
        found = report(changed, reference)
        others = {c.column for c in found.columns if c.drifted} - {column}
        asked = decide_retrain(
            "odd", Retraining(max_age="off"), Monitoring(), Training(), _history(found), "now"
        ).action
        good = (
            found.status == "fault"
            and any(column in text and word in text for text in found.faults)
            and len(found.columns) == 30
            and not others
            and asked == "blocked"
        )
        return good, f"{found.status}: {found.faults[0] if found.faults else ''}"

    def state(changed: pd.DataFrame, status: str, past: pd.DataFrame = reference) -> tuple[bool, str]:
        found = report(changed, past)
        return found.status == status, f"{found.status}: {found.text}"

    def aside(column: str, values: Any, past: Any) -> tuple[bool, str]:
        found = report(batch.assign(**{column: values}), reference.assign(**{column: past}))
        return found.status == "ok" and column in found.set_aside, f"set aside: {found.set_aside.get(column)}"

    twice = pd.concat([batch, batch[["normal0"]]], axis=1)
    return {
        "×1000": fault(batch.assign(normal0=batch["normal0"] * 1000), "normal0", "unit"),
        "all out of range": fault(batch.assign(count0=batch["count0"] + 300), "count0", "unit"),
        "100 % unseen": fault(batch.assign(level0="other"), "level0", "never saw"),
        "all null": fault(batch.assign(normal0=np.nan), "normal0", "no usable value"),
        "inf": fault(batch.assign(normal0=np.inf), "normal0", "infinite"),
        "mixed types": fault(batch.assign(normal0=mixed), "normal0", "type"),
        "empty": state(batch.head(0), "insufficient_data"),
        "one row": state(batch.head(1), "insufficient_data"),
        "ids": aside("id", ids[4000:], ids[:4000]),
        "dates": aside("day", days[4000:], days[:4000]),
        "constant": aside("same", 3.0, 3.0),
        "duplicated columns": fault(twice, "normal0", "2 times"),
    }


def _history(found: DriftReport) -> History:
    champion = Champion(version=1, as_of_index=0, trained_at="2025-01-01")
    evidence = BatchEvidence(batch=found.batch, index=9, drift=found)
    return History(recipe="odd", batches=(evidence,), attempts=(), champion=champion)


def cost(seed: int, repeats: int = 5) -> tuple[float, float, float]:
    """CPU seconds at 10,000 × 30: our decision and Evidently's report (medians); ours at 1 million × 35."""
    from ml_assets.monitoring import evidently_report

    rng = np.random.default_rng(seed)
    names = columns()
    reference, current = world(rng, 10_000, names), world(rng, 10_000, names)
    numeric = [name for name in names if kind(name) in NUMERIC_KINDS]
    categorical = [name for name in names if name not in numeric]
    known = Profile(metric="rmse", predictions={"prediction": tuple(_champion(reference.head(2000)))})
    predictions = pd.DataFrame({"prediction": _champion(current)})

    def ours() -> None:
        report(current, reference, profile=known, predictions=predictions)

    def theirs() -> None:
        evidently_report.report(reference, current, numeric, categorical)

    ours()
    theirs()
    mine = float(np.median([cpu(ours) for _ in range(repeats)]))
    evidently = float(np.median([cpu(theirs) for _ in range(3)]))
    many = columns(35)
    part = world(rng, 100_000, many)
    big = pd.concat([part] * 10, ignore_index=True)
    for name in many:  # else every row is there ten times
        if kind(name) in ("normal", "skewed"):
            big[name] = DRAW[kind(name)](rng, len(big))
    return mine, evidently, cpu(lambda: report(big, big.head(50_000)))


def cpu(function: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    function()
    return time.process_time() - started


# The lines.

QUIET = ((30, 500, 300), (30, 1000, 300), (30, 10_000, 300), (5, 1000, 300), (100, 1000, 300))
"""Columns, rows and `min_rows` of the pairs without drift."""
SPARED = {(30, 10_000): 4, (100, 1000): 2}
"""Of these, which are dear, one pair in so many: of 500 pairs without an alarm the interval ends at .8 %."""


def rows(scale: float, seed: int, jobs: int) -> list[Row]:
    """Every line about drift; at scale 1 with 2,000 pairs and 1,000 batches."""
    with workers(jobs) as pool:
        lines = [pool.tell(line) for line in _lines(pool, scale, seed)]
    mine, evidently, million = cost(seed)  # alone, while no other process works
    ratio = evidently / mine
    return [
        *lines,
        Row("CPU of a decision on 10,000 × 30", "≤ 150 ms", f"{1000 * mine:.0f} ms", mine <= 0.15, 5),
        Row("Evidently's preset / ours", "≥ 10", f"{ratio:.0f} ({evidently:.2f} s)", ratio >= 10, 3),
        Row("CPU of a decision on 1 million × 35", "≤ 5 s", f"{million:.1f} s", million <= 5, 1),
    ]


def _lines(pool: Workers, scale: float, seed: int) -> Iterator[Row]:
    pairs, power_pairs = max(40, int(PAIRS * scale)), max(40, int(POWER * scale))
    batches, streams = max(100, int(BATCHES * scale)), max(10, int(STREAMS_OF_CHANGE * scale))
    for count, n, least in QUIET:
        some = pairs // SPARED.get((count, n), 1)
        alarms = pool.total(false_alarms, seed + n + count, some, n, count, least)
        yield _alarm_line(f"no drift, {count} columns, {n:,} rows", alarms, some)
    for n in (100, 50):
        alarms = pool.total(false_alarms, seed + n, pairs, n, 30, 30)
        yield _alarm_line(f"no drift, 30 columns, {n} rows (min_rows 30)", alarms, pairs)
    for name in STREAMS:
        parts = pool.each(quiet_stream, [(seed + k, batches // 4, name) for k in range(4)])
        total, alarms, asked = map(sum, zip(*parts, strict=True))
        share = alarms / total
        text = f"{share:.1%} of batches, {asked} retrains"
        yield Row(f"{name} batches", "≤ 2 %, 0 retrains", text, share <= 0.02 and asked == 0, total)
    for what, (_, _, goal) in POWERS.items():
        share = pool.total(power, seed, power_pairs, what) / power_pairs
        yield Row(f"power: {what}", f"≥ {goal} %", f"{share:.1%}", share >= goal / 100, power_pairs)
    some = power_pairs // 20 * 10
    for count in (10, 30, 100):
        share = pool.total(breaches, seed, some, count) / some
        what = f"one column of {count} with 90 % of the importance moved, 1 sd"
        yield Row(what, "breach in ≥ 95 %", f"{share:.1%}", share >= 0.95, some)
    parts = pool.each(pairs_named, [(seed + k, power_pairs // 10) for k in range(10)])
    named, clean = (sum(part[k] for part in parts) / (power_pairs // 10 * 10) for k in (0, 1))
    text = f"named in {named:.1%}, no other in {clean:.1%}"
    what = "correlation of one pair of 30 columns broken"
    yield Row(what, "≥ 95 %, ≥ 95 %", text, min(named, clean) >= 0.95, power_pairs // 10 * 10)
    yield from lines_together(pool, scale, seed)
    for gradual, most in ((False, 2), (True, 6)):
        name = "gradual 0→.5 sd over 10 batches" if gradual else "abrupt .5 sd"
        parts = pool.each(found_after, [(seed + k, streams // 5, gradual) for k in range(5)])
        found = [batches_ for part in parts for batches_ in part]
        worst = float(np.quantile(found, 0.95, method="inverted_cdf"))
        text = f"median {np.median(found):.0f}, 95 % within {worst:.0f}"
        yield Row(name, f"within {most} batches", text, worst <= most, len(found))
    total, alarms, asked = unimportant(seed, max(30, batches // 10))
    text, met = f"reported in {alarms / total:.0%} of batches, {asked} requests", alarms == total
    yield Row("shift of columns without importance", "reported, 0 requests", text, met and not asked, total)
    answers = odd_inputs(seed)
    good = sum(passed for passed, _ in answers.values())
    bad = ", ".join(name for name, (passed, _) in answers.items() if not passed)
    text = f"{good} of {len(answers)} {bad}".strip()
    yield Row("odd inputs", "12 of 12", text, good == 12, len(answers))


def _alarm_line(what: str, alarms: int, count: int) -> Row:
    high = wilson(alarms, count)[1]
    met = alarms / count <= 0.01 and (high <= 0.015 or count < PAIRS)
    return Row(what, "≤ 1 % (≤ 1.5 %)", f"{alarms / count:.2%} (≤ {high:.2%})", met, count)
