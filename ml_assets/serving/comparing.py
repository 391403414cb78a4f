"""Answers of a server while versions are compared: each row by the version of its arm.

A challenger that fails is answered for by the champion, and counted (`serving/guard.py`): what the champion would have
answered is refused to nobody. Such a row stays in its arm, with the version that answered it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_assets.records.experiments import CHAMPION
from ml_assets.serving.answer import answer as answer_to
from ml_assets.serving.arrow import columns_of, read_table, see_rules
from ml_assets.serving.body import Asked, Came, read
from ml_assets.serving.logged import Answered
from ml_assets.serving.trial import Trial
from ml_assets.serving.ways import Answers, together
from ml_assets.shown import shown

if TYPE_CHECKING:
    from ml_assets.serving.live import Served
    from ml_assets.serving.lookup import Lookup


class Compared(NamedTuple):
    """An answer of several arms: as it is sent, as it is kept, and what the shadows are to answer."""

    answer: Any
    """An object for JSON, or a table."""
    answered: list[Answered]
    rows: Sequence[Any]
    """As they came."""
    places: list[int]
    """Of those that the champion's arm has."""
    probabilities: bool


class Part(NamedTuple):
    """Rows of a request that are of one arm, and their answers where they were found together with others."""

    arm: str
    places: list[int]
    asked: Asked
    found: Answers | None = None


class Dealt(NamedTuple):
    """A request, dealt out to arms."""

    arms: list[str]
    """Of each row."""
    parts: list[Part]


def dealt(trial: Trial, asked: Asked, number: str) -> Dealt:
    """Deal the rows of a request out to their arms."""
    arms = trial.arms(asked.came, number)
    if arms.count(arms[0]) == len(arms):
        return Dealt(arms, [Part(arms[0], list(range(len(arms))), asked)])
    return Dealt(arms, [Part(arm, own, _part(asked, own)) for arm, own in _places(arms).items()])


def ahead(trial: Trial, many: Sequence[tuple[Asked, str]]) -> list[Dealt]:
    """Deal several requests out, and predict the rows of each arm together; what fails is left to `compared`."""
    made = [dealt(trial, asked, number) for asked, number in many]
    wanted: dict[str, list[tuple[int, int]]] = {}
    for request, one in enumerate(made):
        for place, part in enumerate(one.parts):
            wanted.setdefault(part.arm, []).append((request, place))
    for arm, places in wanted.items():
        served, began = trial.versions[arm], time.perf_counter()
        if not trial.reads_alike(served):
            continue
        found = together(served.way, [made[request].parts[place].asked for request, place in places])
        seconds = time.perf_counter() - began
        for (request, place), each in zip(places, found, strict=True):
            if each is not None:
                made[request].parts[place] = made[request].parts[place]._replace(found=each)
                trial.guard.note(arm, seconds)
    return made


def compared(trial: Trial, asked: Asked, number: str, before: Dealt | None = None) -> Compared:
    """Answer each row of a request by the version of its arm.

    Parameters
    ----------
    trial : Trial
    asked : Asked
        The request as the champion reads it.
    number : str
        Its id.
    before : Dealt, optional
        What `ahead` has made of it.

    Raises
    ------
    RequestError
        Where the champion refuses it.
    """
    arms, parts = before or dealt(trial, asked, number)
    at = time.time()
    made: list[dict[str, Any]] = [{} for _ in arms]
    kept = []
    for arm, places, part, found in parts:
        if found is None:
            served, predictions = _answered(trial, arm, partial(_predicted, trial, part=part))
        else:
            served = trial.versions[arm]
            predictions = answer_to(served, part, found)["predictions"]
        for place, one in zip(places, predictions, strict=True):
            made[place] = {**one, "version": served.version, "arm": arm}
        told = [one["probabilities"] for one in predictions] if asked.probabilities else None
        labels = [one["prediction"] for one in predictions]
        line = Answered(number, at, 0, served.known, part.came, labels, told)
        kept.append(_kept(trial, arm, served, line, places))
    return Compared(
        _laid_out(trial, made, arms, number), kept, asked.came, _champions(arms), asked.probabilities
    )


def compared_table(
    trial: Trial, content: bytes, number: str, most_rows: int, shares: bool, lookup: Lookup | None = None
) -> Compared:
    """Answer rows that came as columns; `answer` has columns then, raises as `compared`."""
    import numpy as np
    import pyarrow as pa

    fill = None if lookup is None else lookup.table
    table = read_table(content, trial.champion.known, most_rows, whole=True, fill=fill)
    see_rules(trial.champion, table)
    at, dealt = time.time(), trial.places_of_table(table, number)
    found, kept = [], []
    for arm, places in dealt.items():
        part = table if len(dealt) == 1 else table.take(places)
        served, answers = _answered(trial, arm, partial(columns_of, table=part, shares=shares))
        more = {"version": pa.repeat(served.version, len(places)), "arm": pa.repeat(arm, len(places))}
        found.append(pa.table({**dict(zip(answers.column_names, answers.columns, strict=True)), **more}))
        line = Answered(number, at, 0, served.known, part, answers)
        kept.append(_kept(trial, arm, served, line, places.tolist()))
    order = np.argsort(np.concatenate(list(dealt.values())))
    answer = pa.concat_tables(found, promote_options="permissive").take(order)
    champions = dealt[CHAMPION].tolist() if CHAMPION in dealt else []
    return Compared(answer, kept, table.to_pylist() if trial.shadows else [], champions, shares)


def arm_in_log(trial: Trial, arm: str) -> str:
    """Name an arm as the log has it: with the number of its experiment."""
    return f"{trial.running.number}/{arm}"


def reread(asked: Sequence[Any], served: Served, probabilities: bool) -> Asked:
    """Read rows as they came for another version; raises RequestError where it does not take them."""
    body = {"rows": list(asked), "probabilities": probabilities}
    return read(json.dumps(body, default=str).encode(), served.known, len(asked))


def _answered(trial: Trial, arm: str, make: Callable[[Served], Any]) -> tuple[Served, Any]:
    """Let an arm answer; where a challenger fails, the champion does."""
    served, began = trial.versions[arm], time.perf_counter()
    if arm == CHAMPION:
        made = make(served)
        trial.guard.note(arm, time.perf_counter() - began)
        return served, made
    try:
        made = make(served)
    except Exception as error:  # noqa: BLE001 - whatever a challenger does, the request is answered
        instead = make(trial.champion)  # what this refuses is the request's fault
        trial.guard.note(arm, 0.0, shown(f"{type(error).__name__}: {error}", 200))
        return trial.champion, instead
    trial.guard.note(arm, time.perf_counter() - began)
    return served, made


def _predicted(trial: Trial, served: Served, part: Asked) -> list[dict[str, Any]]:
    own = part if trial.reads_alike(served) else reread(part.came, served, part.probabilities)
    predictions: list[dict[str, Any]] = answer_to(served, own)["predictions"]
    return predictions


def _part(asked: Asked, places: Sequence[int]) -> Asked:
    came = asked.came
    own = came.some(places) if isinstance(came, Came) else [came[place] for place in places]
    return Asked(asked.known, [asked.values[place] for place in places], asked.probabilities, own)


def _kept(trial: Trial, arm: str, served: Served, line: Answered, places: Sequence[int]) -> Answered:
    return line._replace(
        version=served.version, arm=arm_in_log(trial, arm), way=served.way.name, places=tuple(places)
    )


def _laid_out(trial: Trial, made: list[dict[str, Any]], arms: list[str], number: str) -> dict[str, Any]:
    """One version and arm where all rows have the same; each row has its own."""
    versions, names = {one["version"] for one in made}, set(arms)
    return {
        "model": trial.champion.name,
        "version": versions.pop() if len(versions) == 1 else None,
        "arm": names.pop() if len(names) == 1 else None,
        "predictions": made,
        "request_id": number,
    }


def _places(arms: Sequence[str]) -> dict[str, list[int]]:
    return {name: [place for place, arm in enumerate(arms) if arm == name] for name in dict.fromkeys(arms)}


def _champions(arms: Sequence[str]) -> list[int]:
    return [place for place, arm in enumerate(arms) if arm == CHAMPION]
