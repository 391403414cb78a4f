"""Settings that are impossible together are refused; those that are merely idle are tolerated."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.readable import ACCEPTED
from ml_assets.recipe.yaml_text import dump_yaml

Edits = dict[str, Any]
STATIC: dict[str, Any] = {
    "name": "price",
    "model": {
        "loader": {"source_uri": "houses.csv"},
        "data_interface": {"task_type": "regression", "target_col": "price"},
    },
}
BATCHES = {"column": "day", "period": "daily"}
SVR = "sklearn.svm.SVR"


MADE = "model.feature_engineering"
SETS = "model.preprocessor.params.column_sets"


def sets(*groups: Edits, **params: Any) -> Edits:
    """A custom preprocessor with sets of columns."""
    return {
        "model.preprocessor": {"name": "custom_preprocessor", "params": {"column_sets": [*groups], **params}}
    }


def series(**made: Any) -> Edits:
    """A time series in daily batches."""
    return {"model.data_interface.task_type": "timeseries", "batches": BATCHES, MADE: made}


def clusters(**model: Any) -> Edits:
    """A clustering."""
    interface = {"task_type": "clustering"}
    return {
        "model.data_interface": interface,
        "model.class_path": "sklearn.cluster.KMeans",
        **{f"model.{name}": value for name, value in model.items()},
    }


def votes(voting: str, **model: Any) -> Edits:
    """A vote of one logistic regression."""
    member = {"class_path": "sklearn.linear_model.LogisticRegression", "hyperparameters": {"C": 1.0}}
    return {
        "model.data_interface.task_type": "classification",
        "model.class_path": "sklearn.ensemble.VotingClassifier",
        "model.hyperparameters": {"voting": voting, "estimators": [{"name": "one", "estimator": member}]},
        **{f"model.{name}": value for name, value in model.items()},
    }


def recommends(interface: Edits | None = None, **model: Any) -> Edits:
    """A recommendation."""
    return {
        "model.data_interface": {"task_type": "recommendation", "user_col": "who", "item_col": "what"}
        | (interface or {}),
        "model.class_path": "sklearn.decomposition.NMF",
        **{f"model.{name}": value for name, value in model.items()},
    }


def joins(*namespaces: Edits) -> Edits:
    """An augmenter that joins features."""
    return {"model.augmenter": {"type": "feature_store", "features": [*namespaces]}}


def text(edits: Edits) -> str:
    data = copy.deepcopy(STATIC)
    for path, value in edits.items():
        section = data
        *parents, last = path.split(".")
        for name in parents:
            section = section.setdefault(name, {})
        section[last] = value
    return dump_yaml(data)


@pytest.mark.parametrize(
    "edits",
    [
        {},
        {"model.preprocessor.params.exclude_cols": ["price", "id"]},
        series(),
        series(horizon="2d", season="7d", lags={"columns": ["price", "rooms"]})
        | {"monitoring.label_delay": 2},
        {"model.data_interface.task_type": "timeseries", f"{MADE}.time_col": "day"},
        {"evaluation.validation.stratify": True},
        {"evaluation.validation.method": "train_test_split"},
        {"hyperparameter_tuning": {"enabled": False}},
        {"hyperparameter_tuning": {"metric": "r2", "direction": "maximize"}},
        {"hyperparameter_tuning": {"direction": "minimize"}},
        {"retraining": {"enabled": False, "cooldown": 9}},
        {"retraining": {"cooldown": 1}},
        {"evaluation.targets": {"rmse": 50_000, "r2": -1}},
        {"batches": BATCHES | {"start": "2024-01-01", "end": "2024-01-02"}},
        {"batches": {"column": "t", "period": "hourly", "start": "2024-01-01-05:00"}},
        {"batches": BATCHES, "retraining": {"performance_threshold": 70_000, "max_age": 3}},
        {"model.class_path": SVR, "model.hyperparameters": {"C": 1.0}, "training.engine": "dask"},
        {"model.class_path": "xgboost.XGBRegressor", "model.hyperparameters": {"tree_method": "exact"}},
        {"model.loader.source_uri": "${DATA:-/data}/houses/*.parquet"},
        {"model.loader.source_uri": "file:///data/houses.csv"},
        {"model.loader.source_uri": "sklearn://diabetes"},
        joins(
            {"feature_namespace": "a", "features": ["b", "c"]}, {"feature_namespace": "d", "features": ["b"]}
        ),
        {"model.augmenter": {"type": "none"}},
        {
            "model.loader.source_uri": "sql/a.sql.j2",
            "model.loader.params": {"day": "2024-01-01", "ids": [1, 2]},
        },
        {"model.loader.source_uri": "with a as (select 1) select * from a"},
        {
            "model.loader.source_uri": "a.sql",
            "model.loader.connection_uri": "mysql://me:${PASSWORD}@host/shop",
        },
        {"model.loader.source_uri": "data/selected/"},
        {"model.preprocessor.params": {"missing_strategy": "drop", "outlier_method": "zscore"}},
        sets({"columns": ["a", "b"], "categorical_strategy": "target"}, numerical_features=["a"]),
        {
            "model.data_interface.target_col": ["price", "sold"],
            "model.class_path": "sklearn.multioutput.RegressorChain",
            "model.hyperparameters": {"estimator": {"class_path": SVR, "hyperparameters": {"C": 2}}},
        },
    ],
)
def test_possible_settings_load(edits: Edits) -> None:
    parse_recipe(text(edits))


@pytest.mark.parametrize(
    ("edits", "key", "words"),
    [
        ({"model.data_interface.target_col": ""}, "model.data_interface.target_col", "is empty"),
        ({"model.class_path": "sklearn.multioutput.MultiOutputRegressor",
          "model.hyperparameters": {"estimator": {"class_path": SVR, "hyperparameters": {"C": 2}}}},
         "model.class_path", "name its estimator"),
        ({"model.data_interface.positive_class": "yes"}, "model.data_interface.positive_class", "no classes"),
        ({"model.data_interface.entity_cols": ["price"]}, "model.data_interface.entity_cols",
         "is the target"),
        ({"model.loader.source_uri": "az://b/x.csv"}, "model.loader.source_uri", "az:// is not yet"),
        ({"model.loader.source_uri": "s3://key:hunter2@b/x.csv"}, "model.loader.source_uri", "holds a secret"),
        ({"model.loader.source_uri": "gs://b/x.xlsx"}, "model.loader.source_uri", "not yet supported"),
        ({"model.loader.source_uri": "abfs://"}, "model.loader.source_uri", "nothing follows abfs://"),
        ({"model.loader.source_uri": "openml://61"}, "model.loader.source_uri", "write the name as openml.org has it"),
        ({"model.loader.connection_uri": "sqlite:///a.db"}, "model.loader.connection_uri", "source_uri is none"),
        ({"model.loader.params": {"a": 1}}, "model.loader.params", "is for queries alone"),
        ({"model.loader.source_uri": "a.sql", "model.loader.connection_uri": "mysql://me:secret@h/d"},
         "model.loader.connection_uri", "holds a password"),
        ({"model.loader.source_uri": "a.sql", "model.loader.identifiers": ["a; b"]}, "model.loader.identifiers",
         "no plain name"),
        ({"model.loader.source_uri": "fil://a.csv"}, "model.loader.source_uri", "Did you mean 'file'?"),
        ({"model.loader.source_uri": "file://"}, "model.loader.source_uri", "nothing follows"),
        ({"model.loader.source_uri": "a.xlsx"}, "model.loader.source_uri", ACCEPTED),
        ({"model.loader.source_uri": "sklearn://california_housing"}, "model.loader.source_uri",
         "the network"),
        ({"model.loader.source_uri": "  "}, "model.loader.source_uri", "is empty"),
        ({"model.augmenter.features": [{"feature_namespace": "a", "features": ["b"]}]},
         "model.augmenter.features",
         "joins no features"),
        ({"model.augmenter": {"type": "none", "timestamp_col": "at"}}, "model.augmenter.timestamp_col",
         "none joins no features"),
        (joins({"feature_namespace": "a", "features": []}), "model.augmenter.features[0].features", "empty list"),
        (joins({"feature_namespace": "a", "features": ["b", "c"]}, {"feature_namespace": "a", "features": ["b"]}),
         "model.augmenter.features[1].features", "'b' of 'a' is named twice"),
        (joins({"feature_namespace": "a", "features": ["price"]}), "model.augmenter.features", "is the target"),
        ({"model.preprocessor.params.missing_strategy": "interpolation", "batches": BATCHES},
         "model.preprocessor.params.missing_strategy", "write them in numerical_features, or in column_sets"),
        (sets({"columns": ["a"], "missing_strategy": "interpolation"}), f"{SETS}[0].missing_strategy",
         "needs the time of each row"),
        ({f"{MADE}.lags.columns": ["rooms"]}, f"{MADE}.lags", "needs the time of each row: name its column in"),
        ({f"{MADE}.lags": {"columns": ["rooms"], "steps": [0]}, "batches": BATCHES}, f"{MADE}.lags.steps[0]", "≥ 1"),
        ({f"{MADE}.lags": {"columns": ["rooms"], "steps": []}, "batches": BATCHES}, f"{MADE}.lags.steps",
         "is an empty list"),
        ({f"{MADE}.lags.columns": ["price"], "batches": BATCHES}, f"{MADE}.lags.columns", "'price' is the target"),
        ({"model.data_interface.task_type": "timeseries"}, f"{MADE}.time_col", "needs the time of each row"),
        (series() | {"model.data_interface.target_col": ["price", "sold"]}, "model.data_interface.target_col",
         "timeseries of several targets is not yet supported. Name one"),
        (series() | {"evaluation.validation.method": "train_test_split"}, "evaluation.validation.method",
         "is its newest times: write time_split"),
        (series(horizon="23h") | {"monitoring.label_delay": 2}, f"{MADE}.horizon", "write horizon: 2d or longer"),
        (series(horizon="2d", season="7d", history=6), f"{MADE}.history", "do not reach back 7d"),
        (series(horizon="8d", season="7d"), f"{MADE}.history", "12 daily batches do not reach back 14d"),
        (series(horizon="soon"), f"{MADE}.horizon", "found 'soon'; allowed: minutes, hours"),
        (series(season="0d"), f"{MADE}.season", "which is no time"),
        ({f"{MADE}.horizon": "1d", "batches": BATCHES}, f"{MADE}.horizon", "nothing looks back: name columns in lags"),
        ({f"{MADE}.rolling": {"columns": ["rooms"], "windows": ["7 days"]}, "batches": BATCHES},
         f"{MADE}.rolling.windows[0]", "as 90m, 6h, 2d or 1w, or a number of rows"),
        ({f"{MADE}.rolling": {"columns": ["rooms"], "windows": [3], "statistics": ["avg"]}, "batches": BATCHES},
         f"{MADE}.rolling.statistics[0]", "allowed: 'mean', 'std', 'min'"),
        ({f"{MADE}.rolling.columns": ["rooms"], "batches": BATCHES}, f"{MADE}.rolling.windows", "is missing"),
        ({f"{MADE}.functions": ["ratio"]}, f"{MADE}.functions[0]", "a function by its import path"),
        ({f"{MADE}.functions": ["a.ratio; import os"]}, f"{MADE}.functions[0]", "a function by its import path"),
        ({f"{MADE}.functions": ["a.ratio", "b.ratio"]}, f"{MADE}.functions[1]", "is called 'ratio', too"),
        ({f"{MADE}.time_col": "price"}, f"{MADE}.time_col", "'price' is the target"),
        ({"model.preprocessor.name": "custom_preprocessor",
          "model.preprocessor.params.categorical_strategy": "embedding"},
         "model.preprocessor.params.categorical_strategy",
         "an embedding is learned inside a neural network, and the estimator is none"),
        ({"model.preprocessor.name": "custom_preprocessor", "model.class_path": "ml_assets.networks.MLPRegressor",
          "model.preprocessor.params.categorical_strategy": "embedding",
          "model.preprocessor.params.numerical_strategy": "robust"},
         "model.preprocessor.params.numerical_strategy", "the network prepares its columns itself"),
        ({"model.class_path": "torch.nn.Linear"}, "model.class_path", "ml_assets.networks.MLPClassifier"),
        ({"model.preprocessor.params.outlier_treatment": "clipped"}, "model.preprocessor.params.outlier_treatment",
         "Did you mean 'clip'?"),
        ({"model.preprocessor.params.column_sets": [{"columns": ["rooms"]}]},
         "model.preprocessor.params.column_sets", "write `name: custom_preprocessor`"),
        ({f"{MADE}.interactions": [["rooms", "price"]]}, f"{MADE}.interactions[0]", "'price' is the target"),
        ({f"{MADE}.interactions": [["rooms", "rooms"]]}, f"{MADE}.interactions[0]", "'rooms' is there twice"),
        ({f"{MADE}.interactions": [["rooms"]]}, f"{MADE}.interactions[0]", "found a list of 1"),
        ({f"{MADE}.date_parts.columns": ["price"]}, f"{MADE}.date_parts.columns", "'price' is the target"),
        ({f"{MADE}.date_parts": {"columns": ["sold"], "parts": ["moon"]}}, f"{MADE}.date_parts.parts[0]",
         "Did you mean 'month'?"),
        ({f"{MADE}.polynomials": {"columns": ["rooms"], "degree": 9}}, f"{MADE}.polynomials.degree", "≤ 4"),
        ({f"{MADE}.polynomials.columns": ["id"], "model.preprocessor.params.exclude_cols": ["id"]},
         f"{MADE}.polynomials.columns", "'id' is in exclude_cols"),
        ({"model.feature_selection": {"method": "chi2"}}, "model.feature_selection.method",
         "task_type is regression. Did you mean 'anova'?"),
        ({"model.feature_selection": {"method": "anova", "keep": 0}}, "model.feature_selection.keep", "≥ 1"),
        ({"model.feature_selection": {"keep": 3}}, "model.feature_selection.method", "is missing"),
        ({"quality.rows": [{"columns": ["a"]}]}, "quality.rows[0]", "asks nothing of a row"),
        ({"quality.rows": [{"columns": [], "min": 0}]}, "quality.rows[0].columns", "is an empty list"),
        ({"quality.rows": [{"columns": ["a"], "min": 2, "max": 1}]}, "quality.rows[0].min", "no row could pass"),
        ({"quality.rows": [{"columns": ["a"], "min": "2024-02-30"}]}, "quality.rows[0].min", "is no date"),
        ({"quality.rows": [{"columns": ["a"], "min": 1, "max": "2024-02-01"}]}, "quality.rows[0].max",
         "a number and a date"),
        ({"quality.quarantine": 1.5}, "quality.quarantine", "≤ 1"),
        (sets({"columns": ["price"]}), f"{SETS}[0].columns", "'price' is the target"),
        (sets({"columns": []}), f"{SETS}[0].columns", "is an empty list"),
        (sets({"columns": ["a", "b"]}, {"columns": ["b"]}), f"{SETS}[1].columns",
         "'b' is in column_sets[0] already"),
        (sets({"columns": ["a"], "categorical_strategy": "embedding"}), f"{SETS}[0].categorical_strategy",
         "for all categories"),
        (sets({"columns": ["a"], "categorical_strategy": "target"}, numerical_features=["a"]),
         f"{SETS}[0].categorical_strategy", "is for categorical columns, and a is none"),
        (sets({"columns": ["a"], "mising_strategy": "drop"}), f"{SETS}[0].mising_strategy",
         "Did you mean 'missing_strategy'?"),
        ({"model.class_path": "sklearn.linear_model.LogisticRegression"}, "model.class_path",
         "is for classification, task_type is regression. Did you mean 'sklearn.linear_model.Ridge'?"),
        ({"model.class_path": "sklearn.cluster.KMeans"}, "model.class_path", "is for clustering"),
        ({"model.data_interface": {"task_type": "regression"}}, "model.data_interface.target_col", "is missing"),
        (clusters(data_interface={"task_type": "clustering", "target_col": "price"}),
         "model.data_interface.target_col", "clustering predicts no column: leave it out"),
        (clusters(class_path=SVR), "model.class_path", "Did you mean 'sklearn.cluster.KMeans'?"),
        (clusters(class_path="sklearn.cluster.DBSCAN"), "model.class_path", "cannot tell the cluster of a new row"),
        ({"model.data_interface": {"task_type": "clustering"}}, "model.class_path", "sklearn.cluster.KMeans"),
        (clusters(class_path="sklearn.mixture.GaussianMixture"), "model.hyperparameters", "lack n_components"),
        (clusters(hyperparameters={"n_clusters": 1}), "model.hyperparameters.n_clusters", "2 or more"),
        (clusters(feature_selection={"method": "anova"}), "model.feature_selection", "looks at labels"),
        (clusters(ensemble={"method": "averaging", "estimators": [{"class_path": "sklearn.cluster.Birch"}]}),
         "model.ensemble", "leave it out"),
        (clusters(calibration="sigmoid"), "model.calibration", "clustering has none"),
        (clusters() | {"batches": BATCHES, "monitoring": {"label_delay": 1}}, "monitoring.label_delay",
         "waits for no labels"),
        (clusters() | {"evaluation": {"metrics": ["rmse"]}}, "evaluation.metrics[0]", "silhouette"),
        (clusters() | {"hyperparameter_tuning": {"metric": "davies_bouldin", "direction": "maximize"}},
         "hyperparameter_tuning.direction", "is better lower"),
        ({"model.data_interface": {"task_type": "recommendation", "item_col": "what"},
          "model.class_path": "sklearn.decomposition.NMF"}, "model.data_interface.user_col",
         "is missing: recommendation needs the column that names the user"),
        (recommends({"item_col": "who"}), "model.data_interface.item_col", "'who' is user_col too"),
        (recommends({"target_col": "what"}), "model.data_interface.target_col", "'what' is item_col too"),
        (recommends() | {"batches": {"column": "who", "period": "weekly"}}, "batches.column", "'who' is user_col too"),
        (recommends({"target_col": ["stars", "clicks"]}), "model.data_interface.target_col", "name one column"),
        (recommends({"relevant_from": 3}), "model.data_interface.relevant_from", "target_col names no column"),
        (recommends({"target_col": "stars", "relevant_from": 0}), "model.data_interface.relevant_from", "number > 0"),
        (recommends({"entity_cols": ["who"]}), "model.data_interface.entity_cols", "leave it out"),
        (recommends({"top_k": 0}), "model.data_interface.top_k", "1"),
        (recommends({"positive_class": "yes"}), "model.data_interface.positive_class", "has no classes"),
        (recommends({"treatment_col": "mailed"}), "model.data_interface.treatment_col", "is for task_type causal"),
        ({"model.data_interface.top_k": 5}, "model.data_interface.top_k", "is for task_type recommendation"),
        ({"model.data_interface": recommends()["model.data_interface"], "model.hyperparameters": {"n_components": 3}},
         "model.hyperparameters", "need a class_path"),
        (recommends(class_path=SVR), "model.class_path", "Did you mean 'sklearn.decomposition.TruncatedSVD'?"),
        (recommends(preprocessor={"params": {"exclude_cols": ["a"]}}), "model.preprocessor", "is about features"),
        (recommends(feature_engineering={"history": 3}), "model.feature_engineering", "is about features"),
        (recommends(feature_selection={"method": "anova"}), "model.feature_selection", "leave it out"),
        (recommends(ensemble={"method": "averaging", "estimators": [{"class_path": "sklearn.decomposition.NMF"}]}),
         "model.ensemble", "leave it out"),
        (recommends(calibration="sigmoid"), "model.calibration", "recommendation has none"),
        (votes("hard", threshold=0.3), "model.threshold", "voting: hard gives labels alone: write voting: soft"),
        (votes("hard", calibration="sigmoid"), "model.calibration", "voting: hard gives labels alone"),
        (recommends(threshold=0.3), "model.threshold", "not for recommendation"),
        (recommends() | {"batches": BATCHES, "monitoring": {"label_delay": 1}}, "monitoring.label_delay",
         "waits for no labels"),
        (recommends() | {"evaluation": {"metrics": ["rmse"]}}, "evaluation.metrics[0]", "ndcg"),
        (recommends() | {"hyperparameter_tuning": {"metric": "quantile_loss_90"}}, "hyperparameter_tuning.metric",
         "ndcg"),
        (recommends() | {"evaluation": {"own_metrics": {"shop.metrics.profit": "maximize"}}},
         "evaluation.own_metrics.shop.metrics.profit", "not yet supported"),
        ({"model.class_path": "sklearn.ensemble.VotingRegressor"}, "model.class_path",
         "needs the hyperparameter 'estimators'"),
        ({"model.class_path": SVR, "model.hyperparameters": {"c": 1}}, "model.hyperparameters.c",
         "Did you mean 'C'"),
        ({"model.class_path": "xgboost.XGBRegressor", "model.hyperparameters": {"early_stopping_rounds": 9}},
         "model.hyperparameters.early_stopping_rounds", "not yet supported"),
        ({"model.class_path": "xgboost.XGBRegressor", "model.hyperparameters": {"tree_method": "exact"},
          "training.engine": "dask"}, "model.hyperparameters.tree_method", "write hist or approx"),
        ({"model.class_path": "xgboost.XGBRFRegressor", "training.engine": "dask", "model.hyperparameters": {
            "booster": {"type": "categorical", "choices": ["gbtree", "gblinear"]}}},
         "model.hyperparameters.booster", "write gbtree or dart"),
        ({"model.hyperparameters": {"C": 1}}, "model.hyperparameters", "need a class_path"),
        ({"model.class_path": "sklearn.ensemble.BaggingRegressor",
          "model.hyperparameters": {"estimator": {"class_path": "sklearn.svm.SVC"}}},
         "model.hyperparameters.estimator.class_path", "Did you mean 'sklearn.svm.SVR'?"),
        ({"model.class_path": "sklearn.ensemble.VotingRegressor", "model.hyperparameters": {"estimators": [
            {"name": "a", "estimator": {"class_path": SVR, "hyperparameters": {"gama": 1}}}]}},
         "model.hyperparameters.estimators[0].estimator.hyperparameters.gama", "Did you mean 'gamma'?"),
        ({"model.ensemble": {"method": "averaging", "estimators": [{"class_path": SVR}]}},
         "model.ensemble", "needs a class_path, the first of its estimators"),
        ({"model.ensemble": {"method": "averaging", "estimators": []}, "model.class_path": SVR},
         "model.ensemble.estimators", "found a list of 0"),
        ({"model.ensemble": {"method": "voting", "estimators": [{"class_path": SVR}]}, "model.class_path": SVR},
         "model.ensemble.method", "task_type is regression: write averaging"),
        ({"model.ensemble": {"method": "stacking", "estimators": [{"class_path": SVR, "weight": 2}]},
          "model.class_path": SVR}, "model.ensemble.estimators[0].weight", "learns what each counts"),
        ({"model.ensemble": {"method": "averaging", "estimators": [{"class_path": "sklearn.svm.SVC"}]},
          "model.class_path": SVR}, "model.ensemble.estimators[0].class_path", "Did you mean 'sklearn.svm.SVR'?"),
        ({"model.calibration": "sigmoid"}, "model.calibration", "is for shares of classes, and regression has none"),
        ({"model.calibration": "platt"}, "model.calibration", "allowed: 'sigmoid', 'isotonic', 'off'"),
        ({"hyperparameter_tuning": {"metric": "rsme"}}, "hyperparameter_tuning.metric",
         "Did you mean 'rmse'"),
        ({"hyperparameter_tuning": {"metric": "rmse", "direction": "maximize"}},
         "hyperparameter_tuning.direction",
         "rmse is better lower: write 'minimize'"),
        ({"hyperparameter_tuning": {"direction": "maximize"}}, "hyperparameter_tuning.direction", "rmse"),
        ({"hyperparameter_tuning": {"enabled": False}, "model.class_path": SVR,
          "model.hyperparameters": {"C": {"type": "float", "low": 1, "high": 2}}},
         "hyperparameter_tuning.enabled", "C is a search space (1.0 to 2.0)"),
        ({"evaluation.metrics": []}, "evaluation.metrics", "at least one"),
        ({"evaluation.metrics": ["accuracy"]}, "evaluation.metrics[0]", "no metric of regression"),
        ({"evaluation.targets": {"r2": 90}}, "evaluation.targets.r2", "r2 is 1 or less"),
        ({"evaluation.targets": {"mae": -1}}, "evaluation.targets.mae", "mae is 0 or more"),
        ({"evaluation.targets": {"mpae": 1}}, "evaluation.targets.mpae", "Did you mean"),
        ({"evaluation.validation.method": "time_split"}, "evaluation.validation.method", "no `batches`"),
        ({"evaluation.validation.method": "group_split"}, "evaluation.validation.method",
         "no column names it: write model.data_interface.entity_cols"),
        ({"evaluation.validation.method": "group_split", "batches": BATCHES,
          "model.data_interface.entity_cols": ["house"]},
         "evaluation.validation.method", "with `batches` the newest rows are what a model is for"),
        (recommends() | {"evaluation": {"validation": {"method": "group_split"}}}, "evaluation.validation.method",
         "not for recommendation"),
        ({"evaluation.validation.group_col": "house"}, "evaluation.validation.group_col",
         "is written as model.data_interface.entity_cols"),
        ({"evaluation.validation.method": "cross_validation"}, "evaluation.validation.method",
         "write `training.folds` for how many"),
        ({"evaluation.validation": {"test_size": 0.5, "validation_size": 0.4}},
         "evaluation.validation.validation_size", "leaves 0.1 of the rows to learn"),
        ({"evaluation.validation.validation_size": 0.2, "training.folds": 3},
         "evaluation.validation.validation_size", "stands in the place of folds"),
        ({"monitoring.label_delay": 1}, "monitoring.label_delay", "no `batches`"),
        ({"training.window": 3}, "training.window", "no `batches`"),
        ({"training.first": 3}, "training.first", "no `batches`"),
        ({"retraining": {"cooldown": 3}}, "retraining", "no `batches`"),
        ({"batches": BATCHES | {"column": "price"}}, "batches.column", "is the target"),
        ({"batches": BATCHES | {"column": ""}}, "batches.column", "is empty"),
        ({"batches": BATCHES | {"start": "2024-1-1"}}, "batches.start", "YYYY-MM-DD"),
        ({"batches": BATCHES | {"start": "2024-01-01-05:00"}}, "batches.start", "YYYY-MM-DD"),
        ({"batches": BATCHES | {"start": "2024-01-01", "end": "2024-01-01"}}, "batches.end", "not after"),
        ({"batches": BATCHES, "retraining": {"performance_threshold": -1}},
         "retraining.performance_threshold",
         "rmse is 0 or more"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused_at_their_key(edits: Edits, key: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text(edits))
    (fault,) = caught.value.errors
    assert fault.key == key
    assert words in fault.message
