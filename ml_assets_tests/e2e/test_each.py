"""One recipe with `foreach`, from the file to champions of two shops, while a third one has no rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.cli.code_server import recipe_sights
from ml_assets.cli.models import known_state, statuses
from ml_assets.cli.train import train_recipe, train_text
from ml_assets.cli.validate import validate_files
from ml_assets.failures import WrongUsageError
from ml_assets.orchestration.location import build_definitions
from ml_assets.settings import read_settings

RECIPE = """name: sales
model:
  class_path: sklearn.linear_model.Ridge
  loader: {source_uri: sales.csv}
  data_interface: {task_type: regression, target_col: sold}
foreach: {column: shop, values: [berlin, paris, oslo]}
"""


def sales() -> pd.DataFrame:
    random = np.random.default_rng(0)
    shops = np.repeat(["berlin", "paris", "rome"], [120, 150, 30])
    visits = random.normal(size=len(shops))
    slope = np.where(shops == "berlin", 2.0, -2.0)
    return pd.DataFrame(
        {"shop": shops, "visits": visits, "sold": slope * visits + random.normal(size=len(shops))}
    )


def test_each_shop_has_a_model_of_its_own_rows(
    tmp_path: Path, mlflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ML_ASSETS_HOME", str(mlflow_home))
    monkeypatch.setenv("ML_ASSETS_RECIPES", str(tmp_path))
    sales().to_csv(tmp_path / "sales.csv", index=False)
    recipe, said = tmp_path / "sales.yaml", []
    recipe.write_text(RECIPE)

    (report,) = validate_files([recipe], read_settings())
    (error,) = report["errors"]
    assert (
        "sales.csv where shop is 'oslo': there are no rows" in error["message"]
        and "(sales_oslo)" in error["message"]
    )
    assert "rows and no model: 'shop' has rome (30)." in " ".join(report["hints"])

    recipe.write_text(RECIPE.replace("column: shop", "column: shopp"))
    (report,) = validate_files([recipe], read_settings())
    (error,) = report["errors"]
    assert f"{recipe}:6 foreach.column: " in error["message"]
    assert "sales.csv has no column 'shopp'. Did you mean 'shop'?" in error["message"]
    recipe.write_text(RECIPE)

    result = train_recipe(recipe, said.append)
    assert json.loads(json.dumps(result)) == result
    assert [(model["name"], model["promoted"]) for model in result["models"]] == [
        ("sales_berlin", True),
        ("sales_paris", True),
    ]
    assert (
        list(result["failed"]) == ["sales_oslo"]
        and "6 foreach.values: there is no row" in result["failed"]["sales_oslo"]
    )
    assert "sales_oslo failed" in train_text(result) and "sales_paris" in train_text(result)
    for name, rows in (("sales_berlin", 120), ("sales_paris", 150)):
        state = known_state(name)
        frame = state.store.read_frame("raw_data", "all")
        assert len(frame) == rows and set(frame["shop"]) == {name.removeprefix("sales_")}
        assert state.registry.champion(name).version == 1
    assert {row.name: row.champion_version for row in statuses(None)} == {
        "sales_berlin": 1, "sales_paris": 1, "sales_oslo": None,
    }  # fmt: skip

    again = train_recipe(recipe, said.append, ["sales_paris"])
    assert [(model["name"], model["version"]) for model in again["models"]] == [("sales_paris", 2)]
    with pytest.raises(WrongUsageError, match=r"--only sales_pari: .* Did you mean 'sales_paris'\?"):
        train_recipe(recipe, said.append, ["sales_pari"])

    settings = read_settings()
    keys = {key.path[0] for key in build_definitions(settings).resolve_all_asset_keys()}
    assert {"sales_berlin", "sales_paris", "sales_oslo"} <= keys
    before = recipe_sights(settings)
    recipe.write_text(RECIPE.replace("oslo", "rome"))
    assert recipe_sights(settings) != before and known_state("sales_rome").path == recipe
