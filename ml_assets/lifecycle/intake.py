"""Rows come in: read, cleaned, predicted; each a snapshot of its batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ml_assets.lifecycle.accepted import Accepted
from ml_assets.lifecycle.arrival import tokens
from ml_assets.lifecycle.changes import cleaned_by, made_no_more
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.joined import beside, keep_features, look_up, parted, raw_with_features
from ml_assets.lifecycle.pictured import Pictured
from ml_assets.lifecycle.quarantine import keep, with_quarantine
from ml_assets.lifecycle.served import VERSION
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.usual import remember
from ml_assets.names import ROW_ID

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.recipe import Recipe
    from ml_assets.records import Quarantine
    from ml_assets.store.snapshots import Snapshot, Store


SHOWN = 10
"""Rows in quarantine that are shown with a batch."""


@dataclass(frozen=True)
class TakenIn(Pictured):
    """A snapshot of the rows as they came."""

    rows: int
    columns: int
    sha256: str
    changed: bool
    sample: list[dict[str, Any]]
    """The first five rows."""
    told: str
    """What reading set aside or took for something else, in words; empty: nothing."""
    quarantine: Quarantine | None = None
    """Rows that break a row rule; None where none does."""
    set_aside: list[dict[Any, Any]] = field(default_factory=list)
    """The first of them."""


@dataclass(frozen=True)
class Cleaned(Pictured):
    """A snapshot of the clean rows, and how many were dropped for which reason."""

    rows: int
    labelled_rows: int
    missing_share: float
    sha256: str
    dropped: dict[str, int]
    waiting: tuple[str, ...]
    """New columns that too few batches have yet."""


@dataclass(frozen=True)
class Predicted(Pictured):
    """A snapshot of predictions; `champion_version` is 0 while there is no champion."""

    champion_version: int = 0
    rows: int = 0
    sha256: str | None = None
    means: dict[str, float] = field(default_factory=dict)


@dataclass
class Reading:
    """What was read for a batch: a snapshot per batch, and the contract's findings."""

    snapshots: dict[str, TakenIn] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unusual: list[str] = field(default_factory=list)
    """In which ways the batch is unlike all before it; blocks nothing."""


def raw_step(state: ModelState, batch: str, accepted: Accepted | None = None) -> Reading:
    """Snapshot a batch, and once more each earlier batch whose labels may have arrived with it.

    `accepted` knows the batches that were read before in the same run, and counts this one if it passes.
    """
    from ml_assets.quality.quarantine import held
    from ml_assets.sources.paths import SourceError

    reading, accepted = Reading(), accepted or Accepted(state)
    try:
        # Before the rows: what changes in between is noticed the next time.
        origins = tokens(state, [*_awaiting_labels(state, batch), batch])
    except SourceError as error:
        raise StepError(f"{state.name}: {error}") from None
    for each in (*_awaiting_labels(state, batch), batch):
        origin = origins.get(each)
        if each != batch and (origin is None or state.store.origin("raw_data", each) == origin):
            continue
        known_rows = state.store.rows("raw_data", each) if state.store.has("raw_data", each) else None
        try:
            frame, account = state.rows(each)
            joined = look_up(state, frame)
        except SourceError as error:
            raise StepError(f"{state.name}: {error}") from None
        schema = accepted.schema(each, frame.columns)
        after = held(beside(frame, joined), state.recipe, each, schema)
        findings, quarantine = after.findings, after.quarantine
        frame, features = parted(state, after.frame)
        account = with_quarantine(account, quarantine)
        if each == batch:
            reading.problems += [
                f"{state.name}: {state.place(each)}: {finding.message}" for finding in findings
            ]
        if findings and (each != batch or state.store.has("cleaned_features", each)):
            continue  # a broken re-send replaces nothing
        keep(state.store, after)
        snapshot = state.store.write_frame("raw_data", each, frame, origin, state.code_versions["raw_data"])
        keep_features(state, each, features)
        if state.recipe.batches is None:
            state.store.write_record("raw_data", each, account)
        if each == batch or snapshot.changed:
            reading.snapshots[each] = TakenIn(
                rows=snapshot.rows,
                columns=len(frame.columns),
                sha256=snapshot.sha256,
                changed=snapshot.changed,
                sample=[{str(k): v for k, v in row.items()} for row in frame.head(5).to_dict("records")],
                told="; ".join(
                    (*account.told, *_changed(known_rows, snapshot), *(joined.told if joined else ()))
                ),
                quarantine=quarantine if quarantine.rows else None,
                set_aside=after.aside.head(SHOWN).drop(columns=[ROW_ID, "content"]).to_dict("records"),
            )
        if not findings:
            accepted.add(each, frame, schema)
            told = remember(state, each, frame)
            reading.unusual += told if each == batch else []
    return reading


def _changed(known_rows: int | None, snapshot: Snapshot) -> list[str]:
    if known_rows is None or not snapshot.changed:
        return []
    if known_rows == snapshot.rows:
        return ["other values or labels than were taken in before"]
    return [f"{snapshot.rows:,} rows where {known_rows:,} were taken in before"]


def _awaiting_labels(state: ModelState, batch: str) -> list[str]:
    if state.recipe.batches is None:
        return []
    delay = state.recipe.monitoring.label_delay
    earlier = [state.shifted(batch, -by) for by in range(delay, 0, -1)]
    return [each for each in earlier if state.store.has("raw_data", each)]


def clean_step(state: ModelState, batch: str) -> dict[str, Cleaned]:
    """Clean a batch, and each earlier batch that `raw_data` took a new snapshot of.

    Where the recipe makes columns of earlier rows, the batches that follow a changed one are cleaned again, too.
    The clean rows keep what their raw rows were made from: a kill in between leaves a batch to be taken in.
    """
    from ml_assets.features.cleaning import clean
    from ml_assets.features.functions import FunctionError
    from ml_assets.quality.quarantine import held
    from ml_assets.tasks.several import has_labels

    done: dict[str, Cleaned] = {}
    accepted = Accepted(state)
    todo = [*_awaiting_labels(state, batch), batch]
    for each in todo:  # grows by what follows a changed batch
        origin = state.store.origin("raw_data", each)
        if each < batch and _cleaned_from(state, each) == origin is not None:
            continue
        raw = raw_with_features(state, each)
        schema = accepted.schema(each, raw.columns)
        if each != batch and held(raw, state.recipe, each, schema).findings:
            continue  # it was refused, and has not come again
        try:
            result = clean(
                raw, state.recipe, each, schema, past_before(state.store, state.recipe, each), state.functions
            )
        except FunctionError as error:
            raise StepError(f"{state.name}: {state.place(each)}: {error}") from None
        before = _looked_at(state, each)
        made_by = cleaned_by(state, state.store.recipe("raw_data", each))
        snapshot = state.store.write_frame("cleaned_features", each, result.frame, origin, made_by)
        todo += [later for later in _followers(state, each, before, result.frame) if later not in todo]
        if each == batch or snapshot.changed:
            done[each] = Cleaned(
                rows=snapshot.rows,
                labelled_rows=int(has_labels(result.frame[state.recipe.target]).sum()),
                missing_share=float(result.frame.isna().to_numpy().mean()) if snapshot.rows else 0.0,
                sha256=snapshot.sha256,
                dropped=dict(result.dropped),
                waiting=tuple(result.waiting),
            )
    return done


def past_before(store: Store, recipe: Recipe, batch: str | None = None) -> pd.DataFrame | None:
    """Clean rows of the batches before one, or of the newest ones, as far back as the recipe looks.

    None where none are there, or wanted.
    """
    from ml_assets.features.history import past_columns, past_of, reach

    columns = past_columns(recipe)
    if not columns:
        return None
    earlier = [each for each in store.batches("cleaned_features") if batch is None or each < batch]
    frames = {}
    for each in earlier[-reach(recipe) :]:
        there = [name for name in store.columns("cleaned_features", each) if name in columns]
        frames[each] = store.read_frame("cleaned_features", each, there)
    return past_of(frames, batch, recipe)


def _looked_at(state: ModelState, batch: str) -> set[int]:
    """Identities of the clean rows of a batch, where a later batch looks back at them."""
    if not _told_by(state) or not state.store.has("cleaned_features", batch):
        return set()
    return _identities(state.store.read_frame("cleaned_features", batch, _told_by(state)))


def _told_by(state: ModelState) -> list[str]:
    """Columns that tell whether a batch says something else to later ones; none where none looks back.

    The identity of a row, and its target where that is looked back at: labels come later than rows.
    """
    from ml_assets.features.history import past_columns

    columns = past_columns(state.recipe)
    return [ROW_ID, *(name for name in state.recipe.targets if name in columns)] if columns else []


def _identities(rows: pd.DataFrame) -> set[int]:
    import pandas as pd

    return set(pd.util.hash_pandas_object(rows, index=False))


def _followers(state: ModelState, batch: str, before: set[int], frame: pd.DataFrame) -> list[str]:
    """Clean batches that look back at a batch whose rows were others before."""
    from ml_assets.features.history import reach

    told_by = _told_by(state)
    if not told_by or before == _identities(frame[told_by]):
        return []
    later = [each for each in state.store.batches("cleaned_features") if each > batch]
    return later[: reach(state.recipe)]


def _cleaned_from(state: ModelState, batch: str) -> str | None:
    known = state.store.has("cleaned_features", batch)
    return state.store.origin("cleaned_features", batch) if known else None


def predict_step(state: ModelState, batch: str) -> Predicted:
    """Predict a batch with the champion, if there is one."""
    from ml_assets.evaluation.evaluate import predict

    champion = state.registry.champion(state.name)
    if champion is None:
        return Predicted()
    frame = state.store.read_frame("cleaned_features", batch)
    if lost := made_no_more(state.name, champion.version, champion.trained.training.features, frame.columns):
        raise StepError(
            f"{lost}, and batch {batch} was cleaned by it: train a model of it, `ml-assets train --recipe-file "
            f"{state.path}`, or take the change back (`ml-assets diff {state.name}` tells it)"
        )
    predicted = predict(state.registry.files.load(state.name, champion.version), frame)
    predicted = predicted.assign(**{ROW_ID: frame[ROW_ID]}).assign(**{VERSION: champion.version})
    snapshot = state.store.write_frame("predictions", batch, predicted)
    return Predicted(champion.version, snapshot.rows, snapshot.sha256, _summary(predicted))


def _summary(predicted: pd.DataFrame) -> dict[str, float]:
    numeric = predicted.select_dtypes("number").drop(columns=[ROW_ID, VERSION])
    return {f"mean_{name}": float(numeric[name].mean()) for name in numeric}
