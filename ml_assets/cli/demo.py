"""The demo: from one YAML file to a model that replaced itself twice, with the reason of every decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ml_assets.cli.backfill import backfill_text, batch_line
from ml_assets.cli.models import known_state, refresh_overview
from ml_assets.cli.output import program
from ml_assets.cli.train import train_recipe
from ml_assets.orchestration.walk import walk
from ml_assets.settings import DEMO_RECIPES, Settings, read_settings
from ml_assets.shown import figure

STATIC_DEMOS = ("iris", "diabetes")
BATCH_DEMO = "churn"


def run_demo(say: Callable[[str], None]) -> tuple[dict[str, Any], str]:
    """Train the static demos, walk `churn` through its 24 months, and sum up.

    Returns
    -------
    dict, str
        The summary as JSON and in words.
    """
    settings = read_settings()
    _make_data(settings, say)
    trained = {}
    for name in STATIC_DEMOS:
        trained[name] = train_recipe(DEMO_RECIPES / f"{name}.yaml", say)
    state = known_state(BATCH_DEMO)
    say(f"{BATCH_DEMO}: 24 months arrive, one by one")
    walked = walk(state, progress=lambda row, done, total: say(batch_line(row, done, total)))
    refresh_overview(settings)
    lines = ["", "What happened", backfill_text(walked)]
    for name, result in trained.items():
        score = result["metrics"][result["metric"]]
        verdict = "champion" if result["promoted"] else "not promoted"
        lines.append(f"{name}: {result['metric']} {figure(score)}, {verdict}: {result['reason']}")
    lines += [
        "",
        f"Look further:  {program()} status · {program()} explain churn · {program()} ui"
        "  (then http://127.0.0.1:3000)",
        f"Everything is kept in {settings.home}",
    ]
    return {"churn": walked.model_dump(mode="json"), **trained}, "\n".join(lines)


def _make_data(settings: Settings, say: Callable[[str], None]) -> None:
    from ml_assets.sources.churn import write

    folder = settings.demo_data / "churn"
    if not any(folder.glob("*.parquet")):
        say(f"{BATCH_DEMO}: making 24 months of customers in {folder}")
        write(folder)
