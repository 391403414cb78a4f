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


def strict(content: bytes) -> Any:
    """Parse JSON that has no NaN and names no key twice; ValueError where it does, or is none."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a key is there twice")
        return found

    def no_number(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON (null stands for a missing value)")

    try:
        return json.loads(content, object_pairs_hook=once, parse_constant=no_number)
    except RecursionError:
        raise ValueError("brackets are nested too deep") from None


def build() -> Any:
    """Load the model beside this file, and make its API."""
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.concurrency import run_in_threadpool
    from inference import ModelInference  # type: ignore[import-not-found]  # beside this file, where it is exported

    model = ModelInference()
    app = FastAPI(title=model.about["model"], version=str(model.version))

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {"status": "up", "model": model.about["model"], "version": model.version}

    async def predict(request: Request) -> dict[str, Any]:
        return await run_in_threadpool(answer, await request.body())

    def answer(content: bytes) -> dict[str, Any]:
        import pandas as pd

        try:
            body = strict(content)
        except ValueError as error:
            raise HTTPException(400, f"the body is no JSON that can be read: {error}") from None
        rows = body.get("rows") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise HTTPException(422, 'a body {"rows": [{column: value}]} is wanted')
        try:
            see(rows, model.columns)
            made = model.predict(pd.DataFrame(rows))
        except (OverflowError, ValueError) as error:
            raise HTTPException(422, str(error)) from None
        return {"version": model.version, "predictions": json.loads(made.to_json(orient="records"))}

    # Told by a value: as text it would be looked for among this module's names.
    predict.__annotations__["request"] = Request
    wanted = {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": {"type": "object"}}},
        "required": ["rows"],
    }
    body = {"content": {"application/json": {"schema": wanted}}, "required": True}
    app.post("/predict", openapi_extra={"requestBody": body})(predict)
    return app
