"""The same fits without ml_assets: breast_cancer, XGBoost, 8 trials of 5 folds, logged to MLflow.

Run as `python bare_script.py FOLDER`; MLflow's database and artifacts go to that folder.
"""

import sys
import warnings
from pathlib import Path

import mlflow
import optuna
import xgboost
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore")
folder = Path(sys.argv[1]).absolute()
optuna.logging.set_verbosity(optuna.logging.ERROR)
mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
mlflow.create_experiment("bare", artifact_location=(folder / "artifacts").as_uri())
mlflow.set_experiment("bare")

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=42)


def pipeline(params: dict) -> Pipeline:
    """Impute, scale, boost."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    model = xgboost.XGBClassifier(**params, random_state=42, n_jobs=1)
    return make_pipeline(ColumnTransformer([("numbers", numbers, list(X.columns))]), model)


def objective(trial: optuna.Trial) -> float:
    """Mean ROC AUC over five folds."""
    params = {
        "n_estimators": trial.suggest_int("n_estimators", 50, 300),
        "max_depth": trial.suggest_int("max_depth", 3, 8),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
    }
    scores = []
    for step, (fit, judge) in enumerate(
        StratifiedKFold(5, shuffle=True, random_state=42).split(X_train, y_train)
    ):
        model = pipeline(params).fit(X_train.iloc[fit], y_train.iloc[fit])
        scores.append(roc_auc_score(y_train.iloc[judge], model.predict_proba(X_train.iloc[judge])[:, 1]))
        trial.report(sum(scores) / len(scores), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    with mlflow.start_run(nested=True, run_name=f"trial {trial.number}"):
        mlflow.log_params(params)
        mlflow.log_metric("roc_auc", sum(scores) / len(scores))
    return sum(scores) / len(scores)


with mlflow.start_run(run_name="breast_cancer"):
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=42),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )
    study.optimize(objective, n_trials=8)
    best = pipeline(study.best_params).fit(X_train, y_train)
    probability = best.predict_proba(X_test)[:, 1]
    labels = best.predict(X_test)
    mlflow.log_params(study.best_params)
    mlflow.log_metrics(
        {
            "roc_auc": roc_auc_score(y_test, probability),
            "log_loss": log_loss(y_test, probability),
            "accuracy": accuracy_score(y_test, labels),
            "f1": f1_score(y_test, labels),
        }
    )
    mlflow.sklearn.log_model(
        best,
        name="model",
        serialization_format="cloudpickle",
        signature=infer_signature(X_train, labels),
        input_example=X_train.head(5),
        pip_requirements=["scikit-learn", "xgboost"],
        registered_model_name="bare",
    )
