"""The two ways from the rows of a request to predictions: the compiled model, and the pipeline where there is none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ml_assets.registry.standard import RawRows

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from ml_assets.compiled.run import Compiled
    from ml_assets.recipe.schema import Recipe
    from ml_assets.serving.body import Asked
    from ml_assets.serving.rules import RowRules
    from ml_assets.serving.standard import Cleaner, Predictor

Answers = tuple[list[Any], list[dict[str, float]] | None]
"""A prediction for each row, of several targets one for each, and the shares of the classes where they are wanted."""


class Way(Protocol):
    """How a version answers."""

    name: Literal["compiled", "pipeline"]
    why: str | None
    """Why it is not the compiled model that answers."""
    known: RawRows
    recipe: Recipe
    rules: RowRules
    """What each row must hold."""
    shares: bool
    """Whether it tells the shares of classes."""

    def answers(self, asked: Asked) -> Answers:
        """Predict the rows of a request; raises RowError where a value cannot be predicted from."""

    def together(self, many: Sequence[Asked]) -> list[Answers] | None:
        """Predict the rows of several requests at once, bit for bit as alone; None where each wants its own look."""

    def table(self, rows: pa.Table, probabilities: bool) -> dict[str, Any]:
        """Predict rows that came as columns; columns of predictions by name; raises as `answers`."""


class Piped:
    """The pipeline itself.

    Parameters
    ----------
    predictor : Predictor
    why : str
        Why it is not compiled.
    """

    name: Literal["compiled", "pipeline"] = "pipeline"

    def __init__(self, predictor: Predictor, why: str) -> None:
        self.predictor = predictor
        self.known, self.recipe, self.rules = predictor.known, predictor.recipe, predictor.rows.rules
        self.shares = hasattr(predictor.pipeline, "predict_proba")
        self.why: str | None = why

    def answers(self, asked: Asked) -> Answers:
        """See `Way`."""
        import numpy as np

        labels, shares = self.predictor.answers(asked.frame(), asked.probabilities)
        each: list[Any] = labels.tolist() if isinstance(labels, np.ndarray) else labels.to_dict("records")
        if shares is None:
            return each, None
        return each, [dict(zip(map(str, shares), row, strict=True)) for row in shares.to_numpy().tolist()]

    def together(self, many: Sequence[Asked]) -> list[Answers] | None:
        """See `Way`."""
        return None

    def table(self, rows: pa.Table, probabilities: bool) -> dict[str, Any]:
        """See `Way`."""
        import numpy as np

        from ml_assets.sources.arrow import to_pandas

        labels, shares = self.predictor.answers(to_pandas(rows), probabilities)
        found: dict[str, Any] = (
            {"prediction": labels.tolist()}
            if isinstance(labels, np.ndarray)
            else {f"prediction_{name}": labels[name].tolist() for name in labels}
        )
        if shares is not None:
            found |= {f"probability_{name}": shares[name].to_numpy() for name in shares}
        return found


class Arrayed:
    """A compiled model; nothing of it was unpickled.

    Parameters
    ----------
    compiled : Compiled
    cleaner : Cleaner
        For values that are written in an unusual way.
    """

    name: Literal["compiled", "pipeline"] = "compiled"
    why: str | None = None

    def __init__(self, compiled: Compiled, cleaner: Cleaner) -> None:
        import numpy as np

        from ml_assets.serving.standard import typed

        self.compiled, self.cleaner = compiled, cleaner
        self.known, self.recipe, self.rules = cleaner.known, cleaner.recipe, cleaner.rules
        self.targets = tuple(self.known.answers)
        kinds = tuple(self.known.answers.values()) or (self.known.answer,)
        self.classes = compiled.spec.classes
        self.shares = bool(self.classes)
        self.labels = [
            typed(np.array(names, dtype=object), kind).tolist()
            for names, kind in zip(self.classes, kinds, strict=bool(self.classes))
        ]

    def answers(self, asked: Asked) -> Answers:
        """See `Way`."""
        from ml_assets.compiled.encode import UnusualError

        encoder = self.compiled.encoder
        try:
            numbers, codes = encoder.rows(asked.values)
        except UnusualError:
            numbers, codes = encoder.frame(self.cleaner.clean(asked.frame()))
        return self._told(numbers, codes, asked.probabilities)

    def together(self, many: Sequence[Asked]) -> list[Answers] | None:
        """See `Way`."""
        from ml_assets.compiled.encode import UnusualError

        if not self.compiled.by_rows:
            return None
        try:
            numbers, codes = self.compiled.encoder.rows([row for asked in many for row in asked.values])
        except UnusualError:
            return None
        each, shares = self._told(numbers, codes, any(asked.probabilities for asked in many))
        found: list[Answers] = []
        first = 0
        for asked in many:
            own = slice(first, first + len(asked.values))
            found.append((each[own], shares[own] if shares is not None and asked.probabilities else None))
            first = own.stop
        return found

    def _told(self, numbers: Any, codes: Any, probabilities: bool) -> Answers:
        scores = self.compiled.scores(numbers, codes)
        columns = self._labels(scores)
        each = columns[0]
        if self.targets:
            each = [dict(zip(self.targets, row, strict=True)) for row in zip(*columns, strict=True)]
        return each, self._shares(scores) if probabilities else None

    def table(self, rows: pa.Table, probabilities: bool) -> dict[str, Any]:
        """See `Way`."""
        from ml_assets.compiled.encode import UnusualError
        from ml_assets.compiled.encode_table import encode_table
        from ml_assets.sources.arrow import to_pandas

        try:
            numbers, codes = encode_table(self.compiled.encoder, rows)
        except UnusualError:
            clean = self.cleaner.clean(to_pandas(rows))
            numbers, codes = self.compiled.encoder.frame(clean)
        scores = self.compiled.scores(numbers, codes)
        names = [f"prediction_{name}" for name in self.targets] or ["prediction"]
        found: dict[str, Any] = dict(zip(names, self._label_columns(scores), strict=True))
        if probabilities:
            self._see_shares()
            for names_of, shares in zip(self._share_names(), scores, strict=True):
                found |= {f"probability_{name}": shares[:, k] for k, name in enumerate(names_of)}
        return found

    def _labels(self, scores: Sequence[Any]) -> list[list[Any]]:
        if not self.classes:
            return [values.tolist() for values in scores]
        return [
            [labels[k] for k in self.compiled.labels(shares).tolist()]
            for labels, shares in zip(self.labels, scores, strict=True)
        ]

    def _label_columns(self, scores: Sequence[Any]) -> list[Any]:
        import pyarrow as pa

        if not self.classes:
            return list(scores)
        return [
            pa.array(labels).take(pa.array(self.compiled.labels(shares)))
            for labels, shares in zip(self.labels, scores, strict=True)
        ]

    def _shares(self, scores: Sequence[Any]) -> list[dict[str, float]]:
        self._see_shares()
        names = [name for each in self._share_names() for name in each]
        if len(scores) == 1:
            return [dict(zip(names, row, strict=True)) for row in scores[0].tolist()]
        import numpy as np

        return [dict(zip(names, row, strict=True)) for row in np.concatenate(scores, axis=1).tolist()]

    def _see_shares(self) -> None:
        from ml_assets.serving.standard import RowError

        if not self.shares:
            raise RowError("probabilities: this model gives none")

    def _share_names(self) -> list[tuple[str, ...]]:
        if not self.targets:
            return list(self.classes)
        return [
            tuple(f"{target}_{label}" for label in labels)
            for target, labels in zip(self.targets, self.classes, strict=True)
        ]


def together(way: Way, many: Sequence[Asked]) -> list[Answers | None]:
    """Predict the rows of several requests at once; None for each that has to be answered alone."""
    found = None
    if len(many) > 1:
        with suppress(Exception):  # whose fault it is, and how it is told, is found out one by one
            found = way.together(many)
    return [None] * len(many) if found is None else [*found]


def way_of(
    folder: Path, modules: Collection[str], compiled: bool = True, past: pd.DataFrame | None = None
) -> Way:
    """Load a version from a model's folder: compiled, without unpickling anything; else its pipeline.

    With earlier rows, `past`, it is the pipeline that answers.

    Raises
    ------
    RowError, FunctionError
        As `standard.cleaner`.
    """
    from ml_assets.compiled.refusal import NotCompiledError
    from ml_assets.compiled.run import load as load_compiled
    from ml_assets.registry.pipelines import load_pipeline
    from ml_assets.serving.standard import Predictor, cleaner

    rows = cleaner(folder, modules, past)
    known, missing = rows.known, rows.recipe.model.loader.na_values
    if past is not None:
        return Piped(Predictor(load_pipeline(folder), rows), "it looks back at earlier rows")
    if not compiled:
        return Piped(Predictor(load_pipeline(folder), rows), "its pipeline was asked for")
    try:
        found = load_compiled(folder, known.columns, known.kinds.columns, missing)
    except NotCompiledError as error:
        return Piped(Predictor(load_pipeline(folder), rows), str(error))
    return Arrayed(found, rows)
