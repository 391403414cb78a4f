"""What a threshold reaches on the demo's data beside who knows its law; and iris in repeated cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

ROWS = 300_000
MONTHS = {1: "as it begins", 13: "prices and contracts moved", 18: "another rule"}
PRECISION, RECALL = 0.85, 0.80
REPEATS = 5


def measure() -> tuple[str, dict[str, Any]]:
    """Hold a model at its chosen threshold against the best that anybody could do, and iris against its target."""
    best = {month: known_best(month, ROWS) for month in MONTHS}
    ours, accuracy = demo(), iris()
    lines = []
    for month, what in MONTHS.items():
        known = best[month]
        lines.append(
            f"churn, month {month} ({what}), who knows the law: precision {known['precision_at_recall_80']:.2f} at "
            f"recall {RECALL:.2f}, recall {known['recall_at_precision_85']:.2f} at precision {PRECISION:.2f}, "
            f"best F1 {known['f1']:.2f}"
        )
    lines += [
        f"churn, its recipe on months 1 to 4, on the hold-out: precision {ours['precision']:.2f}, recall "
        f"{ours['recall']:.2f}, F1 {ours['f1']:.2f} (of rows not learned, before: {ours['told_f1']:.2f})",
        f"iris, {REPEATS} times 5 folds: accuracy {accuracy:.3f}",
    ]
    return "\n".join(lines), {"best": best, "demo": ours, "iris": accuracy}


def known_best(month: int, rows: int) -> dict[str, float]:
    """Expected precision and recall of the demo's true probabilities; rows without gaps are as all others."""
    from ml_assets.sources import churn

    frame = churn.month(month, rows).dropna(subset=["support_calls", "data_gb"])
    sure = np.sort(churn.chances(frame, month).to_numpy())[::-1]
    hits, called = np.cumsum(sure), np.arange(1, len(sure) + 1)
    precision, recall = hits / called, hits / sure.sum()
    return {
        "share": float(sure.mean()),
        "precision_at_recall_80": float(precision[np.searchsorted(recall, RECALL)]),
        "recall_at_precision_85": float(recall[np.flatnonzero(precision >= PRECISION).max(initial=0)]),
        "f1": float((2 * hits / (called + sure.sum())).max()),
    }


def demo() -> dict[str, float]:
    """Train the demo's recipe on its first four months, and judge it on its hold-out, at the chosen threshold."""
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.features.cleaning import clean
    from ml_assets.recipe.loading import load_recipe
    from ml_assets.settings import DEMO_RECIPES
    from ml_assets.sources import churn
    from ml_assets.tasks.metrics import score
    from ml_assets.training.fit import fit
    from ml_assets.training.splits import split

    recipe = load_recipe(DEMO_RECIPES / "churn.yaml")
    months = [churn.month(number) for number in range(1, recipe.training.first + 1)]
    frame = pd.concat([clean(each, recipe, f"{each['month'].iloc[0]:%Y-%m-%d}").frame for each in months])
    learned, held = split(frame.reset_index(drop=True), recipe)
    model, result = fit(learned, recipe)
    said = predict(model, held)
    found = {
        name: score(name, held["churned"], said, result.positive) for name in ("precision", "recall", "f1")
    }
    assert result.threshold is not None
    return found | {"threshold": result.threshold.value, "told_f1": result.threshold.scores["f1"]}


def iris() -> float:
    """Mean accuracy of the recipe `iris`, searched anew in each fold of repeated stratified cross-validation."""
    from pathlib import Path

    from sklearn.datasets import load_iris
    from sklearn.model_selection import RepeatedStratifiedKFold

    import ml_assets
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.recipe.loading import load_recipe
    from ml_assets.tasks.metrics import score
    from ml_assets.training.fit import fit

    recipe = load_recipe(Path(ml_assets.__file__).parent / "recipes" / "iris.yaml")
    frame = load_iris(as_frame=True).frame
    frame = frame.assign(row_id__=np.arange(len(frame), dtype=np.uint64))
    parts = RepeatedStratifiedKFold(n_splits=5, n_repeats=REPEATS, random_state=0)
    found = []
    for train, test in parts.split(frame, frame["target"]):
        model, _ = fit(frame.iloc[train], recipe)
        rows = frame.iloc[test]
        found.append(score("accuracy", rows["target"], predict(model, rows), None))
    return float(np.mean(found))
