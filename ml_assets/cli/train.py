"""`ml-assets train`: take in the data, train, evaluate, gate; all through the graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ml_assets.cli.models import actor, checked_state, file_states
from ml_assets.cli.output import columns, number
from ml_assets.lifecycle.accounting import TrainingRows
from ml_assets.lifecycle.at_work import at_work
from ml_assets.lifecycle.learned import learned
from ml_assets.lifecycle.state import Busy, ModelState
from ml_assets.names import ACTOR_TAG, AS_OF_TAG, STATIC
from ml_assets.orchestration.display import RECORD
from ml_assets.orchestration.history import read_history
from ml_assets.orchestration.location import model_repository
from ml_assets.orchestration.runs import RunFailedError, execute, open_instance
from ml_assets.orchestration.taking_in import (
    stretches,
    take_in_changes,
    take_in_what_passes,
    wait_for_looks,
    wait_for_runs,
)
from ml_assets.records import Evaluation, Promotion, TrainedModel
from ml_assets.registry import charge
from ml_assets.registry.wording import describe
from ml_assets.shown import counted


def train_recipe(path: Path, say: Callable[[str], None], only: Sequence[str] = ()) -> dict[str, Any]:
    """Train the model of a recipe, or each of several, or those that are named, one after the other.

    Returns
    -------
    dict
        Of one model what `train_model` gives, of several, or of those that are named, `models, failed`.

    Raises
    ------
    RunFailedError, Busy
        Of one model as `train_model`.
    WrongUsageError
        A name is of none of them.
    """
    states = file_states(path)
    if len(states) == 1 and not only:
        return train_model(states[0], say)
    from ml_assets.cli.together import chosen, train_each

    if only:
        states = chosen(path, states, only)

    return train_each(states, lambda state: train_model(checked_state(state), say), say)


def train_model(state: ModelState, say: Callable[[str], None]) -> dict[str, Any]:
    """Train one model.

    Returns
    -------
    dict
        `name, version, promoted, reason, metrics, intervals, baseline, account, learned, mlflow_run_id, seconds`;
        `account` is what became of every row, `learned` what the champion has learned of what is known.

    Raises
    ------
    RunFailedError
        If a step failed, with its message.
    Busy
        If a training of this model is in flight.
    """
    started = time.perf_counter()
    repository = model_repository(state)
    with at_work(state), open_instance(state.settings) as instance:
        wait_for_looks(instance, state)
        in_flight = [a for a in read_history(instance, state).attempts if a.outcome == "in_flight"]
        if in_flight:
            raise Busy(
                f"{state.name}: a training run is in flight since {in_flight[-1].at}; wait for it to end"
            )
        wait_for_runs(instance, state, ("monitor",), say)
        for entry in charge.reconcile(state.registry, state.name, give_up_lost=True):
            say(describe(entry))
        as_of = _take_in(state, instance, repository, say)
        tags = {ACTOR_TAG: actor(), AS_OF_TAG: as_of}
        rows = "on all rows" if as_of == STATIC else f"as of {as_of}"
        say(f"{state.name}: training {rows}")
        result = execute(instance, repository, f"{state.name}_train", tags=tags)
        for note in _told(state, result):
            say(f"{state.name}: {note}")
    return _result(state, as_of, result, time.perf_counter() - started)


def _take_in(
    state: ModelState, instance: dg.DagsterInstance, repository: Any, say: Callable[[str], None]
) -> str:
    """Snapshot and clean every batch that is missing; the training job takes in a static table."""
    if state.recipe.batches is None:
        return STATIC
    span = state.calendar()
    if span is None:
        raise RunFailedError(f"{state.name}: {state.recipe.model.loader.source_uri} has no rows yet")
    take_in_changes(instance, repository, state, say)
    missing = [b for b in state.filled_batches() if not state.store.has("cleaned_features", b)]
    if missing:
        say(f"{state.name}: taking in {counted(len(missing), 'batch')}, {missing[0]} to {missing[-1]}")
        for note in state.source.describe().told:
            say(f"{state.name}: {note}")
    refused: dict[str, str] = {}
    for first, last in stretches(missing, state.recipe.batches.period):
        refused |= take_in_what_passes(instance, repository, state, first, last)
    for batch, reason in refused.items():
        say(f"{state.name}: without batch {batch}: {reason}")
    taken_in = [batch for batch in state.store.batches("cleaned_features") if batch <= span[1]]
    if not taken_in:
        raise RunFailedError(next(iter(refused.values())))
    return taken_in[-1]


def _told(state: ModelState, result: Any) -> list[str]:
    """What was set aside, or read otherwise than it is written, of a static table that was taken in."""
    if state.recipe.batches is not None:
        return []
    read = result.asset_materializations_for_node(f"{state.name}__raw_data")
    return [str(event.metadata["told"].value) for event in read if "told" in event.metadata]


def _accounted(event: Any) -> dict[str, Any] | None:
    """What became of every row and column of the source, with the words for it."""
    if RECORD not in event.metadata:
        return None
    rows = TrainingRows.model_validate(event.metadata[RECORD].value)
    return rows.model_dump(mode="json") | {"words": rows.words, "columns_words": rows.columns_words}


def _result(state: ModelState, as_of: str, result: Any, seconds: float) -> dict[str, Any]:
    evaluation = state.store.read_record("evaluation_report", as_of, Evaluation)
    promotion = state.store.read_record("champion", as_of, Promotion)
    trained = state.store.read_record("trained_model", as_of, TrainedModel)
    event = result.asset_materializations_for_node(f"{state.name}__champion")[0]
    known = learned(state)
    return {
        "name": state.name,
        "version": event.metadata["version"].value,
        "promoted": promotion.outcome == "promote",
        "outcome": promotion.outcome,
        "reason": promotion.reason,
        "metric": evaluation.metric,
        "metrics": {name: score.value for name, score in evaluation.scores.items()},
        "intervals": {name: [score.low, score.high] for name, score in evaluation.scores.items()},
        "baseline": evaluation.baseline,
        "per_target": evaluation.per_target,
        "class_path": trained.training.class_path,
        "params": trained.training.params,
        "mlflow_run_id": trained.run_id,
        "dagster_run_id": result.run_id,
        "account": _accounted(event),
        "learned": known.model_dump() | {"words": known.words} if known else None,
        "seconds": round(seconds, 2),
    }


def train_text(result: dict[str, Any]) -> str:
    """Tell of a training: the verdict, the scores, and what became of the rows; of several a line each."""
    if "models" in result:
        from ml_assets.cli.together import trained_text

        return trained_text(result)
    scores = columns(
        [
            [
                name,
                number(value),
                *(number(v) for v in result["intervals"][name]),
                number(result["baseline"].get(name)),
            ]
            for name, value in result["metrics"].items()
        ],
        ["metric", "hold-out", "low", "high", "baseline"],
    )
    verdict = "is champion now" if result["promoted"] else "did not become champion"
    if result["outcome"] == "waits":
        verdict = f"has passed and waits: `ml-assets approve {result['name']} {result['version']} REASON`"
    text = f"{result['name']} version {result['version']} {verdict}: {result['reason']}\n{scores}"
    if result["account"]:
        text += f"\n{result['account']['words']}"
        text += f"\n{result['account']['columns_words']}" * bool(result["account"]["columns_words"])
    if result["learned"]:
        text += f"\nthe champion has learned {result['learned']['words']}"
    return text
