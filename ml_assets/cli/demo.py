"""The demo: from one YAML file to a model that replaced itself twice, with the reason of every decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg

from ml_assets.backtest.backtest import Backtest
from ml_assets.cli.backfill import backfill_text, batch_line
from ml_assets.cli.models import known_state, refresh_overview
from ml_assets.cli.one_prediction import ask_once, once_text
from ml_assets.cli.output import program
from ml_assets.cli.train import train_recipe
from ml_assets.lifecycle.backtest import backtest_report
from ml_assets.lifecycle.state import ModelState, locked
from ml_assets.orchestration import display
from ml_assets.orchestration.runs import open_instance
from ml_assets.orchestration.walk import walk
from ml_assets.records.policies import NEVER, RECIPE
from ml_assets.settings import DEMO_RECIPES, Settings, read_settings
from ml_assets.shown import figure

STATIC_DEMOS = ("iris", "diabetes")
BATCH_DEMO = "churn"
FEW = (NEVER, "every 4 batches", "literal thresholds", RECIPE, "one breach")
"""Policies that the demo tries: the recipe's own beside the most common ones."""


def run_demo(say: Callable[[str], None]) -> tuple[dict[str, Any], str]:
    """Train the static demos, walk `churn` through its 24 months, try other policies on them, and sum up.

    Returns
    -------
    dict, str
        The summary as JSON and in words.
    """
    settings = read_settings()
    say(
        "The demo takes two to three minutes on two free cores; it can be interrupted, and goes on when repeated"
    )
    _make_data(settings, say)
    trained = {}
    for name in STATIC_DEMOS:
        trained[name] = train_recipe(DEMO_RECIPES / f"{name}.yaml", say)
    state = known_state(BATCH_DEMO)
    say(f"{BATCH_DEMO}: 24 months arrive, one by one")
    walked = walk(state, progress=lambda row, done, total: say(batch_line(row, done, total)))
    say(f"{BATCH_DEMO}: other retraining policies are tried on the same months, some 20 seconds")
    tried = leave_backtest(state, lambda _news: None)
    refresh_overview(settings)
    once = ask_once(state)
    lines = ["", "What happened", backfill_text(walked)]
    advised = "the recipe's own" if tried.recommended == RECIPE else tried.recommended
    lines.append(
        f"{BATCH_DEMO}: {len(tried.policies)} policies tried on the same months, recommended: {advised}"
    )
    for name, result in trained.items():
        score = result["metrics"][result["metric"]]
        verdict = "champion" if result["promoted"] else "not promoted"
        lines.append(f"{name}: {result['metric']} {figure(score)}, {verdict}: {result['reason']}")
    lines += [
        *once_text(once, program()),
        "",
        f"Look further:  {program()} status · {program()} explain churn · {program()} backtest churn · "
        f"{program()} ui  (then http://127.0.0.1:8050 for everybody, http://127.0.0.1:3000 for Dagster)",
        f"Everything is kept in {settings.home}",
    ]
    advice = {"recommended": tried.recommended, "section": tried.section, "reason": tried.reason}
    return {
        "churn": walked.model_dump(mode="json"),
        "backtest": advice,
        "prediction": once,
        **trained,
    }, "\n".join(lines)


def leave_backtest(state: ModelState, say: Callable[[str], None]) -> Backtest:
    """Try a few policies, and let the web UI show them as the asset `backtest`, which tries all when materialized.

    Raises
    ------
    TooShortError
        If there is too little history.
    """
    with locked(state.settings.locks, f"{state.name}.backtest"), open_instance(state.settings) as instance:
        tried = backtest_report(state, say, FEW)
        shown = display.backtest_metadata(tried.result)
        shown["note"] = f"A few policies only: Materialize tries all. {shown['note']}"
        key = dg.AssetKey([state.name, "backtest"])
        instance.report_runless_asset_event(
            dg.AssetMaterialization(key, metadata=display.shown(tried, shown))
        )
    return tried.result


def _make_data(settings: Settings, say: Callable[[str], None]) -> None:
    from ml_assets.sources.churn import write

    folder = settings.demo_data / "churn"
    if not any(folder.glob("*.parquet")):
        say(f"{BATCH_DEMO}: making 24 months of customers in {folder}")
        write(folder)
