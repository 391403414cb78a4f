"""`python -m benchmarks.feed_faults [--seed N] [--only WORDS]`: the table, and it as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time

from benchmarks.feed_faults.feeds import FAULTS, ODDITIES, SENT_AGAIN, SENT_AGAIN_WORDS, sent_again, stream_of
from benchmarks.feed_faults.replays import EAGER, GOOD, USUAL, Outcome, outcome

BAD, AFTER = 2, 3
"""Bad months after the good ones, and good ones after these."""
ODD = 24


def broken(name: str, seed: int) -> tuple[Outcome, list[str], str]:
    """Nine good months, two bad ones, three good ones: the outcome, the bad months, what must be named."""
    change, words = FAULTS.get(name, (sent_again(4, seed), SENT_AGAIN_WORDS))
    months = stream_of(GOOD + BAD + AFTER, seed, dict.fromkeys(range(GOOD, GOOD + BAD), change))
    return outcome(months, EAGER), sorted(months)[GOOD : GOOD + BAD], words


def odd(name: str, seed: int) -> Outcome:
    """24 months after nine, none of them broken."""
    return outcome(stream_of(GOOD + ODD, seed, oddity=ODDITIES[name]), USUAL)


def main(arguments: list[str]) -> None:
    """Run all, and print a table for each half."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feed_faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="feeds whose name has these words")
    given = parser.parse_args(arguments)
    started = time.perf_counter()
    record: dict[str, dict[str, object]] = {}
    print("| broken feed | answered | good months blamed | promoted on bad data | first words |")
    print("|---|---|---|---|---|", flush=True)
    for name in [name for name in (*FAULTS, SENT_AGAIN) if given.only in name]:
        result, bad, words = broken(name, given.seed)
        answered = sum(words in result.told.get(label, "") for label in bad)
        blamed, learned = len(result.told.keys() - set(bad)), result.learned(tuple(bad))
        record[name] = {"answered": answered, "blamed": blamed, "learned": learned, "told": dict(result.told)}
        said = result.told.get(bad[0], "–")
        print(f"| {name} | {answered} of {BAD} | {blamed} | {learned} | {said[:150]} |", flush=True)
    print("\n| harmless oddity | months blocked of 24 | retrains | first words |")
    print("|---|---|---|---|", flush=True)
    for name in [name for name in ODDITIES if given.only in name]:
        result = odd(name, given.seed)
        record[name] = {
            "blocked": len(result.told),
            "retrains": len(result.trainings),
            "told": dict(result.told),
        }
        said = next(iter(result.told.values()), "")
        print(f"| {name} | {len(result.told)} | {len(result.trainings)} | {said[:150]} |", flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s\n\n{json.dumps({'seed': given.seed, 'feeds': record})}")


if __name__ == "__main__":
    main(sys.argv[1:])
