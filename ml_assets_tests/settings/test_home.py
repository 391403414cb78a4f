"""A home that can hold no databases is refused in one line that names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml_assets.orchestration.runs import open_instance, prepare_home
from ml_assets.registry.database import configure
from ml_assets.settings import Settings, SettingsError, read_settings
from ml_assets.settings.home import addressed
from ml_assets_tests.support.command_line import ml_assets_process


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (os.fsdecode(b"caf\xe9"), "caf\\udce9 has '\\udce9' in it"),
        ("file", "file is no folder"),
        ("file/below", "file is no folder"),
        ("/dev/null", "/dev/null is no folder"),
        ("/dev/null/below", "/dev/null is no folder"),
        ("nowhere", "nowhere is no folder"),
        ("nowhere/below", "nowhere is no folder"),
        ("itself", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
        ("d/" * 1200, "folders deep"),
        ("~nobody_there/x", "does not know that user"),
    ],
)
def test_a_home_that_holds_no_database_is_refused_in_one_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "nowhere").symlink_to("not there")
    (tmp_path / "itself").symlink_to("itself")
    home = name if name.startswith(("/", "~")) else f"{tmp_path}/{name}"
    with pytest.raises(SettingsError) as caught:
        read_settings({"ML_ASSETS_HOME": home})
    assert words in str(caught.value)
    assert str(caught.value).startswith("ML_ASSETS_HOME: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["a b", "a%b", "a#b", "é", "a'b", 'a"b', "a;b&c=d", "new/folder/in/folders", "a?b", "a%20b/c"]
)
def test_other_homes_are_homes(tmp_path: Path, name: str) -> None:
    assert read_settings({"ML_ASSETS_HOME": f"{tmp_path}/{name}"}).home == tmp_path / name


@pytest.mark.parametrize(
    "name", ["hö me #1 (50%) ?", "p%20q", "a?mode=ro", "new?/folder", "a [v2] & b", "a*b"]
)
def test_everything_lies_in_a_home_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The address of a database has another meaning for some characters; artifacts have addresses of their own."""
    import mlflow

    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for variable in ("DAGSTER_HOME", "ML_ASSETS_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(variable, "")
    here = tmp_path / "here"
    here.mkdir()
    settings = Settings(home=here / name)
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("months", ["2024-01"])
        assert instance.get_dynamic_partitions("months") == ["2024-01"]
        assert not instance.telemetry_enabled  # it has found its settings
    client = configure(settings)
    experiment = client.create_experiment("shop", (settings.mlflow_artifacts / "shop").as_uri())
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "kept", "note.txt")
    place = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="note.txt", tracking_uri=settings.tracking_uri
    )
    assert Path(place).read_text() == "kept"
    assert [path.name for path in here.iterdir()] == [Path(name).parts[0]]
    assert {path.name for path in settings.home.iterdir()} >= {"artifacts", "dagster", "locks", "mlflow.db"}
    assert list(settings.mlflow_artifacts.rglob("note.txt"))


def test_a_link_to_a_home_that_another_made_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    home = tmp_path / "a?"
    link = addressed(home)
    assert link.readlink() == home
    assert addressed(home) == link
    link.unlink()
    link.symlink_to(tmp_path / "elsewhere")
    assert addressed(home).parent != link.parent
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary?"))
    with pytest.raises(SettingsError, match="no folder for a link to it can be written"):
        addressed(home)


@pytest.mark.parametrize("variable", ["ML_ASSETS_HOME", "ML_ASSETS_RECIPES"])
def test_a_current_folder_that_was_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(SettingsError, match="current folder was deleted"):
        read_settings({"ML_ASSETS_HOME": str(tmp_path)} | {variable: "here"})


@pytest.mark.parametrize("home", [Path("/proc/nowhere"), Path("/sys/nowhere")])
def test_a_home_that_cannot_be_made_is_told_in_one_line(home: Path) -> None:
    with pytest.raises(SettingsError, match=f"{home} cannot be used: .* Choose a folder you may write to"):
        prepare_home(Settings(home=home))


@pytest.mark.parametrize("command", [["status"], ["validate"], ["explain", "iris"]])
def test_the_command_says_it_in_one_line(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "file"))
    failed = ml_assets_process(*command, folder=tmp_path)
    assert failed.code == 2
    assert (
        failed.err
        == f"ML_ASSETS_HOME: {tmp_path / 'file'} is no folder. Choose another place, or remove it\n"
    )
