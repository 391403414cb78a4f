"""A model as a peer's users save it, made in the peer's environment: `python peer.py KIND FOLDER`.

The folder has `learned.parquet`. This file imports nothing of ml_assets: peers have environments without it.
"""

import json
import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier

SERVICE = """
import bentoml
import joblib
import numpy as np
import pandas as pd


@bentoml.service(workers=1)
class Orders:
    def __init__(self) -> None:
        self.model = joblib.load("model.joblib")

    @bentoml.api
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(rows)
"""


def main(kind, folder):
    """Fit the model, and save it."""
    frame = pd.read_parquet(folder / "learned.parquet")
    X, y = frame.drop(columns="late"), (frame["late"] == "yes").astype(int)
    texts = [name for name in X if name.startswith("text")]
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts), remainder="passthrough"
    )
    model = make_pipeline(columns, XGBClassifier(n_estimators=300, max_depth=6, n_jobs=1)).fit(X, y)
    if kind == "mlflow":
        import mlflow

        mlflow.sklearn.save_model(
            model,
            folder / "model",
            signature=mlflow.models.infer_signature(X, model.predict_proba(X.head())),
            serialization_format="cloudpickle",
            pyfunc_predict_fn="predict_proba",
        )
        return
    joblib.dump(model, folder / "model.joblib")
    (folder / "service.py").write_text(SERVICE)
    settings = {"debug": False, "parallel_workers": 1}
    (folder / "settings.json").write_text(json.dumps(settings))
    named = {
        "name": "orders",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "content_type": "pd"},
    }
    (folder / "model-settings.json").write_text(json.dumps(named))


main(sys.argv[1], Path(sys.argv[2]))
