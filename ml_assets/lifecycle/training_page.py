"""What a training leaves in MLflow for people: the report with its pictures, and what came of it on the first row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml_assets.lifecycle.describe import PAGE
from ml_assets.names import LEARNED, STATIC
from ml_assets.registry import run_page
from ml_assets.shown import listed

if TYPE_CHECKING:
    from ml_assets.lifecycle.accounting import TrainingRows
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.records import Evaluation, Promotion, TrainedModel, TrainingResult
    from ml_assets.reports.training import Facts

FOLDER = "report"
"""Of the artifacts of a run."""
ASSET: Final = "evaluation_report"
"""Beside which reports are kept."""
WRONG: Final = "wrong_rows"
"""Rows of the largest loss: kept by themselves, since they are rows, and never in the ledger, which forgets nothing."""
PAGE_FILE, TEXT_FILE, HISTORY_FILE = "report.html", "evaluation_report.md", "training_history.json"
"""Names of a report's files among the artifacts of a run."""
KEPT: Final = {PAGE_FILE: "version_{}.html", TEXT_FILE: "version_{}.md", HISTORY_FILE: "version_{}.json"}
"""Their names beside the evaluation, by the version: two trainings of the same day do not take each other's place."""
DATA_FILE: Final = "version_{}_data.html"
"""Name, beside them, of the page of the data that a version has learned."""


@dataclass(frozen=True)
class Shown:
    """What a training leaves for people beside its records."""

    rows: TrainingRows | None
    """What became of every row of the source, where that is known."""
    importance: Mapping[str, float]
    """What the score loses without a feature."""
    champion: Evaluation | None
    """Of the version that was in charge before."""
    pictures: Mapping[str, bytes]
    """PNG or SVG images by name."""


def show_training(
    state: ModelState,
    trained: TrainedModel,
    version: int,
    evaluation: Evaluation,
    promotion: Promotion,
    shown: Shown,
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
    shown : Shown
        What else is told of it.
    parent_run_id : str
        MLflow run of the whole training.
    """
    from ml_assets.registry import tracking
    from ml_assets.reports.as_html import as_html
    from ml_assets.reports.as_markdown import as_markdown
    from ml_assets.reports.training import training_document

    client, training = state.registry.client, trained.training
    facts = _facts(state, trained, version, evaluation, promotion, shown)
    if facts.profile is not None:
        state.store.write_record(LEARNED, str(version), facts.profile)
    document = training_document(facts)
    files = {
        PAGE_FILE: as_html(document).encode(),
        TEXT_FILE: as_markdown(document).encode(),
        HISTORY_FILE: _history(training),
    }
    kept = {
        name: state.store.write_bytes(ASSET, trained.as_of, KEPT[name].format(version), content)
        for name, content in files.items()
    }
    images = shown.pictures.items()
    files |= {f"{n}.{'svg' if image.startswith(b'<svg') else 'png'}": image for n, image in images}
    page = state.store.file("training_set", trained.as_of, PAGE)
    if page.exists():
        files[PAGE] = page.read_bytes()
        state.store.write_bytes(ASSET, trained.as_of, DATA_FILE.format(version), files[PAGE])
    if shown.rows is not None:
        files["account.json"] = json.dumps(shown.rows.model_dump(mode="json"), indent=1).encode()
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
    return kept[PAGE_FILE]


def training_report(state: ModelState, version: int, kind: str) -> Path | None:
    """Find the report of a version, `html` or `md`: in the store, else in MLflow; None where it is in neither."""
    info = state.registry.version(state.name, version)
    name = {"html": PAGE_FILE, "md": TEXT_FILE}[kind]
    kept = state.store.file(ASSET, info.as_of, KEPT[name].format(version))
    if not kept.exists():
        content = state.registry.files.papers(info.run_id, FOLDER).get(name)
        if content is None:
            return None
        kept = state.store.write_bytes(ASSET, info.as_of, KEPT[name].format(version), content)
    return kept


def _facts(
    state: ModelState,
    trained: TrainedModel,
    version: int,
    evaluation: Evaluation,
    promotion: Promotion,
    shown: Shown,
) -> Facts:
    """Put the records together that a report is made of."""
    from ml_assets.evaluation.curves import learning
    from ml_assets.records import DataProfile, WrongRows
    from ml_assets.reports.training import Facts

    store, as_of, rows = state.store, trained.as_of, shown.rows
    return Facts(
        trained,
        version,
        evaluation,
        promotion,
        champion=shown.champion,
        importance=shown.importance,
        profile=store.read_record("data_profile", as_of, DataProfile)
        if store.has("data_profile", as_of)
        else None,
        wrong=store.read_record(WRONG, as_of, WrongRows) if store.has(WRONG, as_of) else None,
        rows={} if rows is None else rows.parts,
        columns=trained.training.excluded if rows is None else rows.columns_left_out,
        epochs=learning(trained.training.epochs),
    )


def _history(training: TrainingResult) -> bytes:
    """Tell the search trial by trial, the scores of the folds and a network's epochs, as JSON."""
    told = training.model_dump(
        mode="json",
        include={"class_path", "metric", "direction", "cv_scores", "tuning", "choice", "seconds", "epochs"},
    )
    return json.dumps(told, indent=1).encode()


WHAT: Final[Mapping[str, str]] = {
    "clustering": "Tells the cluster of a row",
    "recommendation": "Recommends items to a user",
}
"""What a model without a target does."""


def about(state: ModelState, metric: str) -> str:
    """Say what a model is, for the page of the registered model."""
    recipe, name = state.recipe, state.name
    names = listed(f"`{name}`" for name in recipe.targets)
    what = WHAT.get(recipe.task) or f"Predicts {names}"
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


def learning_pictures(training: TrainingResult) -> dict[str, bytes]:
    """Draw how a network learned; nothing for any other estimator."""
    from ml_assets.evaluation.curves import learning
    from ml_assets.reports.svg import panels

    found = learning(training.epochs)
    return {"learning": panels(found)} if found else {}
