"""What a plain MLflow client needs beside a pipeline, so that it can hand it rows as they come.

The model's folder has `raw_rows.json` (this record), and below `code/` our own rooms that clean rows, packed, for an
environment without ml_assets. MLflow then calls `ml_assets_model._load_pyfunc`, a copy of `serving/unpacked.py`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from ml_assets.features.truths import LABELS
from ml_assets.records import Schema, TrainingResult
from ml_assets.records.base import Record

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.recipe.schema import Recipe

RAW_ROWS: Final = "raw_rows.json"
LOADER: Final = "ml_assets_model"
CODE: Final = "code"
PACKED: Final = "ml_assets.zip"
ROOMS: Final = (
    "__init__.py",
    "names.py",
    "failures.py",
    "shown.py",
    *("estimators", "features", "networks", "recipe", "records", "settings", "sources", "tasks"),
    *(
        "serving",
        "registry/__init__.py",
        "registry/integrity.py",
        "registry/pipelines.py",
        "registry/standard.py",
    ),
)
"""What cleaning and predicting reach; the packed code has no more."""
NEEDED: Final = (
    "mlflow",
    "pandas",
    "numpy",
    "scipy",
    "scikit-learn",
    "cloudpickle",
    "pyarrow",
    "pydantic",
    "PyYAML",
)
"""Distributions that loading and predicting import, beside the estimator's own."""

Answer = Literal["number", "integer", "truth", "text", "items"]
"""Type of a prediction: the one that a reader of the file gives the target; of a recommendation a list of texts."""
UNTARGETED: Mapping[str, Answer] = {"clustering": "integer", "recommendation": "items"}
"""Type of a prediction of a task that has no target."""


class RawRows(Record):
    """How rows as they come become what the pipeline learned."""

    recipe: dict[str, Any]
    kinds: Schema
    columns: tuple[str, ...]
    """Columns that a prediction needs, as they come."""
    answer: Answer
    features: tuple[str, ...]
    answers: dict[str, Answer] = Field(default_factory=dict)
    """Types of the predictions of several targets, in the place of `answer`."""


def raw_rows(recipe: Recipe, training: TrainingResult, clean: pd.DataFrame, raw: pd.DataFrame) -> RawRows:
    """Write down what cleaning needs to know.

    Parameters
    ----------
    recipe : Recipe
    training : TrainingResult
    clean : DataFrame of shape (n_rows, n_columns)
        The rows that were learned, with their features.
    raw : DataFrame of shape (n_raw_rows, n_raw_columns)
        Some of them as they came.
    """
    from ml_assets.features.engineered import sources
    from ml_assets.features.history import features_look_back, time_of

    made_of = {name for _, name in sources(recipe)}
    if recipe.model.feature_engineering.functions:  # which columns they read is not known
        made_of |= {str(name) for name in clean.columns}
    if features_look_back(recipe):
        made_of |= {*recipe.model.data_interface.entity_cols, str(time_of(recipe))}
    made_of -= {*recipe.targets, *recipe.kept_apart}
    needed = [str(name) for name in raw.columns if name in {*training.features, *made_of}]
    kinds = {name: _kind(clean[name]) for name in needed if name in clean}
    return RawRows(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        kinds=Schema(
            columns=kinds,
            classes=training.target_classes or {recipe.targets[0]: training.classes or ()},
            truths=tuple(name for name, kind in kinds.items() if kind == "text" and _truths(clean[name])),
        ),
        columns=tuple(needed),
        answer=UNTARGETED.get(recipe.task) or _answer(training.classes),
        features=training.features,
        answers={name: _answer(training.target_classes.get(name)) for name in training.targets},
    )


def add_to(folder: Path, known: RawRows) -> None:
    """Lay the record and the code into a saved model, and name them in its `MLmodel`."""
    from mlflow.models import Model

    (folder / RAW_ROWS).write_text(known.model_dump_json(indent=1))
    code = folder / CODE
    code.mkdir()
    (code / f"{LOADER}.py").write_bytes(_source("serving", "unpacked.py").read_bytes())
    (code / PACKED).write_bytes(packed())
    model = Model.load(str(folder))
    model.flavors["python_function"] |= {"loader_module": LOADER, "code": CODE}
    model.save(str(folder / "MLmodel"))


def example_of(folder: Path) -> pd.DataFrame:
    """Read the rows that were saved with a model, as they came."""
    from mlflow.models import Model

    example: pd.DataFrame = Model.load(str(folder)).load_input_example(str(folder))
    return example


@cache
def packed() -> bytes:
    """Our rooms that a prediction reaches, as a zip file: equal sources give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_files()):
            name = path.relative_to(_source().parent).as_posix()
            archive.writestr(
                zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED
            )
    return buffer.getvalue()


def _files() -> list[Path]:
    places = [_source(room) for room in ROOMS]
    found = [place for place in places if place.is_file()]
    return found + [
        path
        for place in places
        if place.is_dir()
        for path in place.rglob("*")
        if path.suffix in {".py", ".json", ".yaml"}
    ]


def _source(*parts: str) -> Path:
    return Path(__file__).parents[1].joinpath(*parts)


def _kind(column: pd.Series[Any]) -> Literal["number", "time", "text"]:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "time"
    return "number" if pd.api.types.is_numeric_dtype(column.dtype) else "text"


def _truths(column: pd.Series[Any]) -> bool:
    """Whether a column holds yes and no, and nothing else."""
    found = set(column.dropna().unique())
    return bool(found) and found <= LABELS


def _answer(classes: Collection[str] | None) -> Answer:
    """Type that a reader of the file gives the target, whose labels are text here.

    >>> _answer(("0", "1")), _answer(("false", "true")), _answer(("007", "1")), _answer(None)
    ('integer', 'truth', 'text', 'number')
    """
    if classes is None:
        return "number"
    if all(re.fullmatch(r"0|-?[1-9]\d{0,17}", label) for label in classes):
        return "integer"
    return "truth" if {label.casefold() for label in classes} <= {"false", "true"} else "text"
