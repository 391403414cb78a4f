"""Weights & Biases: what is told of a training, and that nothing of it fails one."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from ml_assets.cli.models import known_state
from ml_assets.names import STATIC
from ml_assets.records import Evaluation
from ml_assets.registry import wandb_run
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import Outcome, ml_assets

KEY = "0123456789abcdef" * 2 + "01234567"


def records(place: Path) -> list[Any]:
    """What a run's file holds: a log as LevelDB writes it, in blocks of 32 KiB, with a head of 7 bytes."""
    from wandb.proto import wandb_internal_pb2 as proto

    content, at, whole, found = place.read_bytes(), 7, b"", []
    while at + 7 <= len(content):
        if (left := 32_768 - at % 32_768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found.append(proto.Record.FromString(whole))
            whole = b""
    return found


def trained(shop: Shop) -> Outcome:
    text = (shop.folder / "good.yaml").read_text()
    search = "{enabled: true, n_trials: 3, metric: roc_auc, direction: maximize}"
    text = text.replace("{enabled: false, metric: roc_auc, direction: maximize}", search)
    shop.write("good.yaml", text.replace("C: 1.0", "C: {type: float, low: 0.1, high: 2.0}"))
    return ml_assets("train", "--recipe-file", shop.folder / "good.yaml", "--json")


@pytest.mark.extras
def test_a_training_is_told_offline_and_read_back(shop: Shop, environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ML_ASSETS_WANDB_PROJECT": "shop",
        "WANDB_MODE": "offline",
        "WANDB_API_KEY": KEY,
    }.items():
        environment.setenv(name, value)
    outcome = trained(shop)
    assert outcome.code == 0, outcome.err
    (place,) = (shop.home / "wandb").glob("offline-run-*/*.wandb")
    known = records(place)
    (run,) = (record.run for record in known if record.WhichOneof("record_type") == "run")
    assert (run.project, run.run_group, run.job_type) == ("shop", "good", "promote")
    assert run.display_name.startswith("v1 champion")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["class_path"] == "sklearn.linear_model.LogisticRegression" and "params.C" in config
    summary = {
        item.key or item.nested_key[0]: json.loads(item.value_json)
        for record in known
        if record.WhichOneof("record_type") == "summary"
        for item in record.summary.update
    }
    evaluation = known_state("good").store.read_record("evaluation_report", STATIC, Evaluation)
    assert summary["holdout_roc_auc"] == pytest.approx(evaluation.scores["roc_auc"].value)
    (table,) = place.parent.rglob("trials*.table.json")
    assert [row[0] for row in json.loads(table.read_text())["data"]] == [0, 1, 2]
    assert list((place.parent / "files" / "media").rglob("*curves*"))
    (artifact,) = (record.artifact for record in known if record.artifact.type == "model")
    assert "v1" in artifact.aliases and artifact.name == "good"
    carried = {entry.path for entry in artifact.manifest.contents}
    assert any(path.endswith("MLmodel") for path in carried) and any(
        path.endswith(".html") for path in carried
    )
    assert not [path for path in carried if path.endswith(("rows.parquet", ".csv"))]
    for path in (shop.home / "wandb").rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


@pytest.mark.extras
def test_a_service_that_does_not_answer_fails_no_training(
    shop: Shop, environment: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_run, "SENT", 3.0)
    notes, send = [], wandb_run.send
    monkeypatch.setattr(
        wandb_run, "send", lambda *told, **more: notes.append(send(*told, **more)) or notes[-1]
    )
    told = {"ML_ASSETS_WANDB_PROJECT": "shop", "WANDB_API_KEY": KEY, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    for name, value in told.items():
        environment.setenv(name, value)
    outcome = trained(shop)
    assert outcome.code == 0 and outcome.result["promoted"], outcome.err
    (note,) = notes
    assert note.startswith("not sent (no answer in 3 seconds); kept in ") and "`wandb sync " in note
    assert KEY not in outcome.err + outcome.out + note
    assert len(list((shop.home / "wandb").glob("offline-run-*/*.wandb"))) == 1


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="says what is told without it")
def test_not_installed_is_told_before_anything_is_trained(
    shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("ML_ASSETS_WANDB_PROJECT", "shop")
    for arguments in (
        ("validate", shop.folder / "good.yaml"),
        ("train", "--recipe-file", shop.folder / "good.yaml"),
    ):
        outcome = ml_assets(*arguments, "--json")
        assert outcome.code, arguments
        assert "ml_assets[wandb]" in outcome.out + outcome.err
    assert not list((shop.home / "studies").rglob("*.journal"))


def test_a_mode_that_is_none_is_told_with_those_that_are(shop: Shop, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ML_ASSETS_WANDB_PROJECT", "shop")
    environment.setenv("WANDB_MODE", "off")
    message = ml_assets("status", "--json").message
    assert "WANDB_MODE: found 'off'; allowed: online, offline, disabled" in message
