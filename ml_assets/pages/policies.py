"""The policies that were tried on a model's history, and what another setting of its own would have done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic import ConfigDict

from ml_assets.pages import charts
from ml_assets.pages.known import Model, batches_of, record_of
from ml_assets.records.base import Record
from ml_assets.records.policies import about
from ml_assets.records.what_if import Setting, WhatIf
from ml_assets.shown import figure, shown

WORDS: Final = {
    "drift_threshold": (
        "Drift",
        "It is a sign when a larger share of the columns has drifted than",
    ),
    "performance_threshold": ("Live score", "It is a sign when the live score is"),
    "cooldown": ("Rest", "After a training nothing is trained for"),
    "max_age": ("Age", "It is trained again in any case when the model is"),
}
"""Name of each slider, and its sentence, which its stops end."""
THE_SETTING: Final = "this setting"


class _Loose(Record):
    """Of a record of another room, what a page shows."""

    model_config = ConfigDict(extra="ignore")


class _Interval(_Loose):
    value: float
    low: float
    high: float


class _Policy(_Loose):
    policy: str
    score: float
    interval: tuple[float, float]
    gain: _Interval
    retrains: int
    promoted: int
    undone: int = 0
    seconds: float = 0.0


class Tried(_Loose):
    """A backtest, as far as the page tells it."""

    metric: str
    first: str
    batches: int
    rows: int
    policies: tuple[_Policy, ...]
    recommended: str
    section: str | None = None
    reason: str
    note: str


class Stop(NamedTuple):
    """A value of a slider: how it is asked for, in words, and whether it is chosen or the recipe's own."""

    value: str
    words: str
    chosen: bool
    own: bool
    result: Setting | None
    """What the setting does with this slider here and all others where they are; None where it was not tried."""


class Slider(NamedTuple):
    """A key of `retraining` and its stops."""

    key: str
    title: str
    words: str
    stops: list[Stop]


class Turned(NamedTuple):
    """The sliders, what the chosen setting would have done, and what the recipe's own does."""

    sliders: list[Slider]
    result: Setting | None
    own: Setting
    is_own: bool
    faults: list[str]
    untried: int


def backtest_page(model: Model, asked: Mapping[str, str]) -> dict[str, Any]:
    """Tell the policies, and the setting that is asked for.

    Parameters
    ----------
    model : Model
    asked : mapping of str to str
        Stops of the sliders, by their keys; what is not asked for is as the recipe has it.
    """
    notes = list[str]()
    known = batches_of(model, "backtest", notes)
    found = record_of(model, "backtest", known[-1], Tried, notes) if known else None
    record = record_of(model, "what_if", known[-1], WhatIf, notes) if known else None
    turned = turn(record, asked) if record is not None and belongs(record, found) else None
    return {
        "name": model.name,
        "found": found,
        "turned": turned,
        "picture": _picture(found, turned) if found is not None else "",
        "about": {each.policy: about(each.policy) for each in found.policies} if found is not None else {},
        "notes": notes,
    }


def belongs(record: WhatIf, found: Tried | None) -> bool:
    """Whether settings were turned on the history that the policies were tried on: not where a kill came between."""
    if found is None or not record.settings:
        return False
    return (record.first, record.batches, record.metric) == (found.first, found.batches, found.metric)


def _picture(found: Tried, turned: Turned | None) -> Any:
    points = [
        (p.policy, float(p.retrains), p.gain.value, p.policy == found.recommended) for p in found.policies
    ]
    best = max((p[2] for p in points), default=0.0)
    title = f"Gain over never training by the number of trainings; the best gains {figure(best, 3)}"
    here = None
    if turned is not None and turned.result is not None and turned.result.gain is not None:
        here = THE_SETTING, float(turned.result.retrains), turned.result.gain[0]
        title += f"; {THE_SETTING} gains {figure(here[2], 3)} by {here[1]:.0f}"
    return charts.pareto(points, "trainings", f"gain in {found.metric}", title, here)


def turn(record: WhatIf, asked: Mapping[str, str]) -> Turned:
    """Look up the setting that is asked for; what is no stop is told, and stays as the recipe has it."""
    own = record.settings[0]
    known = {_place(record, setting): setting for setting in record.settings}
    chosen, faults = {}, []
    for key, values in record.stops.items():
        texts = [_text(value) for value in values]
        chosen[key] = values.index(getattr(own, key))
        given = asked.get(key)
        if given in texts:
            chosen[key] = texts.index(given)
        elif given is not None:
            faults.append(
                f"{WORDS[key][0]}: {shown(given, 40)!r} is no stop; there are {', '.join(texts)}. It stands where the"
                " recipe has it."
            )
    sliders = []
    for number, (key, values) in enumerate(record.stops.items()):
        stops = []
        for place, value in enumerate(values):
            there = tuple(place if k == number else at for k, at in enumerate(chosen.values()))
            words = _said(key, value, record)
            stops.append(
                Stop(
                    _text(value),
                    words,
                    place == chosen[key],
                    value == getattr(own, key),
                    known.get(there),
                )
            )
        sliders.append(Slider(key, *WORDS[key], stops))
    result = known.get(tuple(chosen.values()))
    return Turned(sliders, result, own, result is own, faults, record.untried)


def _place(record: WhatIf, setting: Setting) -> tuple[int, ...]:
    return tuple(values.index(getattr(setting, key)) for key, values in record.stops.items())


def _text(value: float | int | str | None) -> str:
    return "none" if value is None else str(value)


def _said(key: str, value: Any, record: WhatIf) -> str:
    """End the sentence of a slider."""
    if key == "drift_threshold":
        return f"{figure(100 * value, 3)} %"
    if key == "performance_threshold":
        if value is None:
            return "surely worse than on the hold-out"
        return f"{'below' if record.direction == 'maximize' else 'above'} {figure(value, 3)} {record.metric}"
    if key == "cooldown":
        return _batches(value) if value else "no time"
    return {"auto": "older than pays (learned)", "off": "no age at all: never for age"}.get(
        str(value), f"{value} batches old"
    )


def _batches(count: int) -> str:
    return f"{count} batch{'es' * (count != 1)}"
