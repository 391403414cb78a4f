"""A fitted pipeline as an MLflow model: its files, their hash, the types it takes, what it needs installed."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.estimators.libraries import distributions_of
from ml_assets.records import TrainingResult
from ml_assets.registry.integrity import model_sha256
from ml_assets.registry.standard import NEEDED, RawRows, add_to, raw_rows

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

    from ml_assets.recipe.schema import Recipe

MOVED = {"ml_assets.training.estimators": "ml_assets.estimators.wrappers"}
"""Modules that models of earlier versions name, and where their classes are now."""

EXAMPLE_ROWS = 5


def log_pipeline(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    recipe: Recipe,
    pipeline: Any,
    training: TrainingResult,
    rows: pd.DataFrame,
    raw: pd.DataFrame,
) -> tuple[str, str]:
    """Save the pipeline as an MLflow model, hash it before it leaves this process, and store it.

    As a Python function the model takes rows as they came (`raw`), as a scikit-learn model clean ones (`rows`).
    """
    flavour = sklearn_flavour()
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    from ml_assets.compiled.write import (
        write as compile_into,
    )  # a client that unpacks this module has no such rooms
    from ml_assets.store.tally import wrote_files

    known = raw_rows(recipe, training, rows, raw)
    logged = client.create_logged_model(
        experiment_id, name=recipe.name, source_run_id=run_id, params={"class_path": training.class_path}
    )
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        flavour.save_model(
            pipeline,
            str(path),
            mlflow_model=Model(
                artifact_path=logged.artifact_location,
                model_uuid=logged.model_id,
                run_id=run_id,
                model_id=logged.model_id,
            ),
            serialization_format="cloudpickle",
            signature=model_signature(known, training),
            input_example=raw[list(known.columns)].head(EXAMPLE_ROWS),
            pip_requirements=requirements(training.class_path, training.params),
        )
        add_to(path, known)
        compile_into(path, pipeline, known, recipe, rows)
        assert Model.load(str(path)).signature is not None  # mlflow#25593: it can silently be lost
        sha256 = model_sha256(path)
        wrote_files(path)
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, "READY")
    return f"models:/{logged.model_id}", sha256


def sklearn_flavour() -> Any:
    """Import `mlflow.sklearn` without the warning that MLflow 3.17 gives about its own type hints."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        import mlflow.pyfunc
        import mlflow.sklearn
    return mlflow.sklearn


def load_pipeline(folder: Path) -> Any:
    """Load a pipeline from the files of an MLflow model, whichever version of ml_assets saved it."""
    flavour = sklearn_flavour()
    answer_to_former_names()
    return flavour.load_model(str(folder))


def answer_to_former_names() -> None:
    """Give modules the names, too, that they had when older models were saved: a pickle names its classes by module.

    They keep them, since another thread may be loading a model at the same time.
    """
    for former, now in MOVED.items():
        sys.modules.setdefault(former, import_module(now))


def plain(rows: pd.DataFrame, training: TrainingResult) -> pd.DataFrame:
    """Keep the features, as float64 or as text with None: the two types that the signature has."""
    import pandas as pd

    columns = {}
    for name in training.features:
        column = rows[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            columns[name] = column.astype("float64")
        else:
            text = column.astype(object)
            columns[name] = text.where(text.notna(), None)
    return pd.DataFrame(columns, index=rows.index)


def model_signature(known: RawRows, training: TrainingResult) -> Any:
    """Write down the columns that are wanted, of any type, and the type of the answer.

    MLflow holds rows strictly against a type: an integer is no double, a number column that misses values no integer.
    What a column may hold is decided by the cleaning of the model itself, as in every other way to a prediction.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, Array, DataType

    types = {
        "number": DataType.double,
        "integer": DataType.long,
        "truth": DataType.boolean,
        "text": DataType.string,
        "items": Array(DataType.string),
    }
    shares = ParamSchema([ParamSpec("probabilities", DataType.boolean, False)])
    return ModelSignature(
        inputs=Schema([ColSpec(AnyType(), name) for name in known.columns]),
        outputs=Schema(
            [ColSpec(types[answer], name) for name, answer in known.answers.items()]
            or [ColSpec(types[known.answer])]
        ),
        params=shares if training.classes is not None or training.target_classes else None,
    )


def requirements(class_path: str, params: Mapping[str, Any]) -> list[str]:
    """Pin what loading the model needs, of estimators inside it too, as installed here; MLflow's own way takes 24 s."""
    estimators = ((class_path, params), *inside(params))
    names = dict.fromkeys([*NEEDED, *(name for each in estimators for name in distributions_of(*each))])
    versions = {name: _installed(name) for name in names}
    # 2.13.0+cpu is a build of 2.13.0 that the package index does not have.
    return [f"{name}=={version.partition('+')[0]}" for name, version in versions.items()]


@cache
def _installed(name: str) -> str:
    """Version of a package as this process has it; its metadata are a long letter to read."""
    return metadata.version(name)


def inside(params: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Class paths of the estimators among parameters as they are written, with their own parameters."""
    if isinstance(params, Mapping):
        if isinstance(path := params.get("class_path"), str):
            yield path, params.get("hyperparameters") or {}
        params = list(params.values())
    for inner in params if isinstance(params, list | tuple) else ():
        yield from inside(inner)
