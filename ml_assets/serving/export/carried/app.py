"""The model of this folder over HTTP: `uvicorn --factory app:build`, or gunicorn (DEPLOYMENT.md).

Small on purpose: no keys, no limits, no log of predictions. `ml-assets serve` has them.
"""

from __future__ import annotations

import json
from typing import Any


def see(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Raise ValueError where a row lacks a column that others have, which a frame would take for a missing value."""
    for place, row in enumerate(rows):
        if absent := [name for name in columns if name not in row]:
            raise ValueError(f"row {place} lacks {', '.join(absent)} (null stands for a missing value)")
        if wrong := [name for name in columns if isinstance(row[name], (list, dict))]:
            raise ValueError(f"row {place}: one value is wanted in {', '.join(wrong)}")


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
            see(rows, model.columns)
            made = model.predict(pd.DataFrame(rows))
        except (OverflowError, ValueError) as error:
            raise HTTPException(422, str(error)) from None
        return {"version": model.version, "predictions": json.loads(made.to_json(orient="records"))}

    return app
