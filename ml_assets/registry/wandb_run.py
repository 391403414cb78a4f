"""A training told to Weights & Biases: written to a run in the home first, and sent from there.

Both happen in processes of their own, which are ended when they take too long: whatever W&B does, the training goes on,
and a run that was not sent lies in the home until `wandb sync` sends it. No other module imports wandb.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ml_assets.records import Evaluation, TrainedModel
from ml_assets.settings.settings import Settings

WRITTEN: Final = 600.0
"""Seconds after which writing a run is ended."""
SENT: Final = 120.0
"""Seconds after which sending it is ended: a service that does not answer is asked for ever."""
TOLD: Final = "told.json"
FIGURES: Final = "figures"
QUIET: Final = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_CONSOLE": "off"}


class Ended(NamedTuple):
    """What came of a training."""

    name: str
    """Of the run."""
    outcome: str
    """Its job type in W&B."""
    summary: Mapping[str, float]
    """Figures besides the scores."""


def send(
    settings: Settings,
    trained: TrainedModel,
    evaluation: Evaluation,
    *,
    ended: Ended,
    pictures: Mapping[str, bytes],
    files: Sequence[Path],
) -> str | None:
    """Tell a training to Weights & Biases: parameters, scores, trials, epochs, figures, and files as an artifact.

    Parameters
    ----------
    settings : Settings
        Its `wandb` says where; without it nothing happens.
    trained, evaluation
        What was made, and how it was judged.
    ended : Ended
    pictures : mapping of str to bytes
        PNG or SVG images by name.
    files : sequence of Path
        Files and folders of the artifact; rows of data are none of them.

    Returns
    -------
    str or None
        What became of it, in a line; None where nobody asked for it.
    """
    if settings.wandb is None:
        return None
    kept = settings.wandb_runs
    try:
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            told = _told(settings, trained, evaluation) | {"name": ended.name, "job_type": ended.outcome}
            told["summary"] |= {key: value for key, value in ended.summary.items() if math.isfinite(value)}
            told |= {"dir": str(kept.parent), "files": [str(path) for path in files]}
            (Path(folder) / TOLD).write_text(json.dumps(told, default=str))
            (Path(folder) / FIGURES).mkdir()
            for picture, content in pictures.items():
                ending = "html" if content.startswith(b"<svg") else "png"
                (Path(folder) / FIGURES / f"{picture}.{ending}").write_bytes(content)
            run = Path(_ran([__name__, folder], kept, WRITTEN).strip().splitlines()[-1])
        if settings.wandb.offline:
            return f"kept in {run}: `wandb sync {run}` sends it"
        try:
            _ran(["wandb", "sync", str(run)], kept, SENT)
        except (OSError, ValueError) as error:
            return f"not sent ({error}); kept in {run}: `wandb sync {run}` sends it"
    except (OSError, ValueError, IndexError) as error:
        return f"not told to Weights & Biases: {error}"
    return f"sent, kept in {run}"


def _ran(arguments: list[str], kept: Path, seconds: float) -> str:
    """Run a module, and give what it printed; ValueError with its last line if it fails or takes too long."""
    places = {
        "WANDB_DIR": str(kept.parent),
        "WANDB_CACHE_DIR": str(kept / "cache"),
        "WANDB_DATA_DIR": str(kept / "data"),
    }
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as wrong:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=os.environ | places | QUIET, stdin=subprocess.DEVNULL, stdout=out, stderr=wrong, start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(seconds)
        except BaseException as error:
            os.killpg(process.pid, 9)  # with what W&B has begun
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ValueError(f"no answer in {seconds:g} seconds") from None
            raise
        out.seek(0)
        wrong.seek(0)
        said, last = out.read(), (wrong.read().strip() or f"it ended with {code}").splitlines()[-1]
    if code:
        raise ValueError(last[:300])
    return said


def _told(settings: Settings, trained: TrainedModel, evaluation: Evaluation) -> dict[str, Any]:
    training, wanted = trained.training, settings.wandb
    scores = {f"holdout_{name}": score.value for name, score in evaluation.scores.items()}
    scores |= {f"baseline_{name}": value for name, value in evaluation.baseline.items()}
    if training.cv_scores:
        scores[f"cv_{training.metric}"] = sum(training.cv_scores) / len(training.cv_scores)
    scores |= {"rows": training.rows, "seconds": training.seconds}
    return {
        "project": wanted.project if wanted else None,
        "entity": wanted.entity if wanted else None,
        "id": trained.run_id,
        "group": trained.recipe,
        "config": {
            "class_path": training.class_path,
            **{f"params.{name}": value for name, value in training.params.items()},
            "as_of": trained.as_of,
            "recipe_sha256": trained.recipe_sha256,
            "data_sha256": trained.data_sha256,
            "model_sha256": trained.sha256,
        },
        "summary": {name: value for name, value in scores.items() if math.isfinite(value)},
        "epochs": [epoch.model_dump(mode="json") for epoch in training.epochs],
        "trials": [trial.model_dump(mode="json") for trial in training.tuning.history]
        if training.tuning
        else [],
    }


def main(folder: str) -> None:
    """Write the run, and print where it lies."""
    import wandb

    told = json.loads((Path(folder) / TOLD).read_text())
    run = wandb.init(
        **{key: told[key] for key in ("project", "entity", "id", "group", "name", "job_type", "config", "dir")},
        mode="offline",
        settings=wandb.Settings(
            console="off", silent=True, disable_git=True, disable_code=True, save_code=False, x_disable_stats=True,
            x_disable_meta=True,
        ),
    )  # fmt: skip
    for epoch in told["epochs"]:
        run.log(epoch)
    if trials := told["trials"]:
        names = sorted({name for trial in trials for name in trial["params"]})
        of_each = ("number", "state", "value", "seconds")
        table = wandb.Table(columns=[*of_each, *names], allow_mixed_types=True)
        for trial in trials:
            params = (trial["params"].get(name) for name in names)
            table.add_data(
                *(trial[key] for key in of_each), *(None if it is None else str(it) for it in params)
            )
        run.log({"trials": table})
    figures = sorted((Path(folder) / FIGURES).iterdir())
    if figures:
        kinds = {".png": wandb.Image, ".html": wandb.Html}
        run.log({f"figures/{figure.stem}": kinds[figure.suffix](str(figure)) for figure in figures})
    run.summary.update(told["summary"])
    if not told["files"]:
        return _end(run)
    artifact = wandb.Artifact(
        told["group"], type="model", metadata={"sha256": told["config"]["model_sha256"]}
    )
    for path in map(Path, told["files"]):
        if path.is_dir():
            artifact.add_dir(str(path), name=path.name)
        else:
            artifact.add_file(str(path))
    run.log_artifact(artifact, aliases=[told["name"].partition(" ")[0]])
    return _end(run)


def _end(run: Any) -> None:
    place = run.settings.sync_dir
    run.finish()
    sys.stdout.write(f"{place}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
