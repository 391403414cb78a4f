"""A feature repository is named, read and trusted as the operator says; without Feast, its install command is told."""

from __future__ import annotations

import pickle
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml_assets.settings import Settings
from ml_assets.sources.feature_store.declared import declaration
from ml_assets.sources.feature_store.joined import join
from ml_assets.sources.feature_store.namespaces import time_of
from ml_assets.sources.feature_store.repository import opened
from ml_assets.sources.paths import SourceError
from ml_assets_tests.support.feature_stores import recipe_of, write_feast

GOOD = """\
project: shop
namespaces:
  users: {keys: [user_id], created: created, max_age: 90d}
  wares: {keys: [ware, shop], timestamp: since, table: stock.wares}
"""


def refusal(settings: Settings) -> SourceError:
    """What is said of a repository that cannot be opened."""
    with pytest.raises(SourceError) as caught, opened(settings):
        pass
    assert "\n" not in str(caught.value)
    return caught.value


def test_without_a_repository_the_setting_is_named(tmp_path: Path) -> None:
    error = refusal(Settings(home=tmp_path))
    assert error.key == "model.augmenter.type"
    assert "set ML_ASSETS_FEATURE_STORE" in error.message


def test_without_feast_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "feast", None)
    error = refusal(Settings(home=tmp_path, feature_store=tmp_path))
    assert "pip install 'ml_assets[feast]'" in error.message


def test_a_declaration_is_read(tmp_path: Path) -> None:
    place = tmp_path / "features.yaml"
    place.write_text(GOOD)
    said = declaration(place)
    assert said.project == "shop"
    assert said.namespaces["users"].ttl.days == 90
    assert said.namespaces["wares"].keys == ("ware", "shop")
    assert said.namespaces["wares"].ttl.days == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("keys: [user_id]", "key: [user_id]", "3 namespaces.users.key"),
        ("created: created", "creted: created", "unknown key 'creted'; allowed: keys, timestamp, created, max_age"),
        ("[user_id]", "[]", "features.yaml:3 namespaces.users.keys: "),
        ("90d", "ninety", "features.yaml:3 namespaces.users.max_age: found 'ninety'; allowed: minutes, hours"),
        ("stock.wares", "stock; DROP TABLE wares", "features.yaml:4 namespaces.wares.table: "),
        ("users:", "user-s:", "features.yaml:3 namespaces.user-s: "),
        ("project: shop", "projekt: shop", "yaml:1 projekt: unknown key 'projekt'; allowed: project, namespaces"),
        (GOOD, "project: shop\n", "namespaces: is missing"),
        (GOOD, "project: [", "features.yaml:2 "),
        (GOOD, "- 1\n", "features.yaml:1"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    place = tmp_path / "features.yaml"
    assert old in GOOD
    place.write_text(GOOD.replace(old, new))
    with pytest.raises(SourceError) as caught:
        declaration(place)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_the_time_of_a_row_is_the_recipes_own(tmp_path: Path) -> None:
    asked = {"users": ["age"]}
    batches = "batches: {column: day, period: daily}\n"
    assert time_of(recipe_of(asked)) == "event_timestamp"
    assert time_of(recipe_of(asked, batches)) == "day"


@pytest.mark.extras
def test_a_folder_without_a_repository_is_told(tmp_path: Path) -> None:
    error = refusal(Settings(home=tmp_path, feature_store=tmp_path))
    assert "holds neither feature_store.yaml nor features.yaml" in error.message


@pytest.mark.extras
def test_a_class_of_a_module_that_is_not_allowed_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_stores.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for key in ("provider", "offline_store", "online_store", "registry"):
        value = {"provider": "own_stores.Store", "registry": "{registry_type: own_stores.Store, path: r.db}"}
        text = {"project": "a", "provider": "local", "registry": "r.db"} | {
            key: value.get(key, "{type: own_stores.Store}")
        }
        (tmp_path / "feature_store.yaml").write_text(
            "".join(f"{name}: {said}\n" for name, said in text.items())
        )
        error = refusal(Settings(home=tmp_path, feature_store=tmp_path))
        assert "'own_stores.Store' is a class that Feast would import" in error.message, key
        assert "ML_ASSETS_MODULES=own_stores" in error.message
        assert "own_stores" not in sys.modules


class Trap:
    """A function, as a registry keeps it, that leaves a trace as soon as it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def double(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"age_twice": rows["age"] * 2})


def put(place: Path, trap: bytes) -> None:
    """Put a trap in the place of each function of a registry."""
    from feast.protos.feast.core.Registry_pb2 import Registry

    registry = Registry.FromString(place.read_bytes())
    for spec in (registry.on_demand_feature_views[0].spec, registry.feature_views[0].spec):
        spec.feature_transformation.user_defined_function.body = trap
        spec.feature_transformation.user_defined_function.name = "f"
        spec.feature_transformation.user_defined_function.body_text = ""
    place.write_bytes(registry.SerializeToString())


@pytest.mark.extras
@pytest.mark.filterwarnings("ignore")
def test_no_function_of_a_registry_is_loaded(tmp_path: Path) -> None:
    """Feast loads them all, whichever view is asked for: this test sees that it does."""
    import feast
    from feast.on_demand_feature_view import OnDemandFeatureView
    from feast.transformation.pandas_transformation import PandasTransformation

    table = pd.DataFrame({"user_id": [1], "event_timestamp": pd.to_datetime(["2024-01-01"]), "age": [30]})
    place = write_feast(tmp_path / "repository", {"users": table}, {"users": ["user_id"]})
    store = feast.FeatureStore(repo_path=str(place))
    twice = OnDemandFeatureView(
        name="twice",
        sources=[store.get_feature_view("users")],
        schema=[feast.Field(name="age_twice", dtype=feast.types.Int64)],
        feature_transformation=PandasTransformation(udf=double, udf_string="def double"),
        mode="pandas",
    )
    store.apply([twice])
    trace = tmp_path / "trace"
    put(place / "registry.db", pickle.dumps(Trap(trace)))
    settings = Settings(home=tmp_path, feature_store=place)
    rows = pd.DataFrame({"user_id": [1], "event_timestamp": ["2024-02-01"]})
    with opened(settings) as repository:
        assert join(rows, recipe_of({"users": ["age"]}), repository).columns["age"].tolist() == [30.0]
        with pytest.raises(
            SourceError, match="'twice' is an on-demand view: a Python function in the registry"
        ):
            join(rows, recipe_of({"twice": ["age_twice"]}), repository)
    assert not trace.exists()
    with suppress(Exception):  # what Feast then says of a trap is of no account
        feast.FeatureStore(repo_path=str(place)).get_historical_features(
            rows.assign(event_timestamp=pd.Timestamp("2024-02-01")), ["users:age"]
        )
    assert trace.exists(), "Feast does not load it: the copy of the registry is for nothing"
