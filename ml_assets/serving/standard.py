"""Predictions for rows as they come, for any MLflow client: `mlflow.pyfunc`, `mlflow models serve`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from ml_assets.failures import MendableError
from ml_assets.features import functions, history
from ml_assets.features.cleaning import clean_alone, label, labels
from ml_assets.names import WITHOUT
from ml_assets.recipe.durations import duration
from ml_assets.recipe.own import allow
from ml_assets.recipe.schema import Recipe
from ml_assets.registry.pipelines import load_pipeline
from ml_assets.registry.standard import RAW_ROWS, RawRows
from ml_assets.serving.rules import RowRules
from ml_assets.settings.settings import allowed_modules
from ml_assets.shown import listed, shown


class RowError(MendableError, ValueError):
    """Rows that cannot be predicted.

    Parameters
    ----------
    message : str
    column : str, optional
    row : int, optional
        Place of the first row that is wrong, from 0.
    """

    def __init__(self, message: str, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.column, self.row = column, row


class Cleaner:
    """Raw rows become what a model learned.

    Parameters
    ----------
    known : RawRows
    own : mapping of str to callable
        The recipe's own feature functions.
    past : DataFrame, optional
        Earlier clean rows, of a recipe whose features are made of them.
    """

    def __init__(
        self, known: RawRows, own: Mapping[str, functions.Function], past: pd.DataFrame | None = None
    ) -> None:
        self.known = known
        self.own = own
        self.past = past
        self.recipe = Recipe.model_validate(known.recipe)
        self.rules = RowRules(self.recipe, known)

    def see_rules(self, rows: pd.DataFrame) -> None:
        """Raise RowError where a row of a frame of shape (n_rows, n_columns) breaks a rule of the recipe."""
        if self.rules and set(self.known.columns) <= set(rows.columns):
            for row, column, words in self.rules.all_in(rows):
                raise RowError(f"column '{column}', row {row}: {words}", column, row)

    def clean(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Clean rows, with the columns that are made of others; raises as `Predictor.predict`."""
        known = self.known
        absent = [name for name in known.columns if name not in rows.columns]
        if absent:
            raise RowError(f"the rows lack {listed(absent)} (found {listed(rows.columns)})")
        if twice := [name for name in known.columns if list(rows.columns).count(name) > 1]:
            raise RowError(f"the rows have {listed(twice)} twice: leave one out", twice[0])
        if not len(rows):
            raise RowError("there is no row to predict")
        rows = rows[list(known.columns)].reset_index(drop=True)
        columns = {name: self._read(rows[name], known.kinds.columns.get(name)) for name in known.columns}
        clean = clean_alone(pd.DataFrame(columns), self.recipe, known.kinds, self.own, self.past)
        if self.past is not None and (far := history.beyond(clean, self.recipe, self.past)).any():
            raise self._too_far(clean, self.past, int(far.argmax()))
        return clean

    def _too_far(self, clean: pd.DataFrame, past: pd.DataFrame, row: int) -> RowError:
        time, target = str(history.time_of(self.recipe)), self.recipe.targets[0]
        ahead = self.recipe.model.feature_engineering.horizon
        until = past.loc[past[target].notna(), time].max()
        reach = "the next row after that" if ahead is None else f"rows until {until + duration(ahead)}"
        return RowError(
            f"column '{time}', row {row}: {clean[time].iloc[row]} is too far ahead: '{target}' is known until {until}, "
            f"and {reach} can be predicted. Take in the batches that have come since (`ml-assets backfill`), or leave "
            "out later rows",
            time,
            row,
        )

    def _read(self, column: pd.Series[Any], kind: str | None) -> pd.Series[Any]:
        """What the reader of a file would have given: numbers of texts, nothing of what the recipe calls missing."""
        import pyarrow as pa

        from ml_assets.sources.missing import without_values
        from ml_assets.sources.numbers import Form, mend

        name, missing = str(column.name), self.recipe.model.loader.na_values
        _see_kind(column, kind)
        if kind in {None, "text"} and not missing:
            return column
        if kind == "number" and column.dtype == object:
            column = column.map(lambda value: _float(value) if isinstance(value, bool | int) else value)
        if kind == "time" and column.dtype == object:
            self._see_times(column)
        try:
            values = pa.table({name: pa.Array.from_pandas(column)})
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # of several types: text, as a file would have them
            values = pa.table({name: pa.Array.from_pandas(labels(column))})
        if kind == "number" and pa.types.is_string(values[name].type):
            values = pa.table({name: mend(values[name], Form("plain")).column})
            if pa.types.is_string(values[name].type):
                wrong = pd.to_numeric(values[name].to_pandas(), errors="coerce").isna() & column.notna()
                row = int(wrong.to_numpy().argmax())
                raise RowError(
                    f"column '{name}' is a number, and row {row} has {column.iloc[row]!r}", name, row
                )
        read: pd.Series[Any] = without_values(values, missing)[name].to_pandas()
        return read

    @staticmethod
    def _see_times(column: pd.Series[Any]) -> None:
        """Raise RowError where a text is no time as ISO 8601 writes it: 01/03/2024 is two days."""
        texts = column[[isinstance(value, str) for value in column]].astype(str)
        read = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
        if len(wrong := texts[read.isna() & (texts.str.strip() != "")]):
            row = int(wrong.index[0])
            raise RowError(
                f"column '{column.name}', row {row}: a time is wanted, as 2024-01-31T13:00:00, found {wrong.iloc[0]!r}",
                str(column.name),
                row,
            )


class Predictor:
    """A pipeline that takes raw rows and answers in the type of its target.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    rows : Cleaner
        How rows become clean.
    """

    def __init__(self, pipeline: Any, rows: Cleaner) -> None:
        self.pipeline = pipeline
        self.rows = rows
        self.known, self.recipe = rows.known, rows.recipe

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> Any:
        """Predict rows in their natural types.

        Parameters
        ----------
        model_input : DataFrame of shape (n_rows, n_columns)
            The columns of the source, in any order; further ones are not looked at.
        params : mapping, optional
            `probabilities`: of a classification the share of each class instead of the label.

        Returns
        -------
        ndarray of shape (n_rows,) or DataFrame of shape (n_rows, n_classes)
            Of a recommendation each is a list of items, without those that the row has in `names.WITHOUT`.
            Of several targets a DataFrame with a column for each; of shares with columns `<target>_<class>`.

        Raises
        ------
        RowError
            If a column is absent, or holds what it never held, or a row breaks a rule of `quality.rows`.
        """
        self.rows.see_rules(model_input)
        shares = bool((params or {}).get("probabilities"))
        answers, table = self.answers(model_input, shares)
        return table if shares else answers

    def answers(
        self, rows: pd.DataFrame, probabilities: bool
    ) -> tuple[np.ndarray[Any, Any] | pd.DataFrame, pd.DataFrame | None]:
        """Predict labels or numbers, and the share of each class where that is asked for; raises as `predict`."""
        features, several = self.rows.clean(rows)[list(self.known.features)], self.known.answers
        left_out = {WITHOUT: _left_out(rows[WITHOUT])} if takes_without(self.known, rows.columns) else {}
        values = np.asarray(self.pipeline.predict(features, **left_out), dtype=object if several else None)
        found = _columns(values, several) if several else typed(values.ravel(), self.known.answer)
        if not probabilities:
            return found, None
        if not hasattr(self.pipeline, "predict_proba"):
            raise RowError("probabilities: this model gives none")
        shares, classes = self.pipeline.predict_proba(features), self.pipeline.classes_
        if not several:
            return found, pd.DataFrame(shares, columns=[str(name) for name in classes])
        parts = [
            pd.DataFrame(own, columns=[f"{target}_{label}" for label in names])
            for target, names, own in zip(several, classes, shares, strict=True)
        ]
        return found, pd.concat(parts, axis=1)


def load(folder: Path, modules: Collection[str] | None = None) -> Predictor:
    """Load a model's folder, its pipeline too; parameters and errors as `cleaner`."""
    return Predictor(load_pipeline(folder), cleaner(folder, modules))


def cleaner(
    folder: Path, modules: Collection[str] | None = None, past: pd.DataFrame | None = None
) -> Cleaner:
    """Read how a model's rows become clean; nothing is unpickled.

    Parameters
    ----------
    folder : Path
    modules : collection of str, optional
        Modules whose functions may be imported; default: as the environment allows.
    past : DataFrame, optional
        Earlier clean rows, where there are some.

    Raises
    ------
    RowError
        If its features are made of earlier rows, and there are none, as no client has them.
    FunctionError
        If they are made by functions that may not be imported here.
    """
    known = RawRows.model_validate_json((folder / RAW_ROWS).read_text())
    allowed = allowed_modules() if modules is None else modules
    allow(allowed)
    try:
        recipe = Recipe.model_validate(known.recipe)
    except ValidationError as error:  # an estimator of a module that is not allowed here
        told = (
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise RowError(f"the recipe of {known.recipe.get('name')}: {'; '.join(told)}") from None
    if history.features_look_back(recipe) and past is None:
        raise RowError(
            f"{recipe.name}: its features are made of earlier rows, which no client has: take the predictions of "
            f"`ml-assets backfill` or `ml-assets batch-inference` instead"
        )
    wanted = recipe.model.feature_engineering.functions
    return Cleaner(known, functions.load(wanted, allowed), past)


def takes_without(known: RawRows, columns: Collection[Any]) -> bool:
    """Whether rows of these columns say which items are not recommended."""
    return known.answer == "items" and WITHOUT in columns and WITHOUT not in known.columns


def _left_out(column: Any) -> list[frozenset[str]]:
    """Items that are not recommended to the user of each row: a list, as a file has it in JSON; nothing where none is.

    Raises
    ------
    RowError
        If the column is there twice, or a cell is something else.
    """
    if isinstance(column, pd.DataFrame):
        raise RowError(f"the rows have '{WITHOUT}' twice: leave one out", WITHOUT)
    return [_items(cell, row) for row, cell in enumerate(column)]


def _items(cell: Any, row: int) -> frozenset[str]:
    items = cell
    if isinstance(cell, str):
        try:
            items = json.loads(cell) if cell.strip() else None
        except ValueError:
            items = cell
    if isinstance(items, np.ndarray | tuple):
        items = list(items)
    if items is None or (not isinstance(items, list | dict | str) and pd.isna(items)):
        return frozenset()
    if not isinstance(items, list) or any(isinstance(each, list | dict) for each in items):
        raise RowError(
            f"column '{WITHOUT}', row {row}: a list of items is wanted, those that are not recommended to this user, "
            f"found {shown(str(cell), 60)!r}",
            WITHOUT,
            row,
        )
    texts = (label(each) for each in items if not pd.isna(each))
    return frozenset(text for text in texts if text)


def _see_kind(column: pd.Series[Any], kind: str | None) -> None:
    """Raise RowError where values are of a kind that no number, text or time of the model can be.

    A time would become nanoseconds, a number a time, and both would be predicted from.
    """
    is_kind = pd.api.types
    types: set[type] = set(map(type, column)) if column.dtype == object else set()
    if types & {list, dict, tuple, set, np.ndarray}:
        found = "lists or objects"
    elif is_kind.is_timedelta64_dtype(column.dtype):
        found = "durations"
    elif kind == "number" and (
        is_kind.is_datetime64_any_dtype(column.dtype) or any(issubclass(each, date) for each in types)
    ):
        found = "times"
    elif kind == "time" and is_kind.is_numeric_dtype(column.dtype) and column.notna().any():
        found = "numbers"
    else:
        return
    raise RowError(
        f"column '{column.name}' is a {kind or 'text'}, and the rows have {found}", str(column.name)
    )


def _float(value: int) -> float:
    """A whole number or a truth value as a float; infinite where it is too large."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _columns(values: np.ndarray[Any, Any], answers: Mapping[str, str]) -> pd.DataFrame:
    """Predictions of several targets, of shape (n_rows, n_targets), each in the type of its target."""
    return pd.DataFrame(
        {name: typed(values[:, k], answer) for k, (name, answer) in enumerate(answers.items())}
    )


def typed(values: np.ndarray[Any, Any], answer: str) -> np.ndarray[Any, Any]:
    """Labels in the type that the target has; items that are recommended as lists."""
    if answer == "items":
        found = np.empty(len(values), dtype=object)
        found[:] = [json.loads(text) for text in values]
        return found
    if answer == "truth":
        return np.array([str(value).casefold() == "true" for value in values])
    if answer == "integer":
        return np.array([int(value) for value in values], dtype=np.int64)
    return values.astype(np.float64 if answer == "number" else object)
