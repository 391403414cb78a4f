"""What a person finds in MLflow: what came of each run on the row that is listed, the report, who is in charge."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest

from ml_assets.cli.models import known_state
from ml_assets.evaluation.evaluate import predict
from ml_assets.registry.run_page import NOTE
from ml_assets.settings import read_settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.pages import client_of, section
from ml_assets_tests.support.places import listed_runs
from ml_assets_tests.support.reports import records_of, told_by

PNG = b"\x89PNG"


def test_the_listed_run_tells_what_came_of_a_training(trained_shop: Shop, tmp_path: Path) -> None:
    client = known_state("good").registry.client
    (run,) = listed_runs(client, "good")
    assert run.info.run_name.startswith("v1 champion · ") and run.info.status == "FINISHED"
    assert run.data.tags["outcome"] == "promote" and run.data.tags[NOTE].startswith("first model")
    assert {"holdout_roc_auc", "gate_rows"} <= set(run.data.metrics)

    version = client.get_model_version_by_alias("good", "champion")
    source = client.get_run(version.run_id)
    assert source.data.metrics["holdout_roc_auc"] == run.data.metrics["holdout_roc_auc"]
    for run_id in (run.info.run_id, version.run_id):
        folder = Path(client.download_artifacts(run_id, "report", str(tmp_path)))
        report = (folder / "evaluation_report.md").read_text()
        assert report.startswith("# good, version 1, is champion now\n") and "|  200 | in the files" in report
        kept = known_state("good").store.file("evaluation_report", "all", "version_1.html")
        assert kept.read_text() == (folder / "report.html").read_text()
        told_by(records_of(known_state("good"), 1), kept.read_text(), report)
        assert (folder / "data_profile.html").read_text().startswith("<!DOCTYPE html>")
        history = json.loads((folder / "training_history.json").read_text())
        assert history["tuning"] is None and len(history["cv_scores"]) == 5
        assert (folder / "curves.svg").read_bytes().startswith(b"<svg")
        assert (folder / "confusion_matrix.png").read_bytes().startswith(PNG)
    first = version.description.splitlines()[0]
    assert first.startswith("roc_auc 0.") and "rows it had not seen; 0.5 without looking" in first
    assert "The gate: promote. First model" in version.description
    model = client.get_registered_model("good")
    assert model.description.startswith("Predicts `bought` (classification), judged by roc_auc.")
    assert model.tags["in charge"].startswith("version 1, promoted ")


def test_a_standard_client_gets_the_predictions_that_the_graph_makes(trained_shop: Shop) -> None:
    import mlflow

    state = known_state("good")
    mlflow.set_tracking_uri(state.settings.tracking_uri)  # that is all that such a client is told
    model = mlflow.pyfunc.load_model("models:/good@champion")
    raw = pd.read_csv(trained_shop.folder / "good.csv")
    trained, files = state.registry.version("good", 1).trained, state.registry.files
    # Python compiles what such a client imports, beside it, unless it is told not to.
    compiled = Path(unquote(urlsplit(files.location(trained.model_uri)).path)) / "code" / "__pycache__"
    compiled.mkdir(exist_ok=True)
    (compiled / "module.pyc").write_bytes(b"")
    with files.verified_model(trained, "good") as folder:
        assert not [*folder.rglob(compiled.name)]
    ours = predict(files.load("good", 1), state.store.read_frame("cleaned_features", "all"))
    assert [str(label) for label in model.predict(raw)] == ours["prediction"].tolist()
    assert model.predict(raw).dtype == raw["bought"].dtype


def test_the_one_that_lost_and_the_one_that_is_back_are_told(trained_shop: Shop, tmp_path: Path) -> None:
    client = known_state("good").registry.client
    learned = section(client_of(read_settings()).get("/models/good").text, "data")
    assert learned.startswith("What it learned from Version 1 learned")
    assert not ml_assets("train", "--recipe-file", trained_shop.folder / "good.yaml", "--json").result[
        "promoted"
    ]
    (lost, _) = listed_runs(client, "good")
    assert lost.info.run_name.split(" · ")[0] in ("v2 kept out", "v2 unclear")
    first, second = (
        known_state("good").store.file("evaluation_report", "all", f"version_{n}.html").read_text()
        for n in (1, 2)
    )
    assert (
        "good, version 1, is champion now" in first and "good, version 2, did not become champion" in second
    )
    frame: pd.DataFrame = shoppers(600, 5)
    path = trained_shop.recipe("good", frame.assign(bought=1 - frame["bought"]))
    assert ml_assets("train", "--recipe-file", path, "--json").result["promoted"]
    won = listed_runs(client, "good")[0].data.metrics
    assert won["gate_challenger_roc_auc"] - won["gate_champion_roc_auc"] == pytest.approx(won["gate_gain"])
    assert ml_assets("rollback", "good", "--json").code == 0
    told = client.get_registered_model("good").tags["in charge"]
    assert told.startswith("version 1, back in charge ") and told.endswith("(command line): asked for")
    pages = client_of(read_settings())
    assert section(pages.get("/models/good").text, "data") == learned, (
        "told of version 1, whatever came after it"
    )
    shown = [pages.get(f"/models/good/versions/{number}/data").text for number in (1, 2, 3)]
    for number, page in enumerate(shown, 1):
        run_id = client.get_model_version("good", str(number)).run_id
        folder = Path(client.download_artifacts(run_id, "report", str(tmp_path)))
        assert page == (folder / "data_profile.html").read_text()
    assert shown[0] != shown[2]
