"""Many rows taken in batch by batch, from Parquet and from PostgreSQL: minutes and memory of the whole process.

`python -m benchmarks.intake [ROWS [MONTHS]]` makes its own data, 20 columns; default: a million rows in 24 months.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.processes import timed

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_000_000
MONTHS = 24
NUMBERS = 12
MEMORY, SPEED = 2048, 1_000_000
"""Goals: MiB at most, and rows a minute from Parquet at least."""
ADMIN = os.environ.get("ML_ASSETS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
"""A database of PostgreSQL beside which another may be made."""

RECIPE = """\
name: orders
model:
  class_path: sklearn.linear_model.LogisticRegression
  loader: {loader}
  data_interface: {{task_type: classification, target_col: late, entity_cols: [customer]}}
batches: {{column: sent_at, period: monthly}}
"""


def measure(rows: int = ROWS, months: int = MONTHS) -> tuple[str, dict[str, Any]]:
    """Take in all months, one after another, in a process of its own for each kind of source."""
    folder = Path(tempfile.mkdtemp(prefix="ml_assets_bench_"))
    results: dict[str, Any] = {}
    lines = []
    try:
        for kind, source in {"parquet": _parquet, "postgresql": _postgresql}.items():
            with source(folder, rows, months) as loader:
                if loader is None:
                    lines.append(f"{kind}: no server at {ADMIN.rpartition('@')[2]}")
                    continue
                recipe = folder / f"{kind}.yaml"
                recipe.write_text(RECIPE.format(loader=json.dumps(loader)))
                home = folder / f"home_{kind}"
                environment = os.environ | {
                    "ML_ASSETS_HOME": str(home),
                    "OMP_NUM_THREADS": "2",
                    "DO_NOT_TRACK": "true",
                }
                found = timed([sys.executable, "-m", "benchmarks.intake", "take", str(recipe)], environment)
                shutil.rmtree(home)
            speed = rows / found["wall"] * 60
            results[kind] = {**found, "rows": rows, "rows_a_minute": speed}
            lines.append(
                f"{rows:,} rows x 20 columns from {kind}, {months} batches read and cleaned: {found['wall']:.0f} s "
                f"({found['cpu']:.0f} s of CPU), {speed / 1e6:.2f} million rows a minute, {found['memory']:,.0f} MiB"
            )
        lines.append(f"goals: {SPEED / 1e6:g} million rows a minute from Parquet, {MEMORY:,} MiB")
    finally:
        shutil.rmtree(folder)
    return "\n".join(lines), results


def take(recipe: Path) -> None:
    """Take in and clean each batch, as a walk through history does."""
    from ml_assets.lifecycle.accepted import Accepted
    from ml_assets.lifecycle.intake import clean_step, raw_step
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.recipe import load_recipe
    from ml_assets.settings import Settings

    state = ModelState(load_recipe(recipe), recipe, Settings(home=Path(os.environ["ML_ASSETS_HOME"])))
    accepted = Accepted(state)
    for batch in state.filled_batches():
        reading = raw_step(state, batch, accepted)
        if reading.problems:
            raise RuntimeError("\n".join(reading.problems))
        clean_step(state, batch)


def _month(place: int, rows: int) -> pd.DataFrame:
    """Rows of a month."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(place)
    first = pd.Timestamp("2023-01-01") + pd.DateOffset(months=place)
    seconds = int(((first + pd.DateOffset(months=1)) - first).total_seconds())
    frame = pd.DataFrame({
        "customer": [f"c{number:06d}" for number in random.integers(0, 200_000, rows)],
        "sent_at": first + pd.to_timedelta(random.integers(0, seconds, rows), unit="s"),
        "country": random.choice(["NL", "DE", "FR", "ES", "IT"], rows),
        "channel": random.choice(["web", "shop", "phone"], rows),
        "items": random.integers(1, 30, rows),
        "visits": random.integers(0, 500, rows),
        "regular": random.integers(0, 2, rows),
        **{f"amount_{k}": random.normal(100, 20, rows).round(3) for k in range(NUMBERS)},
    })  # fmt: skip
    frame.loc[random.random(rows) < 0.05, "amount_0"] = np.nan
    return frame.assign(late=(frame["amount_1"] + 10 * random.normal(size=rows) > 100).astype(int))


def _months(rows: int, months: int) -> Iterator[pd.DataFrame]:
    for place in range(months):
        yield _month(place, rows * (place + 1) // months - rows * place // months)


@contextmanager
def _parquet(folder: Path, rows: int, months: int) -> Iterator[dict[str, str] | None]:
    """A file for each month."""
    place = folder / "orders"
    place.mkdir()
    for number, frame in enumerate(_months(rows, months)):
        frame.to_parquet(place / f"{number:02d}.parquet", index=False)
    yield {"source_uri": f"{place}/*.parquet"}
    shutil.rmtree(place)


@contextmanager
def _postgresql(folder: Path, rows: int, months: int) -> Iterator[dict[str, str] | None]:
    """A table in a database of its own; None where no server answers."""
    import psycopg
    from sqlalchemy.engine import make_url

    url = make_url(ADMIN).set(drivername="postgresql")
    name = f"ml_assets_bench_{os.getpid()}"
    try:
        admin = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
    except psycopg.OperationalError:
        yield None
        return
    with admin:
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]  # psycopg types literals alone; the name is made here
        address = url.set(database=name).render_as_string(hide_password=False)
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                for number, frame in enumerate(_months(rows, months)):
                    if number == 0:
                        connection.execute(_table(frame))  # type: ignore[call-overload]  # likewise
                    copy = "COPY orders FROM STDIN (FORMAT csv)"
                    with connection.cursor() as cursor, cursor.copy(copy) as into:
                        for first in range(0, len(frame), 50_000):
                            into.write(frame[first : first + 50_000].to_csv(index=False, header=False))
                connection.execute("CREATE INDEX ON orders (sent_at)")
                connection.execute("VACUUM ANALYZE orders")
            yield {"source_uri": "SELECT * FROM orders", "connection_uri": address}
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]  # psycopg types literals alone; the name is made here


def _table(frame: pd.DataFrame) -> str:
    kinds = {
        "object": "text",
        "datetime64[ns]": "timestamp",
        "int64": "bigint",
        "float64": "double precision",
    }
    columns = ", ".join(
        f"{column} {kinds.get(str(kind), 'timestamp')}" for column, kind in frame.dtypes.items()
    )
    return f"CREATE UNLOGGED TABLE orders ({columns})"


if __name__ == "__main__":
    if sys.argv[1:2] == ["take"]:
        take(Path(sys.argv[2]))
    else:
        print(measure(*map(int, sys.argv[1:3]))[0])
