"""The fits of `shapes` without ml_assets: read, prepare each fold, search, fit; nothing is kept.

Run as `python bare_fits.py FILE`.
"""

import sys
import warnings
from pathlib import Path

import optuna
import pandas as pd
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
path = Path(sys.argv[1])
frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
X, y = frame.drop(columns="target"), frame["target"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=42)


def transformer() -> ColumnTransformer:
    """Impute, scale, encode."""
    numbers = list(X.select_dtypes("number").columns)
    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False)
    others = [name for name in X.columns if name not in set(numbers)]
    return ColumnTransformer([("numbers", numeric, numbers), ("others", encoder, others)])


def boosted(params: dict) -> xgboost.XGBClassifier:
    """One thread, one seed."""
    return xgboost.XGBClassifier(n_estimators=100, **params, random_state=42, n_jobs=1)


folds = []
for fit, judge in StratifiedKFold(5, shuffle=True, random_state=42).split(X_train, y_train):
    prepare = transformer()
    folds.append(
        (
            prepare.fit_transform(X_train.iloc[fit]),
            y_train.iloc[fit],
            prepare.transform(X_train.iloc[judge]),
            y_train.iloc[judge],
        )
    )


def objective(trial: optuna.Trial) -> float:
    """Mean ROC AUC over five folds."""
    params = {"max_depth": 4, "learning_rate": trial.suggest_float("learning_rate", 0.05, 0.3)}
    scores = []
    for X_fit, y_fit, X_judge, y_judge in folds:
        model = boosted(params).fit(X_fit, y_fit)
        scores.append(roc_auc_score(y_judge, model.predict_proba(X_judge)[:, 1]))
    return sum(scores) / len(scores)


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=42))
study.optimize(objective, n_trials=3)
best = make_pipeline(transformer(), boosted({"max_depth": 4, **study.best_params})).fit(X_train, y_train)
roc_auc_score(y_test, best.predict_proba(X_test)[:, 1])
