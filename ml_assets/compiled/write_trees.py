"""From fitted trees of any library to the arrays that `trees.Walk` reads."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.spec import Link, Trees

Arrays = dict[str, NDArray[Any]]
MOST_NODES = 5_000_000


class Tree(NamedTuple):
    """One tree; a leaf has `left` -1. All of shape (n_nodes,), `value` of leaves perhaps (n_nodes, n_outputs)."""

    feature: NDArray[Any]
    threshold: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    missing_left: NDArray[Any]
    value: NDArray[Any]


def side_by_side(trees: Sequence[Tree]) -> tuple[Arrays, int]:
    """Lay trees one after the other; a leaf leads to itself. Returns the depth of the deepest, too."""
    if sum(len(tree.left) for tree in trees) > MOST_NODES:
        raise NotCompiledError(f"its trees have more than {MOST_NODES:,} nodes")
    start, depth = 0, 0
    parts: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("feature", "threshold", "child", "missing_left", "value")
    }
    roots = []
    for tree in trees:
        own = np.arange(len(tree.left))
        leaf = tree.left < 0
        left, right = np.where(leaf, own, tree.left), np.where(leaf, own, tree.right)
        parts["feature"].append(np.where(leaf, 0, tree.feature).astype(np.int32))
        parts["threshold"].append(np.where(leaf, np.inf, tree.threshold).astype(np.float64))
        parts["child"].append((np.stack([left, right], axis=1).ravel() + start).astype(np.int32))
        parts["missing_left"].append(np.where(leaf, False, tree.missing_left).astype(bool))
        parts["value"].append(tree.value)
        roots.append(start)
        start += len(own)
        depth = max(depth, _depth(left, right))
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    return arrays | {"roots": np.array(roots, dtype=np.int32)}, depth


def _depth(left: NDArray[Any], right: NDArray[Any]) -> int:
    level, depth = np.array([0]), 0
    while True:
        below = np.unique(np.concatenate([left[level], right[level]]))
        below = below[~np.isin(below, level)]
        if not len(below):
            return depth
        level, depth = below, depth + 1


# ---- scikit-learn


def _sklearn_tree(estimator: Any) -> Tree:
    tree = estimator.tree_
    if tree.n_outputs != 1:
        raise NotCompiledError("trees that learned several targets together are served as they are")
    return Tree(
        tree.feature,
        tree.threshold,
        tree.children_left,
        tree.children_right,
        tree.missing_go_to_left.astype(bool),
        tree.value[:, 0, :],
    )


def _forest(estimator: Any, _: Path, __: str) -> tuple[Trees, Arrays]:
    trees = [_sklearn_tree(each) for each in getattr(estimator, "estimators_", [estimator])]
    arrays, depth = side_by_side(trees)
    link: Link = "softmax" if is_classifier(estimator) else "identity"  # of averages nothing more is made
    return Trees(link=link, depth=depth, averaged=True), arrays


def _gradient_boosting(estimator: Any, _: Path, __: str) -> tuple[Trees, Arrays]:
    rounds = estimator.estimators_
    first = np.asarray(
        estimator._raw_predict_init(np.zeros((2, estimator.n_features_in_), dtype=np.float32)), np.float64
    )
    if estimator.init_ not in (None, "zero") and not type(estimator.init_).__name__.startswith("Dummy"):
        raise NotCompiledError("GradientBoosting that begins with another model is served as it is")
    trees = [
        tree._replace(value=tree.value[:, 0] * estimator.learning_rate)
        for tree in map(_sklearn_tree, rounds.ravel())
    ]
    arrays, depth = side_by_side(trees)
    link: Link = "identity"
    if is_classifier(estimator):
        if estimator.loss != "log_loss":
            raise NotCompiledError(f"GradientBoosting with the loss {estimator.loss} is served as it is")
        link = "sigmoid" if len(estimator.classes_) == 2 else "softmax"
    arrays |= {"base": first[0], "group": np.tile(np.arange(rounds.shape[1]), len(rounds))}
    return Trees(link=link, depth=depth), arrays


def _hist_gradient_boosting(estimator: Any, _: Path, __: str) -> tuple[Trees, Arrays]:
    rounds = estimator._predictors
    trees = []
    for each in (predictor for group in rounds for predictor in group):
        nodes = each.nodes
        if nodes["is_categorical"].any():
            raise NotCompiledError("HistGradientBoosting with categories is served as it is")
        leaf = nodes["is_leaf"].astype(bool)
        trees.append(
            Tree(
                nodes["feature_idx"],
                nodes["num_threshold"],
                np.where(leaf, -1, nodes["left"].astype(np.int64)),
                np.where(leaf, -1, nodes["right"].astype(np.int64)),
                nodes["missing_go_to_left"].astype(bool),
                nodes["value"],
            )
        )
    arrays, depth = side_by_side(trees)
    base = np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel()
    arrays |= {"base": base, "group": np.tile(np.arange(len(rounds[0])), len(rounds))}
    link: Link = "identity"
    if is_classifier(estimator):
        link = "sigmoid" if len(estimator.classes_) == 2 else "softmax"
    elif estimator.loss in ("poisson", "gamma"):
        link = "exponential"
    return Trees(link=link, depth=depth, single=False), arrays


# ---- XGBoost

OBJECTIVES: dict[str, Link] = {
    "binary:logistic": "sigmoid",
    "multi:softprob": "softmax",
    "multi:softmax": "softmax",
    **dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie"), "exponential"),
    **dict.fromkeys(
        (
            "reg:squarederror",
            "reg:squaredlogerror",
            "reg:absoluteerror",
            "reg:pseudohubererror",
            "reg:quantileerror",
        ),
        "identity",
    ),
}  # fmt: skip


def _xgboost(estimator: Any, folder: Path, name: str) -> tuple[Trees, Arrays]:
    booster = estimator.get_booster()
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    objective, boosted = learner["objective"]["name"], learner["gradient_booster"]
    if objective not in OBJECTIVES or boosted["name"] != "gbtree":
        raise NotCompiledError(f"XGBoost with {objective} and {boosted['name']} is served as it is")
    missing = estimator.get_params().get("missing", math.nan)
    if missing is not None and not math.isnan(missing):
        raise NotCompiledError("XGBoost with a value of its own for what is missing is served as it is")
    model = boosted["model"]
    arrays, depth = side_by_side([_xgboost_tree(each) for each in model["trees"]])
    link = OBJECTIVES[objective]
    outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    base = np.array(json.loads(learner["learner_model_param"]["base_score"]), dtype=np.float32).ravel()
    base = np.broadcast_to(_margin(base, link), (outputs,)).copy()
    arrays |= {
        "base": base,
        "group": np.array(model["tree_info"], dtype=np.int32),
        "columns": np.array([booster.num_features()]),
    }
    file = f"{name}.ubj"
    booster.save_model(str(folder / file))
    return Trees(link=link, depth=depth, sums="float32", native=file), arrays


def _margin(base: NDArray[Any], link: Link) -> NDArray[Any]:
    one = np.float32(1)
    if link == "sigmoid":
        return np.asarray(-np.log(one / base - one))
    return np.asarray(np.log(base)) if link == "exponential" else base


def _xgboost_tree(tree: dict[str, Any]) -> Tree:
    if tree["categories"] or int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise NotCompiledError("XGBoost with categories or leaves of several values is served as it is")
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    left = np.array(tree["left_children"], dtype=np.int64)
    return Tree(
        np.array(tree["split_indices"], dtype=np.int64),
        np.nextafter(condition, np.float32(-np.inf)),  # it goes left where x < condition
        left,
        np.array(tree["right_children"], dtype=np.int64),
        np.array(tree["default_left"], dtype=bool),
        condition,  # of a leaf this is its value
    )


TREES: dict[str, Callable[[Any, Path, str], tuple[Trees, Arrays]]] = {
    **dict.fromkeys(
        (
            "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor",
            "ExtraTreesClassifier", "ExtraTreesRegressor", "RandomForestClassifier", "RandomForestRegressor",
        ),
        _forest,
    ),
    **dict.fromkeys(("GradientBoostingClassifier", "GradientBoostingRegressor"), _gradient_boosting),
    **dict.fromkeys(("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), _hist_gradient_boosting),
    **dict.fromkeys(("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"), _xgboost),
}  # fmt: skip
