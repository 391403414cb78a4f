"""A recipe whose estimator is of an optional library: trained where it is installed, else told how to install it."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import SMALL, ml_assets, shoppers

ENGINES = ("flaml", "hyperopt")
NETWORK = "ml_assets.networks.MLPClassifier"
OPTIONAL = {
    "lightgbm": ("lightgbm.LGBMClassifier", "n_estimators: 20"),
    "catboost": ("catboost.CatBoostClassifier", "n_estimators: 20"),
    "torch": (NETWORK, "max_epochs: 20"),
    "keras": (NETWORK, "max_epochs: 20, library: keras"),
}
"""A class of each distribution, with hyperparameters."""


def written(shop: Shop, class_path: str, hyperparameters: str) -> Path:
    shoppers(400).rename(columns={"spent": "spent [EUR]"}).to_csv(shop.folder / "light.csv", index=False)
    text = SMALL.format(name="light", data="light.csv")
    path = shop.folder / "light.yaml"
    path.write_text(
        text.replace("sklearn.linear_model.LogisticRegression", class_path).replace("C: 1.0", hyperparameters)
    )
    return path


@pytest.mark.extras
@pytest.mark.parametrize("distribution", OPTIONAL)
def test_trained_promoted_and_its_version_pinned(shop: Shop, distribution: str) -> None:
    class_path, hyperparameters = OPTIONAL[distribution]
    path = written(shop, class_path, hyperparameters)
    assert ml_assets("validate", path, "--json").code == 0
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    assert trained.result["class_path"] == class_path
    (pinned,) = shop.home.rglob("requirements.txt")
    assert f"{distribution}==" in pinned.read_text()


def with_engine(shop: Shop, engine: str) -> Path:
    """An automatic search by an engine; of three folds none is sure that a family is far behind, and leaves trials."""
    path = written(shop, "", "")
    text = path.read_text().replace("  class_path: \n", "").replace("  hyperparameters: {}\n", "")
    text = text.replace("{enabled: false,", f"{{engine: {engine}, n_trials: 24, timeout: 600,")
    path.write_text(text.replace("{window: all}", "{window: all, folds: 3}"))
    return path


@pytest.mark.extras
@pytest.mark.parametrize("engine", ENGINES)
def test_the_automatic_search_goes_through_an_engine(shop: Shop, engine: str) -> None:
    path = with_engine(shop, engine)
    assert ml_assets("validate", path, "--json").code == 0
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    studies = list((shop.home / "studies").rglob("*.journal"))
    assert len(studies) > 3
    assert sum(place.read_text().count('"place"') for place in studies) == 24


def by_workers(shop: Shop) -> Path:
    """XGBoost searched and fitted by a Dask cluster; there are rows for two workers."""
    path = written(shop, "xgboost.XGBClassifier", "n_estimators: 20, max_depth: {type: int, low: 2, high: 4}")
    shoppers(3_000).to_csv(shop.folder / "light.csv", index=False)
    text = path.read_text().replace("{enabled: false,", "{n_trials: 3, parallelization: {n_jobs: 2},")
    path.write_text(text.replace("{window: all}", "{window: all, folds: 2, engine: dask}"))
    return path


@pytest.mark.extras
def test_what_a_cluster_s_workers_fit_is_trained_and_answers_as_any_other(shop: Shop) -> None:
    path = by_workers(shop)
    assert ml_assets("validate", path, "--json").code == 0
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    (report,) = shop.home.rglob("version_1.html")
    assert "fitted by xgboost.dask; workers with a part of the rows: 2" in report.read_text()
    assert ml_assets("export", "light", "--to", shop.folder / "away", "--json").code == 0


def not_there(distribution: str) -> object:
    told = f"says what is told where {distribution} is not installed"
    return pytest.param(
        distribution, marks=pytest.mark.skipif(find_spec(distribution) is not None, reason=told)
    )


@pytest.mark.parametrize("distribution", [not_there(each) for each in ("lightgbm", *ENGINES, "dask")])
def test_not_installed_is_told_with_the_command(shop: Shop, distribution: str) -> None:
    if distribution == "dask":
        path = by_workers(shop)
    elif distribution in ENGINES:
        path = with_engine(shop, distribution)
    else:
        path = written(shop, *OPTIONAL[distribution])
    for arguments in (("validate", path), ("train", "--recipe-file", path)):
        outcome = ml_assets(*arguments, "--json")
        assert outcome.code != 0
        assert f'pip install "ml_assets[{distribution}]"' in outcome.out.replace("\\", ""), outcome.out
        assert "Traceback" not in outcome.out
