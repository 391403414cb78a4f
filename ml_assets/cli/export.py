"""Carrying a version away in one of some formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from ml_assets.failures import WrongUsageError
from ml_assets.registry import erasures
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.versions import Registry
from ml_assets.settings import read_settings
from ml_assets.store.output import new_folder

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.serving.live import Served

Format = Literal[
    "package", "onnx", "joblib", "pickle", "native", "keras", "savedmodel", "tflite", "docker-context"
]
FORMATS: Final = get_args(Format)
INSTEAD: Final = {
    "mlflow": "each version is an MLflow model already, `models:/NAME/VERSION`; `--format package` holds its folder",
    "torchscript": "`--format native` writes what torch.export makes, model.pt2",
    "h5": "`--format keras` writes the file of Keras 3",
    "saved_model": "`--format savedmodel` writes one",
    "litert": "`--format tflite` writes its file",
}
"""Formats that people ask for, and what to take."""
FOLDER: Final = "report"
"""Folder of the pages of a training, beside its run."""
ROWS: Final = 2_000
"""Rows that another format is held against the pipeline on."""


def export_version(name: str, version: int | None, form: str, to: Path | None) -> dict[str, Any]:
    """Write a version into a new folder, in one move.

    Raises
    ------
    WrongUsageError
        If there is no such format, no champion, or the folder is there already, or cannot be made.
    FormatError
        If the model does not allow the format.
    """
    from ml_assets.serving.export import of_keras, package, single
    from ml_assets.serving.live import load_version

    if form not in FORMATS:
        why = f". {form}: {INSTEAD[form.lower()]}" if form.lower() in INSTEAD else ""
        raise WrongUsageError(f"--format: found {form!r}; allowed: {', '.join(FORMATS)}{why}")
    settings = read_settings()
    registry = Registry(settings, Ledger(settings.ledger))
    if version is None:
        champion = registry.champion(name)
        if champion is None:
            from ml_assets.cli.models import known_state

            known_state(name)  # of a name that nobody knows it says so
            raise WrongUsageError(
                f"{name}: no version is champion: train it first, `ml-assets train --recipe-file FILE`"
            )
        version = champion.version
    info = registry.version(name, version)
    erasures.see_kept(registry.ledger, name, version)
    target = (to or Path(f"{name}-{version}-{form}")).absolute()
    told: dict[str, Any] = {}
    with new_folder("--to", target) as made:
        served = load_version(registry, name, version, compiled=False)
        if form in ("package", "docker-context"):
            with registry.files.verified_model(info.trained, f"{name} version {version}") as model:
                if form == "package":
                    papers = registry.files.papers(info.run_id, FOLDER)
                    package.write_package(made, model, served, info, papers)
                else:
                    package.write_context(made, model, served, info)
        else:
            write = {
                "joblib": single.write_joblib,
                "pickle": single.write_pickle,
                "native": single.write_native,
                "onnx": single.write_onnx,
                "keras": of_keras.write_keras,
                "savedmodel": of_keras.write_savedmodel,
                "tflite": of_keras.write_tflite,
            }[form]
            told = write(made, served.predictor.pipeline, _clean(registry, served))
    files = sorted(path.relative_to(target).as_posix() for path in target.iterdir())
    return {"name": name, "version": version, "format": form, "folder": str(target), "files": files, **told}


def export_text(result: dict[str, Any]) -> str:
    """Say what was written."""
    held = ""
    if "largest_difference" in result:
        worst = f"largest difference {result['largest_difference']:.2g}"
        held = f"\n  the same numbers as the pipeline on {result['rows']:,} rows ({worst})"
    what = f"{result['name']}: version {result['version']} as {result['format']}"
    return f"{what} in {result['folder']}: {', '.join(result['files'])}{held}"


def _clean(registry: Registry, served: Served) -> pd.DataFrame:
    """Rows the version learned from, and the same with values missing, never seen, and extreme."""
    import numpy as np
    import pandas as pd

    from ml_assets.registry.pipelines import plain

    training = registry.version(served.name, served.version).trained.training
    known = registry.files.reference(served.name, served.version)
    rows = plain(known.sample(min(len(known), ROWS // 2), random_state=0), training).reset_index(drop=True)
    odd = rows.copy()
    for place, name in enumerate(odd.columns):
        hit = np.arange(len(odd)) % 7 == place % 7
        if odd[name].dtype == object:
            odd.loc[hit, name] = None if place % 2 else "never seen"
        else:
            extreme = rows[name].abs().max()
            odd.loc[hit, name] = (
                np.nan if rows[name].isna().any() else 10 * (0 if pd.isna(extreme) else extreme)
            )
    return pd.concat([rows, odd], ignore_index=True)
