"""Other settings of the recipe's own policy, replayed on the fits that a backtest has kept: none is made for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from ml_assets.backtest.backtest import Draws
from ml_assets.backtest.errors import NotKeptError
from ml_assets.backtest.policies import Policy, section_of, standard_policies
from ml_assets.backtest.replay import newest_labelled, replay, trained
from ml_assets.backtest.scale import Scale, interval_of
from ml_assets.names import BATCH
from ml_assets.records.policies import NEVER
from ml_assets.records.what_if import Setting, WhatIf
from ml_assets.shown import spanned
from ml_assets.tasks.metrics import metric_named

if TYPE_CHECKING:
    from ml_assets.backtest.fits import Fits
    from ml_assets.backtest.replay import Replay, Reports
    from ml_assets.recipe.schema import Retraining
    from ml_assets.records import Score
    from ml_assets.tasks.base import Floats

DRIFT: Final = (0.05, 0.1, 0.3)
COOLDOWN: Final = (0, 1, 3)
MAX_AGE: Final = ("auto", 3, 6, "off")
MOST: Final = 1_500
"""Decisions that are replayed, so that it costs less than the backtest: the settings nearest to the recipe's own."""


def what_if(
    reports: Reports, first: str, progress: Callable[[str, int, int], None] = lambda what, done, total: None
) -> WhatIf:
    """Turn four keys of the recipe's own policy and replay each setting.

    Parameters
    ----------
    reports : Reports
        With the fits that a backtest has kept.
    first : str
        The batch at which the first model is trained.
    progress : callable
        Called with what is done, how much of it, and of how much.
    """
    fits, stream = reports.fits, reports.stream
    recipe, window = stream.recipe, stream.recipe.training.window
    after = stream.labels[stream.labels.index(first) + 1 :]
    scale, known = Scale(stream, fits.metric, after, fits.positive), Draws(stream)
    holdout = trained(fits, newest_labelled(stream, first), window)[0].record.holdout
    stops = stops_of(recipe.retraining, holdout, scale.sign)
    wanted = list(_nearest_first(recipe.retraining, stops))
    tried = wanted[: max(1, MOST // max(len(after), 1))]
    found = []
    with kept_alone(fits):
        never = known.of(scale, replay(_never(reports), reports, first, window).served)
        for done, turned in enumerate(tried, start=1):
            policy = Policy(
                "what if", recipe.retraining.model_copy(update=turned), when=recipe.promotion.when
            )
            told = {**turned, "section": section_of(policy, recipe.promotion)}
            try:
                run = replay(policy, reports, first, window)
            except NotKeptError as error:
                told["needs"] = str(error)
            else:
                told |= _outcome(run, scale, known, never)
            found.append(Setting.model_validate(told))
            progress("what if", done, len(tried))
    return WhatIf(
        metric=scale.metric,
        direction=metric_named(scale.metric).direction,
        first=first,
        batches=len(after),
        stops=stops,
        settings=tuple(found),
        untried=len(wanted) - len(tried),
    )


def _outcome(run: Replay, scale: Scale, known: Draws, never: Floats) -> dict[str, Any]:
    """What a replay came to, as the fields of a `Setting`."""
    drawn = known.of(scale, run.served)
    score, gain = interval_of(drawn), scale.gain(drawn, never)
    lost = sum(attempt.outcome != "promote" for attempt in run.attempts)
    return {
        "score": (score.value, score.low, score.high),
        "gain": (gain.value, gain.low, gain.high),
        "retrains": len(run.dates),
        "promoted": len(run.dates) - lost + run.undone,
        "undone": run.undone,
        "seconds": run.seconds,
    }


def _never(reports: Reports) -> Policy:
    return next(policy for policy in standard_policies(reports.stream.recipe) if policy.name == NEVER)


def stops_of(section: Retraining, holdout: Score | None, sign: int) -> dict[str, tuple[Any, ...]]:
    """Give the values of each key, in order; the recipe's own among them.

    Limits of the live metric are taken from the hold-out of the first model: what is on the worse side of it by a half
    and by a whole of its interval.
    """
    limits = [] if section.performance_threshold is None else [section.performance_threshold]
    if holdout is not None:
        width = holdout.high - holdout.low
        limits += [round(holdout.value - sign * part * width, 3) for part in (1.0, 0.5)]
    ages = [age for age in {*MAX_AGE, section.max_age} if isinstance(age, int)]
    return {
        "performance_threshold": (None, *sorted(set(limits), reverse=sign < 0)),
        "drift_threshold": tuple(sorted({*DRIFT, section.drift_threshold})),
        "cooldown": tuple(sorted({*COOLDOWN, section.cooldown})),
        "max_age": ("auto", *sorted(ages), "off"),
    }


def _nearest_first(section: Retraining, stops: dict[str, tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """All settings, by how many stops they are away from the recipe's own."""
    own = {key: values.index(getattr(section, key)) for key, values in stops.items()}
    places = product(*(range(len(values)) for values in stops.values()))
    for chosen in sorted(
        places, key=lambda at: sum(abs(k - own[key]) for k, key in zip(at, stops, strict=True))
    ):
        yield {key: stops[key][k] for k, key in zip(chosen, stops, strict=True)}


@contextmanager
def kept_alone(fits: Fits) -> Iterator[None]:
    """Let nothing be fitted meanwhile: what was not kept is an error."""

    def refuse(frame: Any) -> Any:
        batches = spanned(sorted(set(frame[BATCH])))
        raise NotKeptError(f"a model trained on {batches}, which no policy of this backtest made")

    before, fits.fit = fits.fit, refuse
    try:
        yield
    finally:
        fits.fit = before
