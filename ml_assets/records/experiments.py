"""Versions compared on live traffic: who is answered by whom, what came of it, and what ended it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from itertools import accumulate
from struct import iter_unpack
from typing import Final, Literal

from ml_assets.records.base import Direction, Record

CHAMPION: Final = "champion"
"""Name of the arm of the version in charge."""
SHADOW: Final = "shadow"

Verdict = Literal["better", "worse", "open"]
Outcome = Literal["running", "winner", "worse", "undecided", "mismatch"]
Ended = Literal["winner", "worse", "undecided", "mismatch", "errors", "latency", "stopped", "overtaken"]


def digests(salt: str, keys: Iterable[bytes]) -> bytes:
    """Eight bytes for each key, one after the other: always the same, and others under another salt."""
    salted = blake2b(digest_size=8, key=salt.encode()[:64])
    found = []
    for key in keys:
        one = salted.copy()
        one.update(key)
        found.append(one.digest())
    return b"".join(found)


def points(salt: str, keys: Iterable[bytes]) -> list[float]:
    """Places of keys in [0, 1), even: the first 53 bits of their digests.

    >>> points("a", [b"customer 7"]) == points("a", [b"customer 7"]) != points("b", [b"customer 7"])
    True
    """
    return [(number >> 11) / 2**53 for (number,) in iter_unpack(">Q", digests(salt, keys))]


class Arm(Record):
    """A version that is compared with the champion.

    `share` is the part of the keys that it answers once its schedule is at its end; a shadow answers every row beside
    the champion, and nobody gets its answers.
    """

    name: str
    version: int
    share: float
    shadow: bool = False


class Step(Record):
    """From so many hours after the start on, this part of each arm's share is in force."""

    hours: float
    part: float


class Experiment(Record):
    """What is compared with what, on which part of the traffic, and when it ends.

    `entity` are the columns that a row's key is made of; without them it is the id of the request. `labels` is how many
    labelled rows each arm is to have at the end, `alpha` how often equal versions may get a winner.
    """

    champion: int
    arms: tuple[Arm, ...]
    salt: str
    entity: tuple[str, ...] = ()
    steps: tuple[Step, ...] = (Step(hours=0, part=1),)
    labels: int = 5_000
    alpha: float = 0.05

    def part(self, hours: float) -> float:
        """Part of the shares that is in force so many hours after the start."""
        return max([step.part for step in self.steps if step.hours <= hours], default=0.0)

    def shares(self, hours: float) -> dict[str, float]:
        """Share of each arm that answers, the champion's first; they sum up to 1."""
        part = self.part(hours)
        found = {arm.name: arm.share * part for arm in self.arms if not arm.shadow}
        return {CHAMPION: 1 - sum(found.values()), **found}

    def arm_of(self, key: str, hours: float) -> str:
        """Name the arm that answers a key.

        Each arm has a place of its own that is as wide as its whole share, of which the schedule opens more and more:
        a key never goes from one challenger to another, and a wider split moves only the keys that it must.
        """
        return self.arms_of([key.encode("utf-8", "surrogatepass")], hours)[0]

    def arms_of(self, keys: Iterable[bytes], hours: float) -> list[str]:
        """Name the arm of each of many keys, as `arm_of` does; they are the keys' UTF-8."""
        spans = self.spans(hours)
        return [
            next((name for first, last, name in spans if first <= here < last), CHAMPION)
            for here in points(self.salt, keys)
        ]

    def spans(self, hours: float) -> list[tuple[float, float, str]]:
        """Where each arm's keys lie, from its first point up to its last one; all others are the champion's."""
        part = self.part(hours)
        arms = [arm for arm in self.arms if not arm.shadow]
        ends = accumulate(arm.share for arm in arms)
        return [
            (end - arm.share, end - arm.share + arm.share * part, arm.name)
            for arm, end in zip(arms, ends, strict=True)
        ]

    @property
    def shadows(self) -> tuple[Arm, ...]:
        """Those that answer beside the champion."""
        return tuple(arm for arm in self.arms if arm.shadow)


class ArmResult(Record):
    """What is known of one arm; `gain` is over the champion, positive where the arm is better.

    `low` and `high` hold at every look at once, however often one looks. `counted` are the labelled rows as
    independent ones: rows of one entity count together.
    """

    name: str
    version: int
    rows: int = 0
    labelled: int = 0
    counted: float = 0
    score: float | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    verdict: Verdict = "open"
    note: str = ""


class Look(Record):
    """One look at an experiment; `ratio_p` says how likely the shares of the arms are, if all went well."""

    outcome: Outcome
    reason: str
    metric: str
    direction: Direction
    arms: tuple[ArmResult, ...]
    winner: int | None = None
    ratio_p: float = 1.0
    seen: str = ""
    """Digest of the batches that were looked at."""
