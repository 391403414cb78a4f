"""A table of people with several rows each: whole people are held out, and judge two models that know none of them."""

import numpy as np

from ml_assets.cli.models import known_state
from ml_assets.recipe.loading import parse_recipe
from ml_assets.training.splits import split
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import SMALL, ml_assets
from ml_assets_tests.training.test_groups import people

GROUPED = SMALL.replace("target_col: bought", "target_col: target, entity_cols: [who]").replace(
    "accuracy]", "accuracy], validation: {{method: group_split, random_state: 42}}"
)


def test_two_models_are_judged_on_people_whom_neither_knows(shop: Shop) -> None:
    path = shop.folder / "people.yaml"
    path.write_text(GROUPED.format(name="people", data="people.csv"))
    rows = people(80, 10).sample(frac=1, random_state=0)
    rows["spent"] = (rows["target"] == "yes") + rows["height"] / 3
    older = rows.iloc[:500]
    older.drop(columns="row_id__").to_csv(shop.folder / "people.csv", index=False)
    known = set(split(older, parse_recipe(path.read_text()))[0]["who"])
    first = ml_assets("train", "--recipe-file", path, "--json")
    assert first.result["promoted"], first.result["reason"]
    rows.drop(columns="row_id__").to_csv(shop.folder / "people.csv", index=False)
    counts = []
    for seed in (42, 7):
        path.write_text(path.read_text().replace("random_state: 42", f"random_state: {seed}"))
        who = split(rows, parse_recipe(path.read_text()))[1]["who"]
        counts.append(int(np.count_nonzero(~who.isin(known))))
        again = ml_assets("train", "--recipe-file", path, "--json")
        told = f"on {counts[-1]} rows" if counts[-1] >= 50 else f"{counts[-1]} labelled rows that neither"
        assert told in again.result["reason"], again.result["reason"]
    # The hold-out of before is that of now; by another lot most of it is known.
    assert counts[0] >= 140 and 10 <= counts[1] <= 70


def test_the_report_of_a_training_counts_people_not_rows(shop: Shop) -> None:
    """The columns tell who it is and nothing of the answer: all rows of one are right, or all are wrong."""
    path = shop.folder / "people.yaml"
    path.write_text(GROUPED.format(name="people", data="people.csv"))
    people(80, 10).drop(columns="row_id__").to_csv(shop.folder / "people.csv", index=False)
    assert ml_assets("train", "--recipe-file", path, "--json").code == 0
    state = known_state("people")
    evaluation = state.registry.version("people", 1).evaluation
    assert evaluation is not None
    assert 5 < evaluation.design < 15
    assert evaluation.scores["accuracy"].high - evaluation.scores["accuracy"].low > 0.25
    (page,) = shop.home.rglob("version_1.html")
    assert "Rows that belong together tell as much as one" in page.read_text()
