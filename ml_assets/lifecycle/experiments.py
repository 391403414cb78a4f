"""Experiments on live traffic: begun and stopped by a person."""

from __future__ import annotations

import secrets
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ml_assets.lifecycle.approval import wanted
from ml_assets.records.experiments import SHADOW, Arm, Experiment, Step
from ml_assets.registry import erasures, experiments
from ml_assets.registry.experiments import ExperimentError, Running

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.registry.ledger import Entry

FEWEST_LABELS = 100
MOST_ARMS = 8


class Wish(NamedTuple):
    """What a person asks for.

    Parameters
    ----------
    versions : tuple of int
        Challengers.
    split : float, optional
        Share of the keys that they get together; default: as much each as the champion has.
    shadow : bool
        They answer beside the champion, and nobody gets their answers.
    canary : str, optional
        `HOURS:SHARE,…`: the share that they get together so many hours after the start.
    labels : int
        Labelled rows of each arm at the end.
    """

    versions: tuple[int, ...]
    split: float | None = None
    shadow: bool = False
    canary: str | None = None
    labels: int = 5_000


def begin(state: ModelState, wish: Wish, *, actor: str, reason: str) -> Running:
    """Begin an experiment; servers follow it at their next look.

    Raises
    ------
    ExperimentError
        If what is asked for cannot be, or another experiment is running.
    UnknownVersionError
        If a version was not registered.
    """
    wanted(reason)
    if state.recipe.recommends:
        raise ExperimentError(
            f"{state.name}: an answer is a list of items, which no label says to be right or wrong: experiments with "
            "recommendations are not yet supported. The gate compares two versions on what users had: "
            f"`ml-assets promote {state.name} VERSION`"
        )
    champion = state.registry.champion(state.name)
    if champion is None:
        raise ExperimentError(f"{state.name}: no version is champion: there is nothing to compare with")
    _see_versions(state, wish, champion.version)
    split, steps = _schedule(wish)
    share = split / len(wish.versions)
    name = SHADOW if wish.shadow else "challenger"
    experiment = Experiment(
        champion=champion.version,
        arms=tuple(
            Arm(
                name=name if not place else f"{name}_{place + 1}",
                version=version,
                share=0.0 if wish.shadow else share,
                shadow=wish.shadow,
            )
            for place, version in enumerate(wish.versions)
        ),
        salt=secrets.token_hex(16),
        entity=tuple(state.recipe.model.data_interface.entity_cols),
        steps=steps,
        labels=wish.labels,
    )
    return experiments.start(state.ledger, state.name, experiment, actor=actor, reason=reason.strip())


def stop(state: ModelState, *, actor: str, reason: str) -> tuple[Entry, bool]:
    """End the experiment that is running; the champion answers all again.

    Raises
    ------
    ExperimentError
        If there never was one.
    """
    wanted(reason)
    found = experiments.newest(state.ledger, state.name)
    if found is None:
        raise ExperimentError(f"{state.name}: there is no experiment")
    one, ended = found
    if ended is not None:
        return ended, False
    return experiments.end(state.ledger, one, "stopped", actor=actor, reason=reason.strip())


def _see_versions(state: ModelState, wish: Wish, champion: int) -> None:
    versions = wish.versions
    if not 1 <= len(versions) <= MOST_ARMS:
        raise ExperimentError(f"VERSION: found {len(versions)}; allowed: 1 to {MOST_ARMS} versions")
    if len(set(versions)) < len(versions) or champion in versions:
        raise ExperimentError(
            f"VERSION: each is to be another one than the champion, version {champion}, and there once"
        )
    for version in versions:
        erasures.see_kept(state.ledger, state.name, version)
        if state.registry.version(state.name, version).evaluation is None:
            raise ExperimentError(f"{state.name}: version {version} was never evaluated: train it again")
    if wish.labels < FEWEST_LABELS:
        raise ExperimentError(f"--labels: found {wish.labels}; allowed: {FEWEST_LABELS} or more")


def _schedule(wish: Wish) -> tuple[float, tuple[Step, ...]]:
    """Share of the challengers together at the end, and the parts of it before."""
    several = len(wish.versions)
    if wish.shadow:
        if wish.split is not None or wish.canary is not None:
            raise ExperimentError("--shadow: a shadow answers every row; leave out --split and --canary")
        return 0.0, (Step(hours=0, part=1),)
    shares = [(0.0, several / (several + 1) if wish.split is None else wish.split)]
    if wish.canary is not None:
        if wish.split is not None:
            raise ExperimentError("--canary: its last share is the split; leave out --split")
        shares = _read(wish.canary)
    last = shares[-1][1]
    if not all(0 < share <= 1 for _, share in shares):
        raise ExperimentError(
            "--split, --canary: found a share that is none; allowed: more than 0, at most 1"
        )
    return last, tuple(Step(hours=hours, part=share / last) for hours, share in shares)


def _read(text: str) -> list[tuple[float, float]]:
    """Read a schedule, whose hours and shares grow.

    >>> _read("0:0.01, 1:0.1, 24:0.5")
    [(0.0, 0.01), (1.0, 0.1), (24.0, 0.5)]
    """
    try:
        steps = [
            (float(hours), float(share)) for hours, share in (step.split(":") for step in text.split(","))
        ]
    except ValueError:
        steps = []
    grows = all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(steps))
    if not steps or steps[0][0] != 0 or not grows:
        raise ExperimentError(
            f"--canary: found {text[:100]!r}; wanted HOURS:SHARE,… from hour 0 on, both growing, as 0:0.01,1:0.1,24:0.5"
        )
    return steps
