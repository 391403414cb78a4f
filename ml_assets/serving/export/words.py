"""What people and programs read of a deployment package: model card, guide, Dockerfile, dvc.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from ml_assets.shown import figure

if TYPE_CHECKING:
    from ml_assets.records import Evaluation
    from ml_assets.registry.champions import VersionInfo
    from ml_assets.serving.live import Served

PYTHON: Final = "3.11"
DOCKERFILE: Final = f"""\
# The model of this folder over HTTP, on port 8000: no build tools, not as root, nothing written.
FROM python:{PYTHON}-slim
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \\
    && useradd --create-home --uid 1000 ml
WORKDIR /app
COPY requirements.txt requirements-server.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt -r requirements-server.txt
COPY . .
USER 1000
ENV OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s \\
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=5)"]
CMD ["uvicorn", "--factory", "app:build", "--host", "0.0.0.0", "--port", "8000"]
"""
DVC: Final = """\
# `dvc repro` predicts rows.parquet again where the rows or the model have changed.
stages:
  predict:
    cmd: python inference.py rows.parquet predictions.parquet
    deps:
      - inference.py
      - manifest.json
      - model
      - rows.parquet
    outs:
      - predictions.parquet
"""


def model_card(served: Served, info: VersionInfo) -> str:
    """Tell what the model is, what it learned from and how good it is, in Markdown."""
    trained, evaluation = info.trained, info.evaluation
    training, known = trained.training, served.known
    recipe = served.predictor.recipe
    of = f" of {', '.join(recipe.targets)}" if recipe.has_target else ""
    lines = [
        f"# {served.name}, version {served.version}",
        "",
        f"* **Task**: {recipe.task}{of}",
        f"* **Model**: `{training.class_path}`",
        f"* **Learned from**: {training.learned:,} rows, {' to '.join(_ends(trained.batches))} (data "
        f"`{trained.data_sha256[:12]}`), {trained.trained_at[:16].replace('T', ' ')} UTC, seed {training.random_state}",
        f"* **Recipe** `{trained.recipe_sha256[:12]}`, **run** `{trained.run_id}`, **model** `{trained.sha256[:12]}`",
    ]
    if training.classes:
        lines.append(f"* **Classes**: {', '.join(training.classes)}")
    if evaluation is not None:
        rows = (
            (
                name,
                figure(score.value),
                figure(score.low),
                figure(score.high),
                _or_dash(evaluation.baseline, name),
            )
            for name, score in evaluation.scores.items()
        )
        lines += [
            "",
            f"## Scores on {evaluation.rows:,} rows that it had not seen",
            "",
            *table(("metric", "score", "95 % from", "to", "without features"), rows),
        ]
        lines += [f"Suspected leak: {leak.column} {leak.text}." for leak in evaluation.leaks]
        lines += bias(evaluation)
    kinds = ((name, known.kinds.columns.get(name, "text")) for name in known.columns)
    lines += ["", "## Columns that a row needs", "", *table(("column", "kind"), kinds)]
    if training.notes:
        lines += ["", "## To know", "", *(f"* {note}" for note in training.notes)]
    return "\n".join(lines) + "\n"


def bias(evaluation: Evaluation) -> list[str]:
    """Tell the gaps between the groups of protected columns, in lines of Markdown; none where nothing is protected."""
    from ml_assets.reports.document import fit
    from ml_assets.reports.groups import verdict

    if not evaluation.protected:
        return []
    rows = (
        (
            fit(groups.column, 60),
            gap.measure,
            f"{figure(gap.value)} ({figure(gap.low)} to {figure(gap.high)})",
            fit(gap.most, 60),
            fit(gap.least, 60),
            "–" if gap.limit is None else figure(gap.limit),
            verdict(gap),
        )
        for groups in evaluation.protected
        for gap in groups.gaps
    )
    small = [
        f"Too few rows to judge some figure of {fit(groups.column, 60)}: "
        f"{', '.join(fit(name, 60) for name in groups.small)}."
        for groups in evaluation.protected
        if groups.small
    ]
    heads = ("column", "gap", "is (95 %)", "most", "least", "limit", "it is")
    return [
        "",
        "## Bias: gaps between groups of people",
        "",
        *table(heads, rows),
        *(["", *small] if small else []),
    ]


def guide(served: Served, modules: Iterable[str]) -> str:
    """Say how the package is installed, used and served, in Markdown."""
    own = ", ".join(f"`{name}`" for name in modules)
    needs = (
        f"\nIts features or its estimator are of modules of your own, {own}: install them, too, and set "
        f"`ML_ASSETS_MODULES={','.join(modules)}`.\n"
        if own
        else ""
    )
    return f"""\
# Deploying {served.name}, version {served.version}

```sh
python{PYTHON} -m venv .venv && .venv/bin/pip install -r requirements.txt
.venv/bin/python inference.py rows.csv predictions.csv
```
{needs}
In a program:

```python
from inference import ModelInference

model = ModelInference(".")
model.predict(frame)  # rows as they come from the source; model.columns says which columns they need
```

`manifest.json` has the hash of each file of the model; a file that was changed is not loaded. Load packages only from
where you trust: a model is a pickle, and loading it runs its code.

## Over HTTP

```sh
.venv/bin/pip install -r requirements-server.txt
.venv/bin/uvicorn --factory app:build --port 8000
curl -s http://127.0.0.1:8000/predict -H 'Content-Type: application/json' -d '{{"rows": [...]}}'
```

Several workers: `pip install gunicorn uvicorn-worker`, then
`gunicorn -k uvicorn_worker.UvicornWorker -w 4 "app:build()"`.
As a container: `docker build -t {served.name}:{served.version} .`, then
`docker run --read-only -p 8000:8000 {served.name}:{served.version}`.

On Cloud Run: `gcloud run deploy {served.name} --source . --port 8000 --memory 1Gi --no-allow-unauthenticated`.

The server of this folder has no keys and no limits: put a proxy before it that has them, or serve by `ml-assets serve`.

## Again and again

`dvc.yaml` predicts `rows.parquet` whenever it, or the model, has changed: `dvc repro`.
"""


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    names = list(header)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]


def _ends(batches: tuple[str, ...]) -> dict[str, None]:
    return dict.fromkeys((batches[0], batches[-1])) if batches else {"?": None}


def _or_dash(values: Mapping[str, float], name: str) -> str:
    value = values.get(name)
    return "–" if value is None or value != value else figure(value)
