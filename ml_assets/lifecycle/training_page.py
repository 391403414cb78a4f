"""What a training leaves in MLflow for people: the report with its pictures, and what came of it on the first row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.lifecycle.describe import PAGE
from ml_assets.names import STATIC
from ml_assets.registry import run_page
from ml_assets.shown import figure, listed

if TYPE_CHECKING:
    from ml_assets.lifecycle.accounting import TrainingRows
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.records import Evaluation, Promotion, TrainedModel, TrainingResult

FOLDER = "report"
"""Of the artifacts of a run."""
CLASS_SCORES = ("precision", "recall", "f1")
BY_CLOCK = "Seconds ended the search before its trials did: on another machine it may choose otherwise."
REPORT = "report.html"
"""The page of a training."""


def show_training(
    state: ModelState,
    trained: TrainedModel,
    version: int,
    evaluation: Evaluation,
    promotion: Promotion,
    rows: TrainingRows | None,
    pictures: Mapping[str, bytes],
    parent_run_id: str,
) -> Path:
    """Show a training in MLflow: on its run, where it is listed first, and on the run that the version points to.

    Returns
    -------
    Path
        Where its page lies, beside the evaluation.

    Parameters
    ----------
    state : ModelState
        The model.
    trained, version, evaluation, promotion
        What was made, and what was said of it.
    rows : TrainingRows or None
        What became of every row of the source, where that is known.
    pictures : mapping of str to bytes
        PNG or SVG images by name.
    parent_run_id : str
        MLflow run of the whole training.
    """
    from ml_assets.registry import tracking
    from ml_assets.reports.training import Left, training_page

    client, training = state.registry.client, trained.training
    report = training_report(trained, version, evaluation, promotion, rows)
    left = Left(rows.parts, rows.columns_left_out) if rows is not None else Left({}, training.excluded)
    files = {"evaluation_report.md": report.encode(), "training_history.json": _history(training)}
    files[REPORT] = training_page(trained, version, evaluation, promotion, left, pictures).encode()
    kept = state.store.write_bytes("evaluation_report", trained.as_of, REPORT, files[REPORT])
    files |= {f"{n}.{'svg' if image.startswith(b'<svg') else 'png'}": image for n, image in pictures.items()}
    page = state.store.file("training_set", trained.as_of, PAGE)
    if page.exists():
        files[PAGE] = page.read_bytes()
    if rows is not None:
        files["account.json"] = json.dumps(rows.model_dump(mode="json"), indent=1).encode()
    for run_id in (parent_run_id, trained.run_id):
        tracking.log_files(client, run_id, files, FOLDER)
    if trained.run_id != parent_run_id:
        tracking.log_evaluation(client, trained.run_id, evaluation)
    tracking.log_metrics(client, parent_run_id, run_page.gate_metrics(evaluation, promotion))
    as_of = trained.trained_at[:10] if trained.as_of == STATIC else trained.as_of
    tags = {
        "outcome": promotion.outcome,
        "version": version,
        "estimator": training.class_path,
        "rows": training.rows,
        "as_of": trained.as_of,
        "reason": promotion.reason,
    }
    name = run_page.training_name(as_of, version, promotion.outcome)
    run_page.tell_run(client, parent_run_id, name, promotion.reason, tags)
    client.update_registered_model(state.name, description=about(state, promotion.metric))
    return kept


def _history(training: TrainingResult) -> bytes:
    """Tell the search trial by trial, the scores of the folds and a network's epochs, as JSON."""
    told = training.model_dump(
        mode="json",
        include={"class_path", "metric", "direction", "cv_scores", "tuning", "choice", "seconds", "epochs"},
    )
    return json.dumps(told, indent=1).encode()


def about(state: ModelState, metric: str) -> str:
    """Say what a model is, for the page of the registered model."""
    recipe, name = state.recipe, state.name
    names = listed(f"`{name}`" for name in recipe.targets)
    what = f"Predicts {names}" if recipe.has_target else "Tells the cluster of a row"
    told = [f"{what} ({recipe.task.replace('_', ' ')}), judged by {metric}."]
    if recipe.batches is not None:
        delay = recipe.monitoring.label_delay
        late = f", labels are known {delay} batch{'es' * (delay != 1)} later" if delay else ""
        told[0] += f" Its rows come in {recipe.batches.period} batches{late}."
    told.append(
        "The version with the alias `champion` serves; the tag `in charge` says since when and why. The alias follows "
        "ml_assets: it is moved by `ml-assets promote` and `ml-assets rollback`, not here."
    )
    told.append(
        f"`ml-assets status {name}`: how it is now. `ml-assets explain {name}`: every decision with its reason."
    )
    return "\n\n".join(told)


def parts_report(evaluation: Evaluation) -> list[str]:
    """Tables of the classes, the clusters and the parts of the hold-out, in Markdown."""
    found = [] if not evaluation.per_class else ["## Classes"]
    found += [
        table(
            ("class", "rows", *CLASS_SCORES),
            (
                (
                    label,
                    f"{scores['rows']:,.0f}",
                    *(_class_score(evaluation, label, name) for name in CLASS_SCORES),
                )
                for label, scores in evaluation.per_class.items()
            ),
        )
    ]
    found += [] if not evaluation.clusters else ["## Clusters"]
    found += [
        table(
            ("cluster", "rows", "share", "silhouette", "most unlike all rows in"),
            (
                (part.name, f"{part.rows:,}", f"{part.share:.1%}", _figure(part.silhouette), part.told)
                for part in evaluation.clusters
            ),
        )
    ]
    found += [] if not evaluation.parts else ["## Parts of the rows"]
    return [
        *found,
        table(
            ("part", "rows", evaluation.metric, "95 % from", "to", "loss of a row", "of the others", ""),
            (
                (
                    part.name,
                    f"{part.rows:,}",
                    *(("",) * 3 if (s := part.score) is None else map(figure, (s.value, s.low, s.high))),
                    figure(part.loss),
                    figure(part.others),
                    part.told,
                )
                for part in evaluation.parts
            ),
        ),
    ]


def _class_score(evaluation: Evaluation, label: str, name: str) -> str:
    value = figure(evaluation.per_class[label][name], 3)
    if label not in evaluation.class_intervals:
        return value
    low, high = evaluation.class_intervals[label][name]
    return f"{value} ({figure(low, 3)} to {figure(high, 3)})"


def training_report(
    trained: TrainedModel,
    version: int,
    evaluation: Evaluation,
    promotion: Promotion,
    rows: TrainingRows | None,
) -> str:
    """Write the report of a training in Markdown: scores, the gate, rows and columns, the model."""
    training = trained.training
    of = f"as of {trained.as_of}, {trained.trained_at[:16].replace('T', ' ')} UTC"
    parts = [
        f"# {trained.recipe}, version {version}: {run_page.OUTCOMES[promotion.outcome]}",
        f"Trained {of}. {promotion.reason}.",
        f"## Scores on {evaluation.rows:,} rows that it had not seen",
        table(
            ("metric", "hold-out", "95 % from", "to", "without features"),
            (
                (name, figure(s.value), figure(s.low), figure(s.high), _figure(evaluation.baseline.get(name)))
                for name, s in evaluation.scores.items()
            ),
        ),
        table(
            ("target", *evaluation.scores),
            (
                (target, *(_figure(scores.get(name)) for name in evaluation.scores))
                for target, scores in evaluation.per_target.items()
            ),
        ),
        *parts_report(evaluation),
        *(f"Doubtful: {text}." for text in evaluation.unsound),
        *(f"Suspected leak: {leak.column} {leak.text}." for leak in evaluation.leaks),
        *(f"Two units: {text}." for text in evaluation.mixed),
        "## The gate",
        table(
            ("check", "", "found"),
            ((c.name, "passed" if c.passed else "FAILED", c.text) for c in promotion.checks),
        ),
        table(
            ("segment", "rows", "champion", "challenger", ""),
            (
                (
                    s.segment,
                    f"{s.rows:,}",
                    figure(s.champion_score),
                    figure(s.challenger_score),
                    "worse" if s.worse else "",
                )
                for s in promotion.segments
            ),
        ),
    ]
    if rows is not None:
        parts += [
            "## Rows of the source",
            table(("rows", "what became of them"), ((f"{n:,}", what) for what, n in rows.parts.items())),
            "## Columns left out",
            table(("column", "why"), rows.columns_left_out.items()),
        ]
    params = ((name, str(value)) for name, value in training.params.items())
    parts += [
        "## Model",
        f"{training.class_path}, {training.learned:,} rows, seed {training.random_state}, "
        f"features: {', '.join(training.features)}.",
        table(("parameter", "value"), params),
        *training.notes,
        *how_chosen(training),
    ]
    told = [part for part in parts if part]
    return "\n\n".join(
        part for part, after in zip(told, [*told[1:], "#"], strict=True) if _has_text(part, after)
    )


def how_chosen(training: TrainingResult) -> tuple[str, ...]:
    """Tell how an automatic search came to its model: every family, and the reason; nothing where there was none."""
    if training.choice is None:
        return ()
    header = (
        "family",
        f"{training.metric} in cross-validation",
        "standard error",
        "trials",
        "seconds",
        "weight",
    )
    lines = (
        (
            each.family,
            figure(each.score),
            figure(each.standard_error, 2),
            str(each.trials),
            figure(each.seconds, 3),
            f"{each.weight:.0%}" if each.weight else "",
        )
        for each in training.choice.standings
    )
    why = training.choice.why
    told = f"{why[0].upper()}{why[1:]}."
    return (
        "## How it was chosen",
        table(header, lines),
        f"{told} {BY_CLOCK}" if training.choice.by_clock else told,
    )


def _has_text(part: str, after: str) -> bool:
    """Whether a part is more than the heading of nothing."""
    return not (part.startswith("## ") and after.startswith("#"))


def _figure(value: float | None) -> str:
    return "" if value is None else figure(value)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    r"""
    Lay rows out as a table in Markdown, which also reads as plain text; nothing where there is no row.

    >>> print(table(("a", "b"), [("1", "x|y")]))
    | a | b    |
    | - | ---- |
    | 1 | x\|y |
    """
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    if not cells:
        return ""
    lines = [list(header), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )
