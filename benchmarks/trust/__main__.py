"""`python -m benchmarks.trust [PART …] [--scale S] [--seed N] [--jobs J]`: the table, and it as JSON."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from tempfile import TemporaryDirectory

from benchmarks.trust.table import Row, markdown

PARTS = {part: f"benchmarks.trust.{part}" for part in ("drift", "performance", "gate", "policy", "ageing")}
"""Part → module with `rows(scale, seed, jobs) -> list[Row]`; scale 1 is the full size."""

CACHE = "ML_ASSETS_BENCHMARK_CACHE"
"""Variable with the folder that keeps fits; without it, they are kept for one run."""


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
    with TemporaryDirectory(prefix="trust-fits-") as shared:
        os.environ.setdefault(CACHE, shared)  # the parts replay the same sets
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes share the cores: threads would only wait
        for part in given.parts or PARTS:
            started, busy = time.perf_counter(), cpu_seconds()
            rows: Callable[[float, int, int], list[Row]] = import_module(PARTS[part]).rows
            found[part] = rows(given.scale, given.seed, given.jobs)
            took = f"{time.perf_counter() - started:.0f} s, CPU {cpu_seconds() - busy:.0f} s"
            print(f"### {part} (scale {given.scale:g}, seed {given.seed}, {took})\n")
            print(markdown(found[part]) + "\n", flush=True)
    record = {part: [row.record() for row in lines] for part, lines in found.items()}
    print(json.dumps({"scale": given.scale, "seed": given.seed, "rows": record}))


def cpu_seconds() -> float:
    """Seconds of work by this process and by those that it has started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main(sys.argv[1:])
