"""The model of this folder over HTTP: `uvicorn --factory app:build`, or gunicorn (DEPLOYMENT.md).

Small on purpose: no keys, no limits, no log of predictions. `ml-assets serve` has them.
"""

from __future__ import annotations

import json
from typing import Any


def build() -> Any:
    """Load the model beside this file, and make its API."""
    from fastapi import FastAPI, HTTPException
    from inference import ModelInference  # type: ignore[import-not-found]  # beside this file, where it is exported

    model = ModelInference()
    app = FastAPI(title=model.about["model"], version=str(model.version))

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "up", "model": model.about["model"], "version": model.version}

    @app.post("/predict")
    def predict(body: dict[str, Any]) -> dict[str, Any]:
        import pandas as pd

        rows = body.get("rows")
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise HTTPException(422, 'a body {"rows": [{column: value}]} is wanted')
        try:
            made = model.predict(pd.DataFrame(rows))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return {"version": model.version, "predictions": json.loads(made.to_json(orient="records"))}

    return app
