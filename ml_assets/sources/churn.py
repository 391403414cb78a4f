"""The demo's data: monthly batches of telecom customers, made from a seed, in which two things happen.

Who leaves follows from the columns almost surely (`SHARPNESS`), so that a good model finds four of five with few false
alarms. Month 13, the inputs move and the rule stays: prices rise, contracts get shorter, data use doubles. Customers
now lie where a model trained before has seen almost nobody. Month 18, the rule moves and the inputs stay:
what made customers leave is no longer what does. All other months are draws from one distribution. Labels
come one month late.

    python -m ml_assets.sources.churn FOLDER
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ml_assets.sources.calendar import batch_start, next_batch
from ml_assets.store.atomic import atomic_write

FIRST = "2024-01-01"
SHIFT, CONCEPT = 13, 18
"""Months, counted from 1, in which the inputs and the rule change."""
SHARPNESS = 10.0
"""Log odds of leaving are so many times the risk: 1 would leave most of it to chance."""


def generate(months: int = 24, rows: int = 2000, random_state: int = 7) -> pd.DataFrame:
    """All months up to `months`, the newest without labels.

    Returns
    -------
    DataFrame of shape (about months * rows, 13)
    """
    return pd.concat(
        [month(number, rows, random_state, labelled=number < months) for number in range(1, months + 1)],
        ignore_index=True,
    )


def month(number: int, rows: int = 2000, random_state: int = 7, *, labelled: bool = True) -> pd.DataFrame:
    """Customers of one month, counted from 1; it does not depend on any other month."""
    rng = np.random.default_rng((random_state, number))
    n = rows + int(rng.integers(-rows // 20, rows // 20 + 1))
    moved = number >= SHIFT
    contract = rng.choice(
        ["month-to-month", "one year", "two years"], n, p=[0.62, 0.23, 0.15] if moved else [0.45, 0.3, 0.25]
    )
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{number:03d}{i:06d}" for i in rng.permutation(n)],
            "month": np.datetime64(batch_start(next_batch(FIRST, "monthly", number - 1), "monthly"), "us"),
            "tenure_months": rng.integers(1, 73, n),
            "monthly_charges": rng.normal(64, 12, n).clip(20) + (46 if moved else 0),
            "contract": contract,
            "payment_method": rng.choice(
                ["card", "bank transfer", "e-check", "mail"], n, p=[0.3, 0.3, 0.3, 0.1]
            ),
            "autopay": rng.random(n) < 0.55,
            "region": rng.choice(["north", "south", "east", "west", "centre"], n),
            "support_calls": rng.poisson(1.6, n).astype(float),
            "data_gb": rng.gamma(4.0, 8.0 if moved else 4.0, n),
            "lines": rng.integers(1, 6, n),
            "satisfaction": rng.normal(6.5, 1.8, n).clip(1, 10),
        }
    )
    churned = rng.random(n) < chances(frame, number)
    frame["churned"] = pd.array(churned.astype(int), dtype="Int64")
    if not labelled:
        frame["churned"] = pd.array([pd.NA] * n, dtype="Int64")
    for column, share in {"support_calls": 0.03, "data_gb": 0.04}.items():
        frame[column] = frame[column].mask(rng.random(n) < share)
    return frame.round({"monthly_charges": 2, "data_gb": 1, "satisfaction": 1})


def chances(frame: pd.DataFrame, number: int) -> pd.Series:
    """Probabilities of leaving in a month, counted from 1; of columns without gaps."""
    risk = risk_after(frame) if number >= CONCEPT else risk_before(frame)
    return risk.map(lambda each: 1 / (1 + np.exp(-SHARPNESS * each)))


def risk_before(frame: pd.DataFrame) -> pd.Series:
    """Risk of leaving until month 17.

    Not monotone in price or data: from 90 a month on customers have the premium bundle and leave less the
    more they pay, and so do heavy users from 30 GB on. Before month 13 few customers are there: one in
    seventy, one in seventeen.
    """
    charges, data = frame["monthly_charges"], frame["data_gb"]
    return (
        -1.25
        + 0.06 * (charges.clip(upper=90) - 64)
        - 0.10 * (charges - 90).clip(lower=0, upper=45)
        - 0.05 * (data - 30).clip(lower=0, upper=40)
        + 1.0 * (frame["contract"] == "month-to-month")
        - 0.9 * (frame["contract"] == "two years")
        - 0.027 * (frame["tenure_months"] - 36)
        + 0.60 * (frame["support_calls"] - 1.6)
        - 0.40 * (frame["satisfaction"] - 6.5)
        + 0.5 * (frame["payment_method"] == "e-check")
        - 0.4 * frame["autopay"]
    )


def risk_after(frame: pd.DataFrame) -> pd.Series:
    """Risk of leaving from month 18: price, contract and tenure work the other way."""
    charges = frame["monthly_charges"]
    return (
        -1.20
        + 0.05 * (charges - 110)
        - 0.5 * (frame["contract"] == "month-to-month")
        + 0.5 * (frame["contract"] == "two years")
        + 0.027 * (frame["tenure_months"] - 36)
        + 0.80 * (frame["support_calls"] - 1.6)
        - 0.50 * (frame["satisfaction"] - 6.5)
        + 0.5 * (frame["payment_method"] == "e-check")
        - 0.4 * frame["autopay"]
    )


def write(
    folder: Path, months: int = 24, rows: int = 2000, random_state: int = 7, first: int = 1
) -> list[Path]:
    """Write months `first` to `months`, one Parquet file each, as `churn-2024-01.parquet`.

    Call it again with more months to let time pass: older files keep their content, but the label of the
    month that was the newest arrives.
    """
    paths = []
    for number in range(first, months + 1):
        frame = month(number, rows, random_state, labelled=number < months)
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        path = Path(folder) / f"churn-{next_batch(FIRST, 'monthly', number - 1)[:7]}.parquet"
        atomic_write(path, buffer.getvalue())
        paths.append(path)
    return paths


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the demo's data into a folder."""
    parser = argparse.ArgumentParser(prog="python -m ml_assets.sources.churn", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--rows", type=int, default=2000, help="customers a month, about")
    parser.add_argument("--random-state", type=int, default=7)
    chosen = parser.parse_args(arguments)
    write(chosen.folder, chosen.months, chosen.rows, chosen.random_state)


if __name__ == "__main__":
    main()
