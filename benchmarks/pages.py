"""`python -m benchmarks.pages`: what a page of the dashboard costs with so many models.

The fleet is that of `benchmarks/fleet.py`; nothing is trained. Each page is asked for through the application itself,
in this process; figures are medians of eleven.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.fleet import day, make_fleet

MODELS = 1_000
BATCHES = 12
ASKED = 11


def main(models: int) -> None:
    """Make the fleet, look at it, ask for each page."""
    from fastapi.testclient import TestClient

    from ml_assets.cli.dashboard import ACTS, access_of, source_of
    from ml_assets.pages.app import build_app
    from ml_assets.pages.fleet import Fleet
    from ml_assets.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        home, recipes = Path(folder) / "home", Path(folder) / "recipes"
        names = make_fleet(recipes, home, models, BATCHES)
        settings = Settings(home=home, recipes=(recipes,))
        fleet = Fleet(source_of(settings, None))
        for words in ("first look", "look where nothing is new"):
            if words != "first look":
                time.sleep(3)  # a folder that was written just now is read once more
                fleet.look()
            started, cpu = time.perf_counter(), time.process_time()
            fleet.look()
            print(
                f"{words} at {models:,} models: {time.perf_counter() - started:.2f} s "
                f"({time.process_time() - cpu:.2f} s CPU)"
            )
        one = f"/models/{names[3]}"
        pages = {
            "fleet": "/", "fleet, searched": "/?q=99&level=act", "model": one, "decision": f"{one}/decisions/2",
            "batch": f"{one}/batches/{day(BATCHES - 1)}", "backtest": f"{one}/backtest",
        }  # fmt: skip
        entry = fleet.source.ledger.find(names[3], ["promote"])[0].id
        pages["decision"] = f"{one}/decisions/{entry}"
        with TestClient(build_app(fleet, access_of(settings), ACTS), base_url="http://127.0.0.1") as client:
            for title, address in pages.items():
                wall, used = [], []
                for _ in range(ASKED):
                    started, cpu = time.perf_counter(), time.process_time()
                    answer = client.get(address)
                    wall.append(time.perf_counter() - started)
                    used.append(time.process_time() - cpu)
                assert answer.status_code == 200, (title, answer.status_code)
                size = len(answer.content) / 1024
                print(
                    f"{title:16} {1000 * median(wall):6.1f} ms ({1000 * median(used):.1f} ms CPU), {size:.0f} KB"
                )
        print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MODELS)
