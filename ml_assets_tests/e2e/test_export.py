"""`ml-assets export`: a version runs elsewhere, and gives the same numbers in every format that it allows."""

from __future__ import annotations

import json
import os
import pickle
import runpy
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlparse

import pandas as pd
import pytest
import yaml

from ml_assets.cli.models import known_state
from ml_assets.evaluation.evaluate import predict
from ml_assets.registry.integrity import IntegrityError
from ml_assets.serving.live import load_version
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_ui import free_ports
from ml_assets_tests.support.command_line import ml_assets, shoppers

PROGRAM = """
import sys
sys.path[:] = [path for path in sys.path if path != {here!r}]
sys.path.insert(0, {folder!r})
from inference import ModelInference
model = ModelInference({folder!r})
import ml_assets, pandas as pd
assert ml_assets.__file__.startswith({folder!r}), ml_assets.__file__
assert "mlflow" not in sys.modules
model.predict(pd.read_csv({rows!r})).to_csv({answers!r}, index=False)
"""


def exported(form: str, folder: Path, name: str = "good") -> dict[str, object]:
    made = ml_assets("export", name, "--format", form, "--to", folder, "--json")
    assert made.code == 0, made.err
    return made.result


def expected(name: str = "good") -> list[float]:
    state = known_state(name)
    rows = state.store.read_frame("cleaned_features", "all")
    found = predict(state.registry.files.load(name, 1), rows)["probability_1"].tolist()
    return [float(each) for each in found]


def test_a_package_predicts_without_us_and_says_what_it_is(trained_shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "away" / "good"
    files = exported("package", folder)["files"]
    assert {
        "DEPLOYMENT.md", "Dockerfile", "app.py", "dvc.yaml", "evaluation.json", "inference.py", "library",
        "manifest.json", "model", "model_card.md", "report.html", "requirements.txt",
    } <= set(files)  # type: ignore[call-overload]  # fmt: skip
    answers = tmp_path / "answers.csv"
    program = PROGRAM.format(
        here="", folder=str(folder), rows=str(trained_shop.folder / "good.csv"), answers=str(answers)
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    assert pd.read_csv(answers)["probability_1"].tolist() == pytest.approx(expected(), abs=1e-12)
    needed = (folder / "requirements.txt").read_text()
    assert (
        "scikit-learn==" in needed and "mlflow" not in needed and all("==" in line for line in needed.split())
    )
    codes = shoppers(rows=4).assign(channel=["007", "None", "1e3", "web"])
    codes.to_csv(tmp_path / "codes.csv", index=False)
    subprocess.run(
        [sys.executable, "inference.py", tmp_path / "codes.csv", tmp_path / "told.csv"],
        cwd=folder, check=True, timeout=120,
    )  # fmt: skip
    told = pd.read_csv(tmp_path / "told.csv", dtype={"channel": str}, keep_default_na=False)
    assert told["channel"].tolist() == codes["channel"].tolist()  # neither 7 nor a missing value
    see = runpy.run_path(str(folder / "app.py"))["see"]
    see([{"age": 30, "spent": None, "channel": "web"}], ["age", "channel", "spent"])
    for row in ({"age": 30, "channel": "web"}, {"age": [30], "spent": 1, "channel": "web"}):
        with pytest.raises(ValueError, match=r"row 1 lacks spent|row 1: one value is wanted in age"):
            see([{"age": 30, "spent": 2, "channel": "web"}, row], ["age", "channel", "spent"])
    card = (folder / "model_card.md").read_text()
    assert "version 1" in card and "160 rows" in card and "| age | number |" in card and "roc_auc" in card
    stage = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]["predict"]
    assert "inference.py" in stage["deps"] and stage["outs"] == ["predictions.parquet"]
    (folder / "model" / "model.pkl").write_bytes(pickle.dumps(Evil(str(tmp_path / "unpickled"))))
    refused = subprocess.run(
        [sys.executable, "inference.py", trained_shop.folder / "good.csv", "b.csv"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert refused.returncode and "is not the file that was exported" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "unpickled").exists()


class Evil:
    """Unpickling leaves a trace."""

    def __init__(self, trace: str) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.trace,)


def test_no_way_to_a_prediction_unpickles_what_was_put_in_the_place_of_a_model(
    trained_shop: Shop, tmp_path: Path
) -> None:
    state, trace = known_state("good"), tmp_path / "unpickled"
    place = state.registry.files.location(state.registry.version("good", 1).model_uri)
    model = Path(unquote(urlparse(place).path)) / "model.pkl"
    model.write_bytes(pickle.dumps(Evil(str(trace))))
    rows = trained_shop.folder / "good.csv"
    for command in (
        ("export", "good", "--to", tmp_path / "a"),
        ("export", "good", "--format", "joblib", "--to", tmp_path / "b"),
        ("batch-inference", "--model", "good", "--source", rows, "--output", tmp_path / "c.parquet"),
        ("batch-inference", "--model", "good", "--source", rows, "--output", tmp_path / "c.csv"),
    ):
        assert "sha256" in ml_assets(*command, "--json").message, command
    for compiled in (True, False):  # a server, and a replay of what either way answered
        with pytest.raises(IntegrityError):
            load_version(state.registry, "good", 1, compiled=compiled)
    assert not trace.exists()
    with pytest.raises(FileExistsError):  # it would have left one
        trace.mkdir()
        pickle.loads(model.read_bytes())


def test_formats_give_the_same_numbers_or_are_refused_with_the_reason(
    trained_shop: Shop, tmp_path: Path
) -> None:
    text = (trained_shop.folder / "good.yaml").read_text().replace("name: good", "name: trees")
    text = text.replace("sklearn.linear_model.LogisticRegression", "xgboost.XGBClassifier")
    trees = trained_shop.write("trees.yaml", text.replace("C: 1.0", "n_estimators: 20"))
    assert ml_assets("train", "--recipe-file", trees, "--json").code == 0
    native = exported("native", tmp_path / "native", "trees")
    assert {"model.ubj", "preprocessor.joblib"} == set(native["files"])  # type: ignore[call-overload]
    assert native["largest_difference"] <= 1e-6  # type: ignore[operator]
    assert exported("joblib", tmp_path / "joblib")["files"] == ["model.joblib"]
    assert exported("pickle", tmp_path / "pickle")["files"] == ["model.pkl"]
    for arguments, words in (
        (("good", "--format", "native"), "LogisticRegression of sklearn has no file of its own"),
        (("good", "--format", "zip"), "found 'zip'; allowed: package, onnx, joblib, pickle, native, keras"),
        (("good", "--format", "h5"), "`--format keras` writes the file of Keras 3"),
        (
            ("good", "--format", "tflite"),
            "tflite: LogisticRegression is no network of Keras' layers: take joblib",
        ),
        (("good", "--to", str(tmp_path / "joblib")), "it is there already"),
        (("good", "--to", str(trained_shop.folder / "good.yaml" / "x")), "a part of the path is a file"),
        (("other",), "there is no model 'other' (known: "),
        (("good", "--version", "9"), "good has no version 9"),
    ):
        assert words in ml_assets("export", *arguments, "--json").message
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.extras
def test_onnx_gives_the_same_numbers(trained_shop: Shop, tmp_path: Path) -> None:
    made = exported("onnx", tmp_path / "onnx")
    assert {"model.onnx", "preprocessor.joblib"} == set(made["files"])  # type: ignore[call-overload]
    assert made["rows"] == 320 and made["largest_difference"] <= 1e-6  # type: ignore[operator]


@pytest.mark.slow
def test_a_package_is_installed_and_served_in_an_environment_of_its_own(
    trained_shop: Shop, tmp_path: Path
) -> None:
    folder = tmp_path / "away"
    exported("package", folder)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    needed = [
        argument
        for name in ("requirements.txt", "requirements-server.txt")
        for argument in ("-r", folder / name)
    ]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *needed], check=True, timeout=900)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    rows = shoppers()
    rows.to_csv(tmp_path / "rows.csv", index=False)
    subprocess.run(
        [python, "inference.py", tmp_path / "rows.csv", tmp_path / "out.csv"],
        cwd=folder, env=environ, check=True, timeout=300,
    )  # fmt: skip
    found = pd.read_csv(tmp_path / "out.csv")["probability_1"].tolist()
    assert found == pytest.approx(expected(), abs=1e-12)
    (port,) = free_ports(1)
    command = [python, "-m", "uvicorn", "--factory", "app:build", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=environ) as server:
        try:
            body = json.dumps({"rows": json.loads(rows.head(3).to_json(orient="records"))}).encode()
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/predict", body, {"content-type": "application/json"}
            )
            until = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(asked, timeout=10) as response:
                        answer = json.load(response)
                    break
                except urllib.error.URLError:
                    assert time.monotonic() < until and server.poll() is None
                    time.sleep(0.1)
            for wrong in (b'{"rows": NaN}', b'{"rows": [], "rows": []}', b"[" * 100_000):
                with pytest.raises(urllib.error.HTTPError, match="400"):
                    urllib.request.urlopen(urllib.request.Request(asked.full_url, wrong), timeout=10)
        finally:
            server.terminate()
    assert [one["probability_1"] for one in answer["predictions"]] == pytest.approx(expected()[:3], abs=1e-9)
