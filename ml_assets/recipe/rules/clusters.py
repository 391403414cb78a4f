"""Clustering: there is no target, and estimators can tell the cluster of a new row."""

from __future__ import annotations

from ml_assets.recipe.catalogue import NO_NEW_ROWS
from ml_assets.recipe.faults import Key
from ml_assets.recipe.planned import PARAMS
from ml_assets.recipe.rules.columns import TARGET
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe

COUNTS = ("n_clusters", "n_components")
MIXTURES = "sklearn.mixture."


def clusters(recipe: Recipe) -> Found:
    """Nothing is predicted but the cluster; estimators can tell the cluster of a new row."""
    model, task = recipe.model, recipe.task
    if task != "clustering":
        return
    if model.data_interface.target_col is not None:
        yield (
            TARGET,
            f"{task} predicts no column: leave it out. A class that is known already is kept out of the features by "
            "model.preprocessor.params.exclude_cols",
        )
    if model.class_path is None:
        yield (
            ("model", "class_path"),
            f"is missing: the automatic search compares predictions with labels, and {task} has none. Write "
            "sklearn.cluster.KMeans, with hyperparameters: {n_clusters: {type: int, low: 2, high: 10}}",
        )
    elif model.class_path in NO_NEW_ROWS:
        yield (
            ("model", "class_path"),
            f"{model.class_path.rpartition('.')[2]} cannot tell the cluster of a new row (it has no predict). Allowed: "
            "KMeans, MiniBatchKMeans, BisectingKMeans, Birch, MeanShift of sklearn.cluster, "
            "sklearn.mixture.GaussianMixture",
        )
    elif model.class_path.startswith(MIXTURES) and "n_components" not in model.hyperparameters:
        yield (
            ("model", "hyperparameters"),
            "lack n_components, of which the default is one cluster: write a number, or {type: int, low: 2, high: 10}",
        )
    for name in COUNTS:
        count = model.hyperparameters.get(name)
        if isinstance(count, int) and count < 2:
            yield (
                ("model", "hyperparameters", name),
                f"found {count}; allowed: 2 or more, one cluster parts nothing",
            )
    params = model.preprocessor.params
    strategies: list[tuple[Key, str | None]] = [
        ((*PARAMS, "categorical_strategy"), params.categorical_strategy)
    ]
    strategies += [
        ((*PARAMS, "column_sets", k, "categorical_strategy"), group.categorical_strategy)
        for k, group in enumerate(params.column_sets)
    ]
    for key, strategy in strategies:
        if strategy == "target":
            yield key, f"'target' encodes by labels, and {task} has none: write onehot"
