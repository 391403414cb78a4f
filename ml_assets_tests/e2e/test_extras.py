"""A recipe whose estimator is of an optional library: trained where it is installed, else told how to install it."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from ml_assets.estimators.libraries import LIBRARIES
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import SMALL, ml_assets, shoppers
from ml_assets_tests.support.libraries import marks_of

OPTIONAL = {
    "lightgbm": "lightgbm.LGBMClassifier",
    "catboost": "catboost.CatBoostClassifier",
    "ml_assets": "ml_assets.networks.MLPClassifier",
}
QUICK = {"ml_assets": "max_epochs: 20"}


def written(shop: Shop, class_path: str) -> Path:
    shoppers(400).rename(columns={"spent": "spent [EUR]"}).to_csv(shop.folder / "light.csv", index=False)
    text = SMALL.format(name="light", data="light.csv")
    path = shop.folder / "light.yaml"
    path.write_text(
        text.replace("sklearn.linear_model.LogisticRegression", class_path).replace(
            "C: 1.0", QUICK.get(class_path.partition(".")[0], "n_estimators: 20")
        )
    )
    return path


@pytest.mark.parametrize("package", [pytest.param(package, marks=marks_of(package)) for package in OPTIONAL])
def test_trained_promoted_and_its_version_pinned(shop: Shop, package: str) -> None:
    path = written(shop, OPTIONAL[package])
    assert ml_assets("validate", path, "--json").code == 0
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    assert trained.result["class_path"] == OPTIONAL[package]
    (pinned,) = shop.home.rglob("requirements.txt")
    assert f"{LIBRARIES[package].distribution}==" in pinned.read_text()


@pytest.mark.skipif(
    find_spec("lightgbm") is not None, reason="says what is told where lightgbm is not installed"
)
def test_not_installed_is_told_with_the_command(shop: Shop) -> None:
    path = written(shop, OPTIONAL["lightgbm"])
    for arguments in (("validate", path), ("train", "--recipe-file", path)):
        outcome = ml_assets(*arguments, "--json")
        assert outcome.code != 0
        assert 'pip install "ml_assets[lightgbm]"' in outcome.out.replace("\\", ""), outcome.out
        assert "Traceback" not in outcome.out
