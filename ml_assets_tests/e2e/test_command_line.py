"""The command as programs see it: keys, exit codes, stdout for results only."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer.main

from ml_assets.cli.app import app
from ml_assets.settings import DEMO_RECIPES
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import Outcome, ml_assets, ml_assets_process, shoppers

COMMANDS = tuple(typer.main.get_group(app).commands)
TRAIN = {
    "name",
    "version",
    "promoted",
    "reason",
    "metrics",
    "intervals",
    "baseline",
    "mlflow_run_id",
    "seconds",
}
BACKFILL = {"name", "metric", "live_score", "never_retrained", "retrains", "batches"}
BATCH = {
    "batch", "rows", "live_score", "drift_alarm", "faults", "decision", "reasons", "champion_version",
}  # fmt: skip
AB = ("start", "status", "stop")
STATUS = {
    "name", "champion_version", "trained_at", "metric", "holdout_score", "live_score", "drift", "status",
    "last_decision",
}  # fmt: skip
MONTHLY = (
    "batches: {column: day, period: monthly}\ntraining: {window: 3}\nmonitoring: {min_rows: 50}\n"
    "retraining: {max_age: off}"
)


@pytest.mark.parametrize(
    "command", [each for each in COMMANDS if each != "ab"] + [f"ab {each}" for each in AB]
)
def test_every_command_has_help(command: str, shop: Shop) -> None:
    shown = ml_assets(*command.split(), "--help")
    assert shown.code == 0
    assert "Usage" in shown.out
    assert not shown.err
    if command not in ("ui", "serve", "dashboard"):
        assert "--json" in re.sub(r"\x1b\[[0-9;]*m", "", shown.out)


def test_help_names_every_command(shop: Shop) -> None:
    shown = ml_assets("--help").out
    assert [command for command in COMMANDS if command not in shown] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("trian",),
        ("train",),
        ("train", "--recipe-file", "good.yaml", "--fast"),
        ("rollback", "good", "--to", "first"),
        ("backfill",),
        ("backfill", "good", "--recipe-file", "good.yaml"),
        ("train", "--recipe-file", "missing.yaml"),
        ("validate", "missing.yaml"),
        ("dashboard", "--port", "99999"),
        ("serve", "good", "--port", "0"),
        ("train", "--recipe-file", "good.yaml", "--context-params", "{"),
        ("train", "--recipe-file", "good.yaml", "--context-params", "[1]"),
        ("train", "--recipe-file", "good.yaml", "--context-params", '{"limit": 1}'),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_two(arguments: tuple[str, ...], shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
    failed = ml_assets(*arguments)
    assert failed.code == 2
    assert "Traceback" not in failed.out + failed.err
    assert failed.err.strip() or arguments[0] == "validate"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trian", "--json"), "No such command 'trian'. Did you mean 'train'"),
        (("--json",), "No such option: --json"),
        (("train", "--json"), "Missing option '--recipe-file'"),
        (("promote", "good", "--json"), "Missing argument 'VERSION'"),
        (("train", "--recipe-file", "good.yaml", "--json", "--fast"), "No such option: --fast"),
        (("rollback", "good", "--to", "first", "--json"), "Invalid value for '--to'"),
        (("status", "good", "bad", "--json"), "unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_a_json_object_too(arguments: tuple[str, ...], words: str) -> None:
    failed = ml_assets(*arguments)
    assert failed.code == 2
    assert words in failed.message
    assert "Usage" in failed.err
    assert "{" not in ml_assets(*(word for word in arguments if word != "--json")).out


@pytest.mark.parametrize("command", ["status", "explain", "rollback", "backfill"])
def test_unknown_model_is_answered_with_the_nearest_name(command: str, shop: Shop) -> None:
    failed = ml_assets(command, "god", "--json")
    assert failed.code == 2
    assert "there is no model 'god'" in failed.message
    assert "Did you mean 'good'?" in failed.message
    assert failed.err.strip() == failed.message


def check_train(trained: Outcome) -> None:
    result = trained.result
    assert set(result) >= TRAIN
    assert (result["name"], result["version"], result["promoted"]) == ("good", 1, True)
    assert set(result["metrics"]) == set(result["intervals"]) == set(result["baseline"])
    assert {"roc_auc", "accuracy"} <= set(result["metrics"])
    for name, (low, high) in result["intervals"].items():
        assert low <= result["metrics"][name] <= high
    assert result["reason"]
    assert result["seconds"] > 0
    assert re.fullmatch(r"[0-9a-f]{32}", result["mlflow_run_id"])


def test_train_status_explain(shop: Shop) -> None:
    trained = ml_assets("train", "--recipe-file", shop.folder / "good.yaml", "--json")
    assert trained.code == 0
    check_train(trained)
    assert len(trained.out.splitlines()) == 1
    assert "training on all rows" in trained.err
    status = ml_assets("status", "--json")
    [row] = status.result["recipes"]
    assert set(row) >= STATUS
    assert (row["name"], row["champion_version"], row["status"]) == ("good", 1, "serving")
    assert row["holdout_score"] == trained.result["metrics"]["roc_auc"]
    assert {"action", "at", "reason"} <= set(row["last_decision"])
    assert not status.err
    explained = ml_assets("explain", "good", "--json")
    assert explained.code == 0
    assert "first model" in explained.result["text"]
    assert explained.result["recipe"] == "good"
    by_id = ml_assets("explain", "good", "--decision", explained.result["decision_id"], "--json")
    assert by_id.result["id"] == explained.result["id"]
    absent = ml_assets("explain", "good", "--decision", "nothing", "--json")
    assert absent.code == 1
    assert "no entry 'nothing' of it: `ml-assets explain good` names" in absent.message


def test_words_for_people_go_to_stdout_and_progress_to_stderr(shop: Shop) -> None:
    trained = ml_assets("train", "--recipe-file", shop.folder / "good.yaml")
    assert trained.out.startswith("good version 1 is champion now: first model")
    assert re.search(r"^roc_auc +0\.\d+ ", trained.out, re.MULTILINE)
    assert "training on all rows" in trained.err
    assert "training on all rows" not in trained.out
    shown = ml_assets("status")
    assert shown.out.splitlines()[0].split()[:2] == ["name", "champion"]
    assert "good" in shown.out
    said = ml_assets("validate", shop.folder / "good.yaml").out.splitlines()
    assert said[0].endswith("good.yaml: ok") and said[1:] == ["  looked at all 200 rows"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(shown.out.splitlines()[-1])


def test_nothing_to_go_back_to_is_one_message(trained_shop: Shop) -> None:
    failed = ml_assets("rollback", "good", "--json")
    assert failed.code == 1
    assert "nothing to go back to" in failed.message
    assert failed.err.strip() == failed.message
    unknown = ml_assets("rollback", "good", "--to", "7", "--json")
    assert unknown.code == 1
    assert "7" in unknown.message


def test_nothing_to_go_back_to_before_the_first_model(shop: Shop) -> None:
    failed = ml_assets("rollback", "good", "--json")
    assert failed.code == 1
    assert "good" in failed.message
    explained = ml_assets("explain", "good", "--json")
    assert explained.code == 1
    assert "the ledger has no decision yet" in explained.message


def changed_shoppers() -> pd.DataFrame:
    """Shoppers who buy for the opposite reasons: the model of before is wrong about them."""
    frame = shoppers(600, 5)
    return frame.assign(bought=1 - frame["bought"])


def test_rollback_restores_the_champion_before(trained_shop: Shop) -> None:
    shop = trained_shop
    path = shop.recipe("good", changed_shoppers())
    second = ml_assets("train", "--recipe-file", path, "--json")
    assert (second.result["version"], second.result["promoted"]) == (2, True), second.result["reason"]
    before = ml_assets("status", "good", "--json").result["recipes"][0]
    assert before["champion_version"] == 2
    undone = ml_assets("rollback", "good", "--json")
    assert undone.code == 0
    wanted = {"name": "good", "from_version": 2, "champion_version": 1}
    assert undone.result.items() >= (wanted | {"changed": True}).items()
    [row] = ml_assets("status", "good", "--json").result["recipes"]
    assert row["champion_version"] == 1
    assert row["last_decision"]["action"] == "rollback"
    again = ml_assets("rollback", "good", "--json")
    assert again.code == 0
    assert again.result.items() >= (wanted | {"changed": False}).items()
    assert "nothing was changed" in ml_assets("rollback", "good").out
    forward = ml_assets("rollback", "good", "--to", "2", "--json")
    assert forward.result["champion_version"] == 2


def test_after_a_lost_registry_the_model_is_trained_again(trained_shop: Shop) -> None:
    for path in trained_shop.home.glob("mlflow.db*"):
        path.unlink()
    said = (
        f"good: {trained_shop.home}/mlflow.db has no version 1, which the ledger has as champion. Restore it"
    )
    status = ml_assets("status", "--json")
    assert (status.code, status.result["recipes"][0]["status"]) == (1, "lost")
    assert status.err.startswith(said)
    rollback = ml_assets_process("rollback", "good", "--json")
    assert rollback.code == 1
    assert rollback.message.startswith(said)
    assert "train the model again" in rollback.message
    path = trained_shop.folder / "good.yaml"
    trained = ml_assets_process("train", "--recipe-file", path, "--json")
    assert (trained.code, trained.result["version"], trained.result["promoted"]) == (0, 2, True)
    assert "good has lost its champion 1" in trained.err
    [row] = ml_assets("status", "--json").result["recipes"]
    assert (row["champion_version"], row["status"]) == (2, "serving")


def test_backfill(shop: Shop) -> None:
    months = [shoppers(160, month).assign(day=f"2024-0{month}-15") for month in (1, 2, 3)]
    path = shop.recipe("monthly", pd.concat(months), **{"training: {window: all}": MONTHLY})
    walked = ml_assets("backfill", "--recipe-file", path, "--json")
    assert walked.code == 0
    result = walked.result
    assert set(result) >= BACKFILL
    assert (result["name"], result["metric"], result["retrains"]) == ("monthly", "roc_auc", 0)
    assert [row["batch"] for row in result["batches"]] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    for row in result["batches"]:
        assert set(row) >= BATCH
        assert row["decision"] in ("none", "retrain", "blocked")
        assert row["rows"] == 160
        assert row["reasons"]
    assert result["batches"][0]["champion_version"] is None
    assert result["batches"][2]["champion_version"] == 1
    assert len(walked.err.splitlines()) >= 3
    again = ml_assets("backfill", "monthly", "--json")
    assert again.result == result
    assert "1/3" in again.err
    outside = ml_assets("backfill", "monthly", "--from", "2030-01-01", "--json")
    assert outside.code == 2
    assert "no batch from 2030-01-01; there are 2024-01-01 to 2024-03-01" in outside.message
    for option in ("--from", "--to"):
        slip = ml_assets("backfill", "monthly", option, "2024-13-01", "--json")
        assert slip.code == 2 and f"{option} '2024-13-01': write" in slip.message
    apart = ml_assets("diff", "monthly", "other.yaml", "--json")
    assert apart.code == 2 and "`ml-assets diff monthly`" in apart.message
    static = ml_assets("backfill", "good", "--json")
    assert static.code == 2
    assert "Use `ml-assets train --recipe-file FILE`" in static.message


@pytest.mark.parametrize("command", ["train", "backfill"])
def test_times_that_are_none_are_told_before_a_first_batch_is_missed(command: str, shop: Shop) -> None:
    frame = shoppers(60, 1).assign(day=202401)
    path = shop.recipe("monthly", frame, **{"training: {window: all}": MONTHLY})
    refused = ml_assets(command, "--recipe-file", path, "--json")
    assert refused.code == 1
    assert "column 'day' (batches.column): 202401 is" in refused.message


def test_validate_without_a_file_checks_every_recipe(shop: Shop, environment: pytest.MonkeyPatch) -> None:
    good = ml_assets("validate", "--json")
    assert good.code == 0
    [report] = good.result["files"]
    path, nothing = str(shop.folder / "good.yaml"), ([], [], [])
    assert (report["file"], report["ok"], report["looked_at"]) == (path, True, "all 200 rows")
    assert (report["errors"], report["notes"], report["hints"]) == nothing
    environment.setenv("ML_ASSETS_RECIPES", str(DEMO_RECIPES))
    files = ml_assets("validate", "--json").result["files"]
    assert {row["file"].rpartition("/")[2] for row in files} == {"churn.yaml", "diabetes.yaml", "iris.yaml"}


def test_the_installed_program(shop: Shop) -> None:
    command = [Path(sys.executable).parent / "ml-assets", "train", "--recipe-file", "good.yaml", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=shop.folder, check=False)
    trained = Outcome(ended.returncode, ended.stdout, ended.stderr)
    assert trained.code == 0
    check_train(trained)
    assert len(trained.out.splitlines()) == 1
    assert trained.err.splitlines() == ["good: training on all rows"]


def test_unusable_settings_are_wrong_usage(shop: Shop, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ML_ASSETS_TUNING_TIMEOUT", "soon")
    failed = ml_assets_process("status", "--json")
    assert failed.code == 2
    assert "ML_ASSETS_TUNING_TIMEOUT: 'soon' is not a number" in failed.message


def test_days_without_rows_do_not_stop_a_training(shop: Shop) -> None:
    generator = np.random.default_rng(3)
    days = pd.date_range("2024-01-01", "2024-01-21", freq="D")
    weekdays = days[days.dayofweek < 5].repeat(40)
    x = generator.normal(size=len(weekdays))
    y = (x + generator.normal(size=len(weekdays)) > 0).astype(int)
    folder = shop.folder
    pd.DataFrame({"day": weekdays, "x": x, "z": 1 / (2 + x**2), "y": y}).to_csv(
        folder / "week.csv", index=False
    )
    (folder / "week.yaml").write_text(
        "name: week\nmodel:\n  class_path: sklearn.linear_model.LogisticRegression\n"
        "  loader: {source_uri: week.csv}\n  data_interface: {task_type: classification, target_col: y}\n"
        "batches: {column: day, period: daily}\n"
    )
    trained = ml_assets("train", "--recipe-file", str(folder / "week.yaml"), "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"]
