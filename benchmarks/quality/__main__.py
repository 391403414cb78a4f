"""Scores with intervals, mean ranks and CPU seconds of our search and its peers, on repeated splits.

`python -m benchmarks.quality [--seconds 30 120] [--splits 3] [--tables NAME …] [--rows N] [--methods NAME …]
[--kept FILE]`

Each result is a line of JSON. With `--kept` they are added to a file, and what is in it already is not measured again:
a run that was ended goes on, and one method can be measured anew beside the others' results, on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import train_test_split

from benchmarks.peers import NotThereError
from benchmarks.quality.environments import PACKAGES, python_of
from benchmarks.quality.tables import FILES, FRESH, KNOWN, table

PEER = Path(__file__).with_name("peer.py")
ENGINES = ("ours", "flaml", "mljar", "autogluon")
"""Methods that are given seconds; the others are what they are."""
SPARE = 4
"""A method that takes so many times its seconds, and two minutes, is ended."""
MOST_JUDGED = 8000
"""Rows that judge where few are learned."""
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Quantile of Student's distribution by the number of splits."""


def main() -> None:
    """Run what is asked for, and print a table for each number of seconds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, nargs="+", default=[30, 120])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--tables", nargs="+", default=[*KNOWN, *FILES], choices=[*KNOWN, *FILES, *FRESH])
    parser.add_argument(
        "--rows", type=int, help="rows that are learned, and 8,000 at most to judge; default: 7 of 10"
    )
    parser.add_argument("--methods", nargs="+", default=["ours", *PACKAGES], choices=["ours", *PACKAGES])
    parser.add_argument("--kept", type=Path, help="file of results: those in it are not measured again")
    asked = parser.parse_args()
    pythons: dict[str, str] = {}
    for method in asked.methods:
        try:
            pythons[method] = python_of(method)
        except NotThereError as error:
            print(f"{method} is left out: {error}", flush=True)
    results: list[dict[str, Any]] = []
    kept = _kept(asked.kept)
    for name in asked.tables:
        try:
            frame, target, task = table(name)
        except FileNotFoundError as error:
            print(f"{name} is left out: {error}", flush=True)
            continue
        label = name if asked.rows is None else f"{name}, {asked.rows:,} rows"
        for seed in range(asked.splits):
            parts = _split(frame, target, task, seed, asked.rows)
            for method, python in pythons.items():
                for seconds in asked.seconds if method in ENGINES else (0,):
                    what = {"table": label, "seed": seed, "method": method, "seconds": seconds}
                    known = kept.get(tuple(what.values()))
                    found = known or what | _run(python, method, task, seconds, seed, parts)
                    results.append(found)
                    if known is None:
                        print(json.dumps(found), flush=True)
                        _keep(asked.kept, found)
    for seconds in asked.seconds:
        print(shown(pd.DataFrame(results), seconds), flush=True)


def _kept(file: Path | None) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Results of earlier runs by table, seed, method and seconds; a line that was cut off is none."""
    found = {}
    for line in file.read_text().splitlines() if file is not None and file.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found[row["table"], row["seed"], row["method"], row["seconds"]] = row
    return found


def _keep(file: Path | None, found: dict[str, Any]) -> None:
    if file is not None:
        with file.open("a") as lines:
            lines.write(json.dumps(found) + "\n")


def _split(
    frame: pd.DataFrame, target: str, task: str, seed: int, count: int | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold out three rows of ten, or `MOST_JUDGED` where `count` are learned, class by class; labels become codes."""
    y = frame[target]
    if task == "classification":
        y = pd.Series(np.unique(y.astype(str), return_inverse=True)[1], index=frame.index)
    rows = frame.drop(columns=target).assign(target__=y)
    strata = y if task == "classification" else None
    sizes: dict[str, Any] = (
        {"test_size": 0.3}
        if count is None
        else {"train_size": count, "test_size": min(MOST_JUDGED, len(rows) - count)}
    )
    train, test = train_test_split(rows, random_state=seed, stratify=strata, **sizes)
    return train.reset_index(drop=True), test.reset_index(drop=True)


def _run(
    python: str, method: str, task: str, seconds: int, seed: int, parts: tuple[pd.DataFrame, pd.DataFrame]
) -> dict[str, Any]:
    """One method on one split: its loss (lower is better) and its cost; the reason where it failed."""
    train, test = parts
    classes = train["target__"].nunique() if task == "classification" else 0
    metric = "rmse" if not classes else "roc_auc" if classes == 2 else "log_loss"
    wanted = {"task": task, "metric": metric, "seconds": seconds, "seed": seed, "method": method}
    longest = SPARE * seconds + 120 if seconds else None
    with tempfile.TemporaryDirectory(prefix="ml_assets_quality_") as name:
        folder = Path(name)
        train.to_parquet(folder / "train.parquet")
        test.drop(columns="target__").to_parquet(folder / "test.parquet")
        (folder / "asked.json").write_text(json.dumps(wanted))
        environment = os.environ | {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "true"}
        try:
            done = subprocess.run(
                [python, str(PEER), name],
                env=environment,
                cwd=name if method != "ours" else None,
                capture_output=True,
                text=True,
                timeout=longest,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"metric": metric, "failed": "it took too long"}
        if done.returncode:
            return {"metric": metric, "failed": (done.stderr.strip().splitlines() or ["killed"])[-1][:200]}
        answers = pd.read_parquet(folder / "answers.parquet").to_numpy()
        cost = json.loads((folder / "cost.json").read_text())
    return {"metric": metric, "loss": _loss(metric, test["target__"], answers), **cost}


def _loss(metric: str, y: Any, answers: Any) -> float:
    if metric == "rmse":
        return float(mean_squared_error(y, answers.ravel()) ** 0.5)
    if metric == "roc_auc":
        return 1.0 - float(roc_auc_score(y, answers[:, -1]))
    shares = np.clip(answers, 1e-6, 1.0)
    return float(log_loss(y, shares / shares.sum(axis=1, keepdims=True)))


def shown(results: pd.DataFrame, seconds: int) -> str:
    """Lay losses with 95 % intervals over the splits out as a table in Markdown, with mean ranks and CPU seconds."""
    mine = results[(results["seconds"] == seconds) | ~results["method"].isin(ENGINES)]
    methods, tables = list(dict.fromkeys(mine["method"])), list(dict.fromkeys(mine["table"]))
    lines = [
        f"\n{seconds} seconds; losses (1 - AUC, log loss, RMSE), lower is better",
        f"| table | {' | '.join(methods)} |",
        f"|{' --- |' * (len(methods) + 1)}",
    ]
    losses = mine.pivot_table("loss", ["table", "seed"], "method")
    for name in tables:
        cells = []
        for method in methods:
            values = losses.loc[name][method].dropna() if method in losses else pd.Series(dtype=float)
            error = (
                T_95.get(len(values), 2.0) * values.std() / np.sqrt(len(values)) if len(values) > 1 else None
            )
            cells.append(
                "failed" if not len(values)
                else f"{values.mean():.5g}" + (f" ± {error:.2g}" if error is not None else "")
            )  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    ranks = losses.rank(axis=1, na_option="bottom").mean()
    lines.append(f"| **mean rank** | {' | '.join(f'{ranks.get(each, np.nan):.2f}' for each in methods)} |")
    cpu = mine.groupby("method")["cpu"].sum()
    lines.append(f"| CPU seconds | {' | '.join(f'{cpu.get(each, np.nan):.0f}' for each in methods)} |")
    return "\n".join(lines)


main()
