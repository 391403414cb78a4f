"""`python -m benchmarks.serving [--seconds 8] [--peers mlflow bentoml mlserver]`: this server beside others.

24 numbers, 6 columns of text, XGBoost of 300 trees; one worker each; load by wrk on loopback, which needs a core of its
own. Some five minutes, and what the peers' environments take the first time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.inference import LEARNED, made, numbers
from benchmarks.peers import NotThereError
from benchmarks.serving.load import Load, loaded, see_wrk
from benchmarks.serving.servers import PEERS, Running, running

ALONE, MANY, COLUMNS = 100, 1_000, 10_000
"""Rows that are sent one by one, and by turns; rows of a large request, and of one of columns."""
GOALS = {"mlflow": 30.0, "bentoml": 15.0, "mlserver": 15.0}
"""Times as many requests a second on 16 connections as each."""
SLOWEST, EVER, ROWS, TIMES, HALF = 5.0, 50.0, 150_000.0, 3.0, 0.5
"""Milliseconds of 99 of 100 on 16 connections, and on any, of up to `MANY` rows (the booster alone takes some 30 for
`COLUMNS`); rows a second of large requests, or times mlflow's; of the rows a second of the booster alone by columns."""


class Found(NamedTuple):
    """What one server did."""

    one: Load
    sixteen: Load
    work: float
    """Milliseconds of CPU for a request on 16 connections."""
    many: Load
    many_columns: Load | None
    columns: Load | None
    dropped: int | None
    """Rows that it answered and could not log."""


def measured(server: Running, seconds: float, folder: Path) -> Found:
    """Load one server in each way; before each a while that does not count."""
    rows = made(COLUMNS, 1).drop(columns="late")
    one = server.ask([rows.iloc[place : place + 1] for place in range(ALONE)])
    many = server.ask([rows.head(MANY)])

    def load(sent: Any, connections: int) -> Load:
        loaded(server.port, sent, connections, max(1.0, seconds / 4), folder)
        return loaded(server.port, sent, connections, seconds, folder)

    alone = load(one, 1)
    worked = server.cpu()
    together = loaded(server.port, one, 16, seconds, folder)
    work = 1_000 * (server.cpu() - worked) / (together.speed * seconds)
    asked = server.columns
    many_columns, columns = (
        None if asked is None else load(asked(rows.head(size)), 1) for size in (MANY, COLUMNS)
    )
    large = load(many, 1)
    dropped = None if server.dropped is None else server.dropped()
    return Found(alone, together, work, large, many_columns, columns, dropped)


def raw(seconds: float) -> float:
    """Rows a second of the booster alone, on one thread, of numbers that are prepared already."""
    import xgboost as xgb

    learned = made(LEARNED, 0)
    X, y = numbers(learned.drop(columns="late")), learned["late"] == "yes"
    model = xgb.XGBClassifier(n_estimators=300, max_depth=6, n_jobs=1).fit(X, y)
    booster = model.get_booster()
    booster.set_param({"nthread": 1})
    rows = np.ascontiguousarray(numbers(made(COLUMNS, 1).drop(columns="late")).to_numpy())
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        booster.inplace_predict(rows, validate_features=False)
        times.append(time.perf_counter() - began)
    return COLUMNS / float(np.median(times))


def table(found: dict[str, Found]) -> str:
    """One line for each server."""
    lines = [
        "| server | 1 connection: requests/s | p99 | 16 connections: requests/s | median | p99 | longest |"
        f" CPU a request | ours, times | {MANY:,} rows as JSON: rows/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    ours = found["ours"].sixteen.speed
    for name, each in found.items():
        one, many = each.one, each.sixteen
        cells = (
            *(f"{one.speed:,.0f}", f"{one.p99:.2f} ms"),
            *(f"{many.speed:,.0f}", f"{many.median:.2f} ms", f"{many.p99:.2f} ms", f"{many.longest:.1f} ms"),
            *(f"{each.work:.2f} ms", f"{ours / many.speed:.1f}", f"{each.many.rows:,.0f}"),
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(found: dict[str, Found], booster: float) -> list[str]:
    """Each goal, and whether it holds."""
    ours = found["ours"]
    assert ours.columns is not None and ours.many_columns is not None
    longest = max(load.p99 for load in (ours.one, ours.sixteen, ours.many, ours.many_columns))
    most = max(ours.many.rows, ours.many_columns.rows)
    times = {name: ours.sixteen.speed / each.sixteen.speed for name, each in found.items()}
    said: list[tuple[str, object, bool]] = [
        (f"{times[name]:.1f} x {name} on 16 connections", f"{goal:g} x", times[name] >= goal)
        for name, goal in GOALS.items()
        if name in found
    ]
    said.append(
        (f"p99 on 16 connections {ours.sixteen.p99:.2f} ms", f"{SLOWEST:g} ms", ours.sixteen.p99 <= SLOWEST)
    )
    said.append((f"p99 of up to {MANY:,} rows at most {longest:.1f} ms", f"{EVER:g} ms", longest < EVER))
    larger = most / found["mlflow"].many.rows if "mlflow" in found else 0.0
    said.append(
        (
            f"{MANY:,} rows a request: {ours.many.rows:,.0f} rows/s as JSON, {ours.many_columns.rows:,.0f} as columns, "
            f"{larger:.1f} x mlflow",
            f"{ROWS:,.0f} or {TIMES:g} x",
            most >= ROWS or larger >= TIMES,
        )
    )
    share = ours.columns.rows / booster
    said.append(
        (
            f"{COLUMNS:,} rows a request as columns: {ours.columns.rows:,.0f} rows/s, "
            f"the booster alone {booster:,.0f}: {share:.0%}; p99 {ours.columns.p99:.1f} ms",
            f"{HALF:.0%}",
            share >= HALF,
        )
    )
    said.append((f"{ours.dropped:,} rows answered and not logged", "0", ours.dropped == 0))
    return [f"{words} (goal {goal}): {'holds' if holds else 'MISSED'}" for words, goal, holds in said]


def main(seconds: float, peers: list[str]) -> None:
    """Measure one server after the other."""
    see_wrk()
    found: dict[str, Found] = {}
    for kind in ("ours", *peers):
        with tempfile.TemporaryDirectory(prefix="ml_assets_bench_") as name:
            folder = Path(name)
            learned = made(LEARNED, 0)
            learned.to_parquet(folder / "learned.parquet", index=False)
            try:
                with running(kind, folder, learned.head(2).drop(columns="late")) as server:
                    found[kind] = measured(server, seconds, folder)
            except NotThereError as error:
                print(f"{kind} is left out: {error}", file=sys.stderr)
            else:
                print(
                    f"{kind}: {found[kind].sixteen.speed:,.0f} requests/s on 16 connections", file=sys.stderr
                )
    if "ours" not in found:
        raise SystemExit("ours did not answer")
    booster = raw(min(seconds, 5.0))
    print(table(found))
    print("\n".join(verdicts(found, booster)))
    print(json.dumps({name: each._asdict() for name, each in found.items()} | {"booster": booster}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    asked = parser.parse_args()
    main(asked.seconds, asked.peers)
