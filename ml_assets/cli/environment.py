"""`ml-assets status --environment`: what is set, which layer each value comes from, and what answers."""

from __future__ import annotations

from typing import Any

import typer

from ml_assets.cli.output import columns, faults, finish
from ml_assets.failures import FAILED
from ml_assets.lifecycle.storage import examine as storage
from ml_assets.recipe.faults import did_you_mean
from ml_assets.registry.examine import server
from ml_assets.settings import current_layers, read_settings
from ml_assets.settings.examine import home, services
from ml_assets.settings.keys import KEYS, is_unknown
from ml_assets.shown import shown
from ml_assets.sources.feature_store.examine import examine as feature_store

NOT_SHOWN = "(set; not shown)"


def show(as_json: bool) -> None:
    """Show the settings with their layers, and what answers; exit code 1 where something does not."""
    with faults(as_json):
        result = environment()
    finish(result, environment_text(result), as_json)
    if not result["ok"]:
        raise typer.Exit(FAILED)


def environment() -> dict[str, Any]:
    """Sum up the environment; passwords are never told.

    Returns
    -------
    dict
        `environment`, `files`, `settings` (each with `key`, `value`, `from`, `variable`), `unknown`, `ok` and `checks`.
    """
    settings, layers = read_settings(), current_layers()
    rows = []
    for name, key in KEYS.items():
        layer = layers.layer(key.variable)
        value = None
        if layer is not None:
            value = NOT_SHOWN if key.kind == "secret" else shown(layers[key.variable], 200)
        rows.append({"key": name, "value": value, "from": layer, "variable": key.variable})
    checks = [*home(settings.home), *server(settings), *services(settings), *storage(settings)]
    checks += feature_store(settings)
    return {
        "environment": layers.environment,
        "files": list(layers.read),
        "settings": rows,
        "unknown": [name for name in sorted(layers.environ) if is_unknown(name)],
        "ok": all(each.ok for each in checks),
        "checks": [each.model_dump() for each in checks],
    }


def environment_text(result: dict[str, Any]) -> str:
    """Lay the settings out that have a value, what answers, and what is not well."""
    cells = [[row["key"], row["value"], row["from"]] for row in result["settings"] if row["from"]]
    lines = [f"environment {result['environment']}, from {', '.join(result['files'])} and variables", ""]
    lines.append(columns(cells, ["setting", "value", "from"]))
    for name in result["unknown"]:
        near = did_you_mean(name, [row["variable"] for row in result["settings"]])
        lines.append(f"{name} is set, and no setting is called so.{near}")
    lines.append("")
    for each in result["checks"]:
        lines.append(f"{'well    ' if each['ok'] else 'NOT WELL'}  {each['part']}: {each['found']}")
        lines += [f"          → {each['remedy']}"] * (not each["ok"])
    return "\n".join(lines)
