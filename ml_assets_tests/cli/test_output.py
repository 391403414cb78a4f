"""What a person sees of the log."""

import logging
from pathlib import Path

import pytest

from ml_assets.cli.output import log_to_stderr
from ml_assets.orchestration.runs import prepare_home
from ml_assets.settings import read_settings

SET_BY_A_HOME = ("DAGSTER_HOME", "ML_ASSETS_HOME", "OMP_NUM_THREADS", "DO_NOT_TRACK")


def test_a_new_home_is_one_plain_line_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in SET_BY_A_HOME:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(logging.root, "handlers", [])
    log_to_stderr("INFO")
    settings = read_settings({"ML_ASSETS_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    told = capsys.readouterr().err
    assert (
        told.startswith(f"{tmp_path / 'home'} is a new home, without any model yet") and told.count("\n") == 1
    )
    prepare_home(settings)
    logging.getLogger("ml_assets").warning("look")
    assert capsys.readouterr().err == "WARNING: look\n"
