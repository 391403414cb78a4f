"""`python -m benchmarks.trust [PART …] [--scale S] [--seed N] [--jobs J]`: the table, and it as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module

from benchmarks.trust.table import Row, markdown

PARTS = {part: f"benchmarks.trust.{part}" for part in ("drift", "performance", "gate", "policy", "ageing")}
"""Part → module with `rows(scale, seed, jobs) -> list[Row]`; scale 1 is the full size."""


def main(arguments: list[str]) -> None:
    """Run the parts and print their lines."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full counts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args(arguments)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    found: dict[str, list[Row]] = {}
    for part in given.parts or PARTS:
        started = time.perf_counter()
        rows: Callable[[float, int, int], list[Row]] = import_module(PARTS[part]).rows
        found[part] = rows(given.scale, given.seed, given.jobs)
        seconds = time.perf_counter() - started
        print(f"### {part} (scale {given.scale:g}, seed {given.seed}, {seconds:.0f} s)\n")
        print(markdown(found[part]) + "\n", flush=True)
    record = {part: [row.record() for row in lines] for part, lines in found.items()}
    print(json.dumps({"scale": given.scale, "seed": given.seed, "rows": record}))


if __name__ == "__main__":
    main(sys.argv[1:])
