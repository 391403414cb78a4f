"""One method on one split, in a process and an environment of its own: `python peer.py FOLDER`.

The folder has `train.parquet`, `test.parquet` and `asked.json`; `answers.parquet` and `cost.json` are left in it. This
file imports nothing of ml_assets but for the method `ours`: peers have environments without it.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")


def prepared(numbers, others, estimator):
    """Impute, scale and encode before an estimator of scikit-learn or XGBoost."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    branches = [
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("others", OneHotEncoder(handle_unknown="ignore", sparse_output=False), others),
    ]
    return make_pipeline(ColumnTransformer(branches), estimator)


def default(method, classes, numbers, others, seed):
    """A library as it comes."""
    if method == "linear":
        from sklearn.linear_model import LogisticRegression, Ridge

        return prepared(numbers, others, LogisticRegression(max_iter=2000) if classes else Ridge())
    if method == "forest":
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        kind = RandomForestClassifier if classes else RandomForestRegressor
        return prepared(numbers, others, kind(random_state=seed, n_jobs=1))
    if method == "xgboost":
        from xgboost import XGBClassifier, XGBRegressor

        return prepared(
            numbers, others, (XGBClassifier if classes else XGBRegressor)(random_state=seed, n_jobs=1)
        )
    if method == "lightgbm":
        from lightgbm import LGBMClassifier, LGBMRegressor

        kind = LGBMClassifier if classes else LGBMRegressor
        return prepared(numbers, others, kind(random_state=seed, n_jobs=1, verbosity=-1))
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostClassifier if classes else CatBoostRegressor
    return kind(
        random_state=seed, thread_count=1, verbose=False, allow_writing_files=False, cat_features=others
    )


def flaml(train, y, asked):
    """FLAML for so many seconds."""
    from flaml import AutoML

    model = AutoML()
    task, metric = (
        asked["task"],
        {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "rmse"}[asked["metric"]],
    )
    model.fit(
        train,
        y,
        task=task,
        metric=metric,
        time_budget=asked["seconds"],
        n_jobs=1,
        seed=asked["seed"],
        verbose=0,
    )
    return model


def mljar(train, y, asked):
    """Mljar for so many seconds."""
    from supervised.automl import AutoML

    metric = {"roc_auc": "auc", "log_loss": "logloss", "rmse": "rmse"}[asked["metric"]]
    model = AutoML(
        mode="Compete",
        total_time_limit=asked["seconds"],
        eval_metric=metric,
        n_jobs=1,
        random_state=asked["seed"],
        results_path=f"{asked['folder']}/mljar",
        verbose=0,
    )
    model.fit(train, y)
    return model


def autogluon(train, y, asked):
    """AutoGluon for so many seconds."""
    from autogluon.tabular import TabularPredictor

    metric = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "rmse"}[asked["metric"]]
    frame = train.assign(target__=np.asarray(y))
    model = TabularPredictor(
        "target__", eval_metric=metric if metric != "rmse" else "root_mean_squared_error",
        path=f"{asked['folder']}/autogluon", verbosity=0,
    )  # fmt: skip
    return model.fit(frame, time_limit=asked["seconds"], presets="best_quality", num_cpus=1)


def ours(train, test, asked):
    """The automatic search of ml_assets."""
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.recipe.schema import Recipe
    from ml_assets.training.fit import fit

    recipe = Recipe.model_validate(
        {
            "name": "quality",
            "model": {
                "loader": {"source_uri": "rows.csv"},
                "data_interface": {"task_type": asked["task"], "target_col": "target__"},
            },
            "hyperparameter_tuning": {"timeout": asked["seconds"], "metric": asked["metric"]},
            "evaluation": {"validation": {"random_state": asked["seed"]}},
        }
    )
    model, _ = fit(train.assign(row_id__=np.arange(len(train), dtype=np.uint64)), recipe)
    found = predict(model, test)
    shares = sorted(name for name in found if name.startswith("probability_"))
    return found[shares].to_numpy() if shares else found["prediction"].to_numpy()


def main(folder):
    """Fit, predict, and tell the cost."""
    asked = json.loads((folder / "asked.json").read_text()) | {"folder": str(folder)}
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    classes, method = asked["task"] == "classification", asked["method"]
    started = time.perf_counter()
    X, y = train.drop(columns="target__"), train["target__"]
    others = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    numbers = [name for name in X if name not in others]
    if method == "ours":
        answers = ours(train, test, asked)
    else:
        if method == "catboost":
            X, test = (
                each.assign(**{name: each[name].fillna("missing") for name in others}) for each in (X, test)
            )
        codes = y.astype(int) if classes else y
        engines = {"flaml": flaml, "mljar": mljar, "autogluon": autogluon}
        if method in engines:
            model = engines[method](X, codes, asked)
        else:
            model = default(method, classes, numbers, others, asked["seed"]).fit(X, codes)
        answers = np.asarray(model.predict_proba(test) if classes else model.predict(test))
    frame = pd.DataFrame(np.asarray(answers).reshape(len(test), -1))
    frame.columns = [f"answer_{k}" for k in range(frame.shape[1])]
    frame.to_parquet(folder / "answers.parquet")
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in usage)
    cost = {"wall": time.perf_counter() - started, "cpu": cpu}
    (folder / "cost.json").write_text(json.dumps(cost))


main(Path(sys.argv[1]))
