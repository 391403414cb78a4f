"""A prediction made again: the logged request, by the version that answered it, along the same way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_assets.failures import MendableError
from ml_assets.serving.log_erased import erased_at
from ml_assets.serving.log_search import find
from ml_assets.serving.logged import Logged

if TYPE_CHECKING:
    from ml_assets.registry.versions import Registry
    from ml_assets.store.places import Place


class ReplayError(MendableError, LookupError):
    """A prediction that cannot be made again."""


def replay(registry: Registry, logs: Mapping[str, Place], number: str) -> dict[str, Any]:
    """Find a request in the logs, and answer it again with the version that answered it.

    Parameters
    ----------
    registry : Registry
    logs : mapping of str to Place
        The log of each model.
    number : str
        Id of the request.

    Returns
    -------
    dict
        `same` says whether all numbers are equal bit for bit; beside them is what the version learned from.

    Raises
    ------
    ReplayError
        If no log has it.
    """
    name, logged = _found(logs, number)
    made: list[dict[str, Any]] = [{} for _ in logged.rows]
    for version, way in dict.fromkeys(logged.made_by):
        places = [place for place, each in enumerate(logged.made_by) if each == (version, way)]
        for place, one in zip(places, _made(registry, name, logged, places), strict=True):
            made[place] = one
    again = [one["prediction"] for one in made]
    shares = [one["probabilities"] for one in made] if logged.probabilities is not None else None
    return {
        "id": logged.number,
        "model": name,
        "at": logged.at,
        "version": logged.version,
        "arm": logged.arm,
        "way": logged.way,
        "rows": logged.rows,
        "predictions": logged.predictions,
        "probabilities": logged.probabilities,
        "replayed": {"predictions": again, "probabilities": shares},
        "same": json.dumps([again, shares]) == json.dumps([logged.predictions, logged.probabilities]),
        "learned_from": _learned_from(registry, name, logged.version),
    }


def _made(registry: Registry, name: str, logged: Logged, places: list[int]) -> list[dict[str, Any]]:
    """Answer some rows again, by the version that answered them all."""
    from ml_assets.serving.answer import answer
    from ml_assets.serving.body import read
    from ml_assets.serving.live import load_version

    version, way = logged.made_by[places[0]]
    served = load_version(registry, name, version, compiled=way == "compiled")
    rows = [logged.rows[place] for place in places]
    body = {"rows": rows, "probabilities": logged.probabilities is not None}
    predictions: list[dict[str, Any]] = answer(
        served, read(json.dumps(body).encode(), served.known, len(rows))
    )["predictions"]
    return predictions


def replay_text(result: Mapping[str, Any]) -> str:
    """Tell it in some lines."""
    learned = result["learned_from"]
    arm = f", arm {result['arm']}" if result["arm"] else ""
    lines = [
        f"{result['model']}, {result['at'][:19].replace('T', ' ')} UTC, version {result['version']}{arm}"
    ]
    shares = result["probabilities"] or [None] * len(result["predictions"])
    for row, prediction, share in list(zip(result["rows"], result["predictions"], shares, strict=True))[:10]:
        told = f", probabilities {json.dumps(share)}" if share is not None else ""
        lines.append(f"  {json.dumps(row, ensure_ascii=False)[:400]} -> {json.dumps(prediction)}{told}")
    if len(result["rows"]) > 10:
        lines.append(f"  and {len(result['rows']) - 10:,} rows more")
    if result["same"]:
        lines.append("replayed: the same, bit for bit")
    else:
        lines.append(f"replayed: OTHER numbers, {json.dumps(result['replayed'])[:1000]}")
    span = learned["batches"]
    where = f"{span[0]} to {span[-1]}" if len(span) > 1 else "".join(span)
    lines += [
        f"learned from {learned['rows']:,} rows of {where} (data {learned['data_sha256'][:12]}), "
        f"trained {learned['trained_at'][:16].replace('T', ' ')} UTC",
        f"recipe {learned['recipe_sha256'][:12]}, model {learned['model_sha256'][:12]}",
    ]
    return "\n".join(lines)


def _found(logs: Mapping[str, Place], number: str) -> tuple[str, Logged]:
    if not (1 <= len(number) <= 100 and number.isalnum()):
        raise ReplayError(f"{number[:60]!r} is no id of a prediction: it is the `request_id` of an answer")
    for name, place in logs.items():
        if (at := erased_at(place, number)) is not None:
            raise ReplayError(
                f"the prediction {number!r} of {name} was erased on {at[:10]}, with all rows of whom it was about: it "
                "cannot be made again"
            )
        logged = find(place, number)
        if logged is not None:
            return name, logged
    raise ReplayError(
        f"no log has the prediction {number!r}: it is a second old, was dropped (`ml_assets_log_dropped_rows`), or is "
        f"older than ML_ASSETS_PREDICTION_LOG_DAYS"
    )


def _learned_from(registry: Registry, name: str, version: int) -> dict[str, Any]:
    trained = registry.version(name, version).trained
    return {
        "rows": trained.training.learned,
        "row_ids": len(registry.files.trained_row_ids(name, version)),
        "batches": list(trained.batches),
        "snapshots": trained.snapshots,
        "data_sha256": trained.data_sha256,
        "recipe_sha256": trained.recipe_sha256,
        "model_sha256": trained.sha256,
        "trained_at": trained.trained_at,
        "run_id": trained.run_id,
    }
