"""What the versions of an experiment have answered, from the log: each row again, with all that a metric wants."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ml_assets.failures import MendableError
from ml_assets.lifecycle.experiment_labels import Answered
from ml_assets.lifecycle.experiment_looks import Seen, look_at_experiment
from ml_assets.lifecycle.storage import predictions_of
from ml_assets.registry import experiments
from ml_assets.serving.logged import ARM, AT, OURS, PLACE, REQUEST, VERSION, row_of

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.registry.experiments import Running
    from ml_assets.registry.ledger import Ledger
    from ml_assets.serving.ways import Piped

LOGGER = logging.getLogger(__name__)
AT_ONCE: Final = 10_000


def live_answers(state: ModelState, one: Running) -> Answered | None:
    """Read what the arms of an experiment have answered; None where nothing is logged yet.

    The log has the label alone where no probabilities were asked for, so each version answers its rows again: the very
    numbers, as a replay shows.
    """
    import pandas as pd

    from ml_assets.serving.live import load_version
    from ml_assets.serving.ways import Piped

    experiment = one.experiment
    versions = {experiment.champion, *(arm.version for arm in experiment.arms)}
    ways: dict[int, Piped] = {}
    for version in sorted(versions):
        way = load_version(state.registry, state.name, version, compiled=False).way
        assert isinstance(way, Piped)
        ways[version] = way
    lines = _lines(state, one, sorted({name for way in ways.values() for name in way.known.columns}))
    if not lines:
        return None
    parts = []
    for version, way in ways.items():
        mine = [line for line in lines if line[VERSION] == version]
        for first in range(0, len(mine), AT_ONCE):
            parts.append(_part(state, one, way, mine[first : first + AT_ONCE]))
    order = (
        pd.concat([part.lines for part in parts], ignore_index=True).sort_values("at", kind="stable").index
    )
    frames = [
        pd.concat(each, ignore_index=True).loc[order].reset_index(drop=True)
        for each in zip(*((p.lines, p.keys, p.clean, p.predictions) for p in parts), strict=True)
    ]
    return Answered(*frames)


def look(state: ModelState) -> Seen | None:
    """See to the newest experiment; what is wrong with it is logged, and stops nothing else."""
    try:
        return look_at_experiment(state, live_answers)
    except MendableError as error:
        LOGGER.error("%s: the experiment could not be looked at: %s", state.name, error)
        return None


def experiment_words(ledger: Ledger, name: str) -> tuple[str, ...]:
    """Say what is compared on live traffic, and what is known of it."""
    one = experiments.running(ledger, name)
    if one is None:
        return ()
    seen = experiments.last_look(ledger, one)
    return (experiments.words(one) + ("" if seen is None else f"; {seen[1].reason}"),)


def _lines(state: ModelState, one: Running, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Lines of the experiment's arms, each once."""
    from ml_assets.serving.log_search import lines

    began = datetime.fromisoformat(one.entry.at)
    place = predictions_of(state.settings, state.name)
    own = f"{one.number}/"
    found: dict[tuple[str, int, str], dict[str, Any]] = {}
    wanted = [*OURS, *columns, *one.experiment.entity]
    for table in lines(place, began, datetime.now(UTC) + timedelta(days=1), list(dict.fromkeys(wanted))):
        for line in table.to_pylist():
            if line[ARM].startswith(own):
                found.setdefault((line[REQUEST], line[PLACE], line[ARM]), line)
    return list(found.values())


def _part(state: ModelState, one: Running, way: Piped, lines: list[dict[str, Any]]) -> Answered:
    import pandas as pd

    from ml_assets.evaluation.evaluate import predict
    from ml_assets.features.cleaning import labels
    from ml_assets.serving.body import read
    from ml_assets.serving.trial import key_of

    rows = [row_of(line) for line in lines]
    asked = read(json.dumps({"rows": rows}, default=str).encode(), way.known, len(rows))
    clean = way.predictor.rows.clean(asked.frame())
    entity = one.experiment.entity
    told = pd.DataFrame(
        {
            "arm": [line[ARM].partition("/")[2] for line in lines],
            "version": [line[VERSION] for line in lines],
            "request": [line[REQUEST] for line in lines],
            "place": [line[PLACE] for line in lines],
            "at": pd.Series([line[AT] for line in lines], dtype="datetime64[us]"),
            "unit": [key_of(row, entity) or line[REQUEST] for row, line in zip(rows, lines, strict=True)],
        }
    )
    keys = pd.DataFrame(
        {name: labels(pd.Series([row.get(name) for row in rows], dtype=object)) for name in entity},
        index=range(len(rows)),
    )
    if state.recipe.batches is not None:
        keys[state.recipe.batches.column] = list(_times(state.recipe.batches.column, rows, lines))
        keys = keys.astype({state.recipe.batches.column: "datetime64[us]"})
    features = list(way.known.features)
    return Answered(
        told, keys, clean[features], predict(way.predictor.pipeline, clean[features]).reset_index(drop=True)
    )


def _times(column: str, rows: list[dict[str, Any]], lines: list[dict[str, Any]]) -> Iterator[Any]:
    """When each row was, as it was sent, in UTC; else when it was answered."""
    import pandas as pd

    for row, line in zip(rows, lines, strict=True):
        sent = row.get(column)
        time = pd.to_datetime(sent, errors="coerce") if isinstance(sent, str) else pd.NaT
        if pd.isna(time):
            yield line[AT]
        else:
            yield time.tz_convert("UTC").tz_localize(None) if time.tzinfo is not None else time
