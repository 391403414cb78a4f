"""The OpenAPI document of a model: its own columns, and a row that can be sent as it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_assets.names import WITHOUT
from ml_assets.registry.standard import RawRows
from ml_assets.serving.body import LONGEST_TEXT, MOST_ITEMS, leaves_out
from ml_assets.serving.limits import Limits
from ml_assets.serving.live import Served

TYPES = {
    "number": {"type": ["number", "null"], "minimum": -1e38, "maximum": 1e38},
    "time": {"type": ["string", "null"], "format": "date-time"},
    "text": {"type": ["string", "number", "boolean", "null"], "maxLength": LONGEST_TEXT},
}
KEY = {
    "type": ["integer", "string", "null"],
    "description": "Features that the row lacks are looked up by it.",
}
ITEMS = {
    "type": ["array", "null"],
    "items": {"type": ["string", "number", "boolean"], "maxLength": LONGEST_TEXT},
    "maxItems": MOST_ITEMS,
    "description": "Items that are not recommended, beside those that the user had when the model was trained.",
}
Keys = Mapping[tuple[str, ...], Sequence[str]]
"""Columns that are looked up, by their keys."""
ANSWERS: Mapping[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "truth": {"type": "boolean"},
    "text": {"type": "string"},
    "items": {"type": "array", "items": {"type": "string"}},
}
REFUSALS = {
    "400": "The body is no JSON.",
    "401": "No key, or one that is not known.",
    "403": "The key's scope does not open this.",
    "413": "Too many bytes or rows.",
    "408": "The body came too slowly.",
    "415": "The body is neither application/json nor a stream of Arrow, or is compressed.",
    "422": "A field is wrong; the answer names it.",
    "429": "Too many requests of this caller; Retry-After says when.",
    "503": "Busy, too slow, or the feature store is away; Retry-After says when.",
}


def document(served: Served, with_keys: bool, limits: Limits, keys: Keys | None = None) -> dict[str, Any]:
    """Describe the API as it is while this version answers; of rows that lack features, `keys` are wanted."""
    known, keys = served.known, keys or {}
    columns = {
        name: TYPES.get(known.kinds.columns.get(name, "text"), TYPES["text"]) for name in known.columns
    }
    looked_up = {column for names in keys.values() for column in names}
    row: dict[str, Any] = {
        "type": "object",
        "properties": {name: KEY for names in keys for name in names} | columns,
        "required": [name for name in known.columns if name not in looked_up],
    }
    if leaves_out(known):
        row["properties"] |= {WITHOUT: ITEMS}
    if keys:
        row["allOf"] = [
            {"anyOf": [{"required": list(names)}, {"required": list(features)}]}
            for names, features in keys.items()
        ]
    example = {name: 1 for names in keys for name in names} | {
        name: value for name, value in served.example.items() if name not in looked_up
    }
    asked = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": row, "minItems": 1, "maxItems": limits.rows},
            "probabilities": {"type": "boolean", "default": False},
        },
        "required": ["rows"],
        "additionalProperties": False,
    }
    answered = {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "integer"},
            "request_id": {"type": "string"},
            "predictions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "prediction": _answer(known),
                        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
                    },
                    "required": ["prediction"],
                },
            },
        },
        "required": ["model", "version", "request_id", "predictions"],
    }
    refused = {"$ref": "#/components/schemas/Refusal"}
    refusals = {
        status: {"description": text, "content": {"application/json": {"schema": refused}}}
        for status, text in REFUSALS.items()
    }
    predict = {
        "summary": "Predict one row or many",
        "requestBody": {"required": True, "content": _json(asked, example={"rows": [example]})},
        "responses": {"200": {"description": "Answers in the order of the rows.", "content": _json(answered)}}
        | refusals,
    }
    said = {"200": {"description": "As it is.", "content": _json({"type": "object"})}}
    told = {"200": {"description": "Prometheus.", "content": {"text/plain": {"schema": {"type": "string"}}}}}
    closed = {status: refusals[status] for status in ("401", "403", "429")}
    paths: dict[str, Any] = {
        "/predict": {"post": predict},
        "/health": {"get": {"summary": "Whether the server is up", "responses": said, "security": []}},
        "/ready": {"get": {"summary": "Whether a version answers", "responses": said, "security": []}},
        "/metadata": {"get": {"summary": "What answers, and what it takes", "responses": said | closed}},
        "/metrics": {"get": {"summary": "Figures for Prometheus", "responses": told | closed}},
    }
    components: dict[str, Any] = {"schemas": {"Refusal": REFUSAL}}
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": f"{served.name}, by ml_assets", "version": str(served.version)},
        "paths": paths,
        "components": components,
    }
    if with_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"key": []}]
    return described


def _answer(known: RawRows) -> dict[str, Any]:
    """A value, or an object with one for each target."""
    if not known.answers:
        return ANSWERS[known.answer]
    return {"type": "object", "properties": {name: ANSWERS[kind] for name, kind in known.answers.items()}}


def _json(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, **more}}


REFUSAL = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string"},
            },
            "required": ["code", "message"],
        },
        "request_id": {"type": "string"},
    },
    "required": ["error", "request_id"],
}
