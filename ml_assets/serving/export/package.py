"""A deployment package: a folder with a version, and all that it needs to predict somewhere else."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_assets.estimators.libraries import OWN, library_of
from ml_assets.recipe.space import as_written
from ml_assets.registry.pipelines import inside
from ml_assets.registry.standard import CODE, PACKED
from ml_assets.serving.export.words import DOCKERFILE, DVC, guide, model_card

if TYPE_CHECKING:
    from ml_assets.registry.champions import VersionInfo
    from ml_assets.serving.live import Served

CARRIED: Final = Path(__file__).parent / "carried"
MODEL: Final = "model"
NOT_NEEDED: Final = ("mlflow",)
"""What a client of MLflow needs and a package does not."""
SERVER: Final = ("fastapi", "uvicorn")
PAPERS: Final = ("report.html", "evaluation_report.md", "training_history.json")
"""What is taken along of the pages of a training."""
LEFT: Final = ("__pycache__", "rows.parquet", "predictions.parquet", ".venv")


def write_package(
    folder: Path, model: Path, served: Served, info: VersionInfo, papers: Mapping[str, bytes]
) -> None:
    """Write everything: model, library, program, requirements, papers, and what other tools want.

    Parameters
    ----------
    folder : Path
        Empty.
    model : Path
        Verified files of the version, as MLflow keeps them.
    served : Served
    info : VersionInfo
    papers : mapping of str to bytes
        Pages of the training.
    """
    write_context(folder, model, served, info)
    texts = {
        "model_card.md": model_card(served, info),
        "DEPLOYMENT.md": guide(served, own_modules(served)),
        "dvc.yaml": DVC,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    if info.evaluation is not None:
        (folder / "evaluation.json").write_text(info.evaluation.model_dump_json(indent=1))
    for name in PAPERS:
        if name in papers:
            (folder / name).write_bytes(papers[name])


def write_context(folder: Path, model: Path, served: Served, info: VersionInfo) -> None:
    """Write what an image is built of: model, library, program, requirements, Dockerfile."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(model, folder / MODEL)
    with zipfile.ZipFile(io.BytesIO((model / CODE / PACKED).read_bytes())) as archive:
        archive.extractall(folder / "library")
    for name in ("inference.py", "app.py"):
        shutil.copyfile(CARRIED / name, folder / name)
    (folder / "requirements.txt").write_text("\n".join(_needed(model)) + "\n")
    (folder / "requirements-server.txt").write_text(
        "".join(f"{name}=={metadata.version(name)}\n" for name in SERVER)
    )
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / ".dockerignore").write_text("".join(f"{name}\n" for name in LEFT))
    (folder / "manifest.json").write_text(json.dumps(_manifest(folder, served, info), indent=1))


def own_modules(served: Served) -> list[str]:
    """Modules of a person's own that the model needs."""
    model = served.predictor.recipe.model
    paths = [*model.feature_engineering.functions]
    for _, path, params in model.named:
        paths += [
            each
            for each in (path, *(name for name, _ in inside(as_written(params))))
            if library_of(each) is OWN
        ]
    return list(dict.fromkeys(path.rpartition(".")[0] for path in paths))


def _needed(model: Path) -> Iterator[str]:
    """Requirements of the model, as they were pinned when it was saved."""
    for line in (model / "requirements.txt").read_text().split():
        if re.split(r"[=<>~!\[]", line)[0] not in NOT_NEEDED:
            yield line


def _manifest(folder: Path, served: Served, info: VersionInfo) -> dict[str, Any]:
    files = sorted(
        path for part in (MODEL, "library") for path in (folder / part).rglob("*") if path.is_file()
    )
    return {
        "model": served.name,
        "version": served.version,
        "trained_at": served.trained_at,
        "sha256": served.sha256,
        "run_id": info.run_id,
        "recipe_sha256": info.trained.recipe_sha256,
        "data_sha256": info.trained.data_sha256,
        "columns": list(served.known.columns),
        "files": {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        },
    }
