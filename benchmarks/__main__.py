"""`make bench`: print every measurement as one JSON object, with a line for people above it."""

from __future__ import annotations

import json
import sys

from benchmarks import ceiling, churn_month, inference, intake, million, shapes, train_overhead

BENCHMARKS = {
    "train_overhead": train_overhead.measure,
    "churn_month": churn_month.measure,
    "shapes": shapes.measure,
    "ceiling": ceiling.measure,
    "intake": intake.measure,
    "million": million.measure,
    "inference": inference.measure,
}


def main(names: list[str]) -> None:
    """Run the named benchmarks; default: all."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    results = {}
    for name in names or BENCHMARKS:
        text, results[name] = BENCHMARKS[name]()
        print(text, flush=True)
    print(json.dumps(results))


main(sys.argv[1:])
