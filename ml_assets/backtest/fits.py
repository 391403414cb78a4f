"""The fits of a backtest: each training window is fitted once, kept on disk, and shared by all policies.

A fit is a refit with fixed parameters, not a new search: for speed, and so that policies differ in nothing
but when they train. Only its predictions on later batches are kept, never the model.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ml_assets.backtest.stream import Stream, Window
from ml_assets.backtest.whole import kept_file, read_parquet, read_whole, write_whole
from ml_assets.evaluation.evaluate import evaluate, of_related, predict
from ml_assets.features.columns import Roles, roles
from ml_assets.features.history import figures
from ml_assets.monitoring.dependence import related
from ml_assets.monitoring.mixture import mixed_units
from ml_assets.monitoring.movement import with_predictions
from ml_assets.monitoring.profile import losses_design, profile
from ml_assets.monitoring.sequential import loss_kind, loss_summary, row_losses
from ml_assets.promotion.judged import Measure
from ml_assets.promotion.paired import Paired
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Evaluation, LossSummary, Positive, Profile, Record, Score, TrainingResult
from ml_assets.search.study import SearchRun
from ml_assets.tasks.all import task_of
from ml_assets.tasks.several import classes_by_target, has_labels, most_classes, positives
from ml_assets.training.fit import fit as search
from ml_assets.training.fit import refit
from ml_assets.training.splits import labelled_rows, newest_apart, split

FitFunction = Callable[[pd.DataFrame], Any]
"""From labelled rows to a model that `evaluation.evaluate.predict` takes; ValueError where it cannot be."""

Progress = Callable[[int, int], None]

FORMAT = 5
"""Of what is kept of a fit: fits of another format are made anew."""
KEPT_APART = 8
"""Newest models without their hold-out that are kept for the profile, which is asked for a batch or two later."""


class FitRecord(Record):
    """One fit: its batches, what it cost, how it did on its hold-out.

    `failed` says why there is no model, e.g. one class only.
    """

    batches: tuple[str, ...]
    rows: int = 0
    seconds: float = 0.0
    evaluation: Evaluation | None = None
    failed: str | None = None

    @property
    def holdout(self) -> Score | None:
        """Score on the hold-out."""
        return self.evaluation.scores.get(self.evaluation.metric) if self.evaluation else None

    @property
    def targets_missed(self) -> bool:
        """Whether the recipe's targets were missed, which fails a training."""
        return self.evaluation is not None and bool(self.evaluation.targets_missed)


@dataclass(frozen=True)
class Fit:
    """A fit with its predictions of the rows of `Stream.rows`, by their position.

    `live` are those of all later batches; `tested` those of the hold-out, by the model without it.
    """

    record: FitRecord
    live: pd.DataFrame
    tested: pd.DataFrame


def fixed_fit(recipe: Recipe, result: TrainingResult) -> FitFunction:
    """Fit with the parameters of an earlier training; columns get their roles anew, as in a training."""

    def fit(frame: pd.DataFrame) -> Any:
        rows = labelled_rows(frame, recipe)
        if lacking := task_of(recipe).lacks(rows[recipe.target]):
            raise ValueError(lacking)
        found = roles(rows, recipe)
        if not found.features:
            raise ValueError("there is no feature")
        return refit(rows, recipe, result.model_copy(update={"features": found.features}))

    return fit


def first_search(
    recipe: Recipe, frame: pd.DataFrame, storage: Path | None = None, time_limit: float | None = None
) -> TrainingResult:
    """Search the parameters once, on the rows of the first model: later rows must not choose them."""
    return search(frame, recipe, run=SearchRun(storage=storage, time_limit=time_limit))[1]


@dataclass
class Fits:
    """All fits of a stream, made when first asked for.

    Parameters
    ----------
    stream : Stream
    fit : callable
        From labelled rows to a model.
    folder : Path, optional
        Where fits are kept: a backtest that was killed goes on, another policy finds them.
    identity : str
        Names what `fit` depends on beside the rows: other parameters, other fits.
    compared : dict
        Comparisons of refits that were made: the batches that the older and the newer learned, the batch that judged.
    """

    stream: Stream
    fit: FitFunction
    folder: Path | None = None
    identity: str = ""
    compared: dict[tuple[tuple[str, ...], tuple[str, ...], str], Paired | None] = field(default_factory=dict)
    _known: dict[tuple[str, ...], Fit] = field(default_factory=dict)
    _tested: dict[tuple[tuple[str, ...], int], pd.DataFrame] = field(default_factory=dict)
    _later: dict[tuple[str, ...], pd.DataFrame] = field(default_factory=dict)
    _profiles: dict[tuple[str, ...], Profile] = field(default_factory=dict)
    _roles: dict[tuple[str, ...], Roles] = field(default_factory=dict)
    _apart: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def get(self, end: str, window: Window, without: Collection[str] = ()) -> Fit:
        """Fit on the newest `window` batches up to `end`, faulty ones left out."""
        return self.of(self.stream.window(end, window, without))

    def of(self, batches: tuple[str, ...]) -> Fit:
        """Fit on some batches."""
        if batches not in self._known:
            self._known[batches] = self._read(batches) or self._make(batches)
        return self._known[batches]

    def profile(self, batches: tuple[str, ...]) -> Profile:
        """What live monitoring would know about a fit: measured on the model without its hold-out, and kept."""
        if batches not in self._profiles:
            path = self._path(batches)
            kept = path.with_suffix(".profile.json") if path else None
            found = kept_file(kept, lambda place: Profile.model_validate_json(read_whole(place)))
            self._profiles[batches] = found or self._profiled(batches)
            if kept is not None and found is None:
                write_whole(kept, self._profiles[batches].model_dump_json().encode())
        return self._profiles[batches]

    def _profiled(self, batches: tuple[str, ...]) -> Profile:
        recipe = self.stream.recipe
        training, test = split(self.stream.rows_of(batches), recipe)
        apart = self._apart.pop(batches, None)
        model = self.fit(training) if apart is None else apart
        known = profile(model, self.metric, self.positive, training, test, self.of(batches).tested, recipe)
        return with_predictions(known, self.fit, training, test, recipe)

    def tested(self, batches: tuple[str, ...], rows: int) -> pd.DataFrame:
        """Predictions of the newest `rows` labelled rows by a model that learned all older ones; kept."""
        key = batches, rows
        if key not in self._tested:
            path = self._path(batches)
            kept = path.with_suffix(f".tested_{rows}.parquet") if path else None
            found = kept_file(kept, read_parquet)
            if found is not None:
                self._tested[key] = found
            else:
                known = labelled_rows(self.stream.rows_of(batches), self.stream.recipe)
                try:
                    older, newest = newest_apart(known, self.stream.recipe, rows)
                    self._tested[key] = predict(self.fit(older), newest)
                except ValueError:
                    self._tested[key] = pd.DataFrame({"prediction": []})
                if kept is not None:
                    write_whole(kept, self._tested[key].to_parquet())
        return self._tested[key]

    def later(self, batches: tuple[str, ...], count: int) -> pd.DataFrame:
        """Predictions for the `count` batches after some by a fit on these; kept. None of them where there is no model.

        Where no policy asked for that fit, none without its hold-out is made, as `of` does.
        """
        path = self._path(batches)
        if batches in self._known or (path is not None and path.with_suffix(".json").is_file()):
            return self.of(batches).live
        if batches not in self._later:
            kept = path.with_suffix(".later.parquet") if path else None
            found = kept_file(kept, read_parquet)
            if found is None:
                found = self._answered(batches, count)
                if kept is not None:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(kept, found.to_parquet())
            self._later[batches] = found
        return self._later[batches]

    def _answered(self, batches: tuple[str, ...], count: int) -> pd.DataFrame:
        place = self.stream.labels.index(batches[-1]) + 1
        after = self.stream.labels[place : place + count]
        try:
            return predict(self.fit(self.stream.rows_of(batches)), self.stream.rows_of(after))
        except ValueError:
            return pd.DataFrame({"prediction": []})

    def roles(self, batches: tuple[str, ...]) -> Roles:
        """Features of a fit by kind: what its own training rows make them."""
        if batches not in self._roles:
            rows = labelled_rows(self.stream.rows_of(batches), self.stream.recipe)
            self._roles[batches] = roles(rows, self.stream.recipe)
        return self._roles[batches]

    def classes(self, batches: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Classes of each target that a fit knows; none where the task has none."""
        recipe = self.stream.recipe
        rows = self.stream.rows_of(batches)[list(recipe.targets)]
        learned = rows[has_labels(rows)]
        return classes_by_target(task_of(recipe), learned, self.positive)

    def loss(self, batches: tuple[str, ...]) -> LossSummary | None:
        """What a row of the hold-out cost the model that had not seen it."""
        tested, recipe = self.of(batches).tested, self.stream.recipe
        rows = self.stream.rows.loc[tested.index]
        together = related(rows, recipe.entities, self.stream.calendar.column)
        losses = row_losses(rows[recipe.target], tested, recipe.task)
        return loss_summary(losses, loss_kind(tested, recipe.task), together)

    def prepare(
        self,
        keys: Iterable[tuple[str, Window]],
        workers: int = 1,
        progress: Progress = lambda done, total: None,
    ) -> None:
        """Make many fits at the same time."""
        wanted = list(dict.fromkeys(keys))
        with ThreadPoolExecutor(max(1, workers)) as pool:
            waiting = [pool.submit(self.get, *key) for key in wanted]
            for done, future in enumerate(as_completed(waiting), start=1):
                future.result()
                progress(done, len(wanted))

    @property
    def seconds(self) -> float:
        """Seconds that all fits made so far took, on this machine or an earlier run's."""
        return sum(fit.record.seconds for fit in self._known.values())

    @cached_property
    def _digest(self) -> str:
        """Identity of the rows and of the fit."""
        hashes = pd.util.hash_pandas_object(self.stream.rows, index=False).to_numpy()
        judged = self.stream.recipe.evaluation.model_dump_json(include={"validation", "targets"})
        text = "\n".join([str(FORMAT), self.identity, judged, *self.stream.accepted])
        return hashlib.sha256(text.encode() + hashes.tobytes()).hexdigest()[:16]

    def _path(self, batches: tuple[str, ...]) -> Path | None:
        if self.folder is None:
            return None
        name = hashlib.sha256(" ".join(batches).encode()).hexdigest()[:8]
        return self.folder / self._digest / f"{batches[-1].replace(':', '')}_{len(batches)}_{name}"

    def _read(self, batches: tuple[str, ...]) -> Fit | None:
        path = self._path(batches)
        return kept_file(path.with_suffix(".json") if path else None, _read_fit)

    def _make(self, batches: tuple[str, ...]) -> Fit:
        made = self._fitted(batches)
        path = self._path(batches)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path.with_suffix(".live.parquet"), made.live.to_parquet())
            write_whole(path.with_suffix(".tested.parquet"), made.tested.to_parquet())
            # The record is written last, in one move: a fit with a record is whole.
            write_whole(path.with_suffix(".json"), made.record.model_dump_json().encode())
        return made

    def _fitted(self, batches: tuple[str, ...]) -> Fit:
        stream, recipe = self.stream, self.stream.recipe
        rows = stream.rows_of(batches)
        started = time.perf_counter()
        empty = pd.DataFrame({"prediction": []})
        try:
            training, test = split(rows, recipe)
            apart = self.fit(training)
            tested, model = predict(apart, test), self.fit(rows)
        except ValueError as error:
            seconds = time.perf_counter() - started
            return Fit(FitRecord(batches=batches, seconds=seconds, failed=str(error)), empty, empty)
        seconds = time.perf_counter() - started
        self._apart[batches] = apart  # a profile, if one is asked for, is of this model
        for older in list(self._apart)[:-KEPT_APART]:
            self._apart.pop(older, None)
        evaluation = evaluate(
            recipe.model_copy(
                update={"evaluation": recipe.evaluation.model_copy(update={"metrics": (self.metric,)})}
            ),
            test[recipe.target],
            tested,
            training[recipe.target],
            metric=self.metric,
        )
        evaluation = of_related(evaluation, losses_design(recipe, test, tested))
        known = self.roles(batches)
        own_units = set(known.numeric) - figures(recipe, known.features)
        mixed = mixed_units(labelled_rows(rows, recipe), sorted(own_units), stream.accepted)
        record = FitRecord(
            batches=batches,
            rows=int(has_labels(rows[recipe.target]).sum()),
            seconds=seconds,
            evaluation=evaluation.model_copy(update={"per_class": {}, "class_intervals": {}, "mixed": mixed}),
        )
        later = stream.rows.iloc[stream.spans[batches[-1]][1] :]
        return Fit(record, predict(model, later), tested)

    @cached_property
    def metric(self) -> str:
        """The metric that decides."""
        recipe = self.stream.recipe
        return recipe.hyperparameter_tuning.metric or task_of(recipe).default_metric(
            most_classes(self.stream.rows[recipe.target])
        )

    @cached_property
    def measure(self) -> Measure:
        """What two fits are compared by."""
        from ml_assets.tasks.metrics import metric_named

        recipe = self.stream.recipe
        return Measure(self.metric, metric_named(self.metric).direction, self.positive, recipe.random_state)

    @cached_property
    def positive(self) -> Positive:
        """Positive class of a classification."""
        recipe = self.stream.recipe
        wanted = recipe.model.data_interface.positive_class
        return positives(task_of(recipe), self.stream.rows[recipe.target], wanted)


def _read_fit(place: Path) -> Fit:
    record = FitRecord.model_validate_json(read_whole(place))
    live, tested = (read_parquet(place.with_suffix(f".{part}.parquet")) for part in ("live", "tested"))
    return Fit(record, live, tested)
