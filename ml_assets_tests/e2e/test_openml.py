"""`openml://`: real tables of OpenML, as scikit-learn ships them for its own tests, read without a network."""

from __future__ import annotations

import gzip
import json
import socket
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlparse

import pytest
import sklearn

from ml_assets.recipe.schema import Batches
from ml_assets.sources.known import OpenML
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import Source, open_source
from ml_assets.sources.streamed import streamed
from ml_assets.sources.wanted import Wanted
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets

SHIPPED = Path(sklearn.__file__).parent / "datasets" / "tests" / "data" / "openml"
API = "https://www.openml.org/api/v1/json/data"
TABLES = {"iris": 61, "cpu": 561}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    known = socket.getaddrinfo

    def asked(host: Any, *more: Any, **named: Any) -> Any:
        if "openml" in str(host):
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return known(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", asked)


def fetched(mirror: Path, name: str) -> None:
    """Lay down what a machine with a network keeps of a table."""
    number = TABLES[name]
    folder = SHIPPED / f"id_{number}"

    def keep(url: str, pattern: str) -> bytes:
        content = next(folder.glob(pattern)).read_bytes()
        place = mirror / "openml" / "openml.org" / (urlparse(url).path.lstrip("/") + ".gz")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return content

    told = json.loads(gzip.decompress(keep(f"{API}/{number}", f"api-v1-jd-{number}.json.gz")))
    for kind in ("features", "qualities"):
        keep(f"{API}/{kind}/{number}", f"api-v1-jd{kind[0]}-*.json.gz")
    for rest, mark in (("status/active/", "s-act-"), ("data_version/1", "dv-1")):
        keep(f"{API}/list/data_name/{name}/limit/2/{rest}", f"api-v1-jdl-*{mark}.json.gz")
    keep(told["data_set_description"]["url"], "data-v1-dl-*.arff.gz")


def source(mirror: Path, uri: str) -> Source:
    return open_source(Wanted(uri, mirror, mirror=mirror))


def test_a_table_is_read_from_its_copy_as_it_is_there(tmp_path: Path) -> None:
    fetched(tmp_path, "iris")
    for uri in ("openml://iris", "openml://iris/1", "OpenML://iris"):
        rows, account = source(tmp_path, uri).read()
        assert list(rows) == ["sepallength", "sepalwidth", "petallength", "petalwidth", "class"]
        assert rows["class"].value_counts().to_dict() == dict.fromkeys(
            ("Iris-setosa", "Iris-versicolor", "Iris-virginica"), 50
        )
        assert rows.iloc[0].tolist() == [5.1, 3.5, 1.4, 0.2, "Iris-setosa"]
        assert rows["class"].dtype == object and account.rows_given == 150
    fetched(tmp_path, "cpu")
    cpu = source(tmp_path, "openml://cpu").read().frame
    assert cpu.shape == (209, 8) and cpu["vendor"].dtype == object
    assert {str(cpu[name].dtype) for name in cpu if name != "vendor"} == {"Int64"}
    (table,) = streamed(Wanted("openml://iris", tmp_path, mirror=tmp_path), 1_000, ())
    assert table.num_rows == 150


def test_without_a_network_the_way_out_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        source(tmp_path, "openml://iris").read()
    told = str(error.value)
    assert told.startswith("source_uri 'openml://iris': openml.org cannot be reached (")
    assert f"or bring the folder {tmp_path}/openml/openml.org from a machine that has fetched it" in told
    with pytest.raises(SourceError, match="cannot be reached"):
        open_source(Wanted("openml://iris", tmp_path)).read()


@pytest.mark.parametrize(
    ("code", "words"),
    [(412, "No active dataset nothing found"), (404, "knows no such"), (503, "cannot be reached")],
)
def test_what_the_service_answers_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def answered(request: urllib.request.Request) -> Any:
        raise HTTPError(request.full_url, code, "no", {}, None)  # type: ignore[arg-type]  # headers of a test

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", answered)
    with pytest.raises(SourceError) as error:
        source(tmp_path, "openml://nothing").read()
    assert "nothing" in str(error.value) and "\n" not in str(error.value)
    assert words in str(error.value)


def test_a_table_has_no_batches_and_a_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="one table without times: remove the section `batches`"):
        OpenML(Wanted("openml://iris", tmp_path, Batches(column="day", period="daily")))
    for uri in ("openml://", "openml://61", "openml://../x", "openml://iris/0", "openml://iris/x"):
        with pytest.raises(SourceError, match="write the name as"):
            source(tmp_path, uri)


def test_a_model_is_trained_of_it(shop: Shop) -> None:
    fetched(shop.home / "mirror", "iris")
    path = shop.write(
        "flowers.yaml",
        """\
name: flowers
model:
  class_path: sklearn.linear_model.LogisticRegression
  loader: {source_uri: "openml://iris/1"}
  data_interface: {task_type: classification, target_col: class}
hyperparameter_tuning: {enabled: false}
""",
    )
    checked = ml_assets("validate", path)
    assert checked.code == 0, checked.err
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"] and trained.result["metrics"]["accuracy"] >= 0.9
    draft = shop.folder / "again.yaml"
    made = ml_assets("init", "again", "--data", "openml://iris", "--target", "class", "--recipe-file", draft)
    assert made.code == 0, made.err
    assert ml_assets("validate", draft).code == 0
