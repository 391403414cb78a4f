"""A history whose files differ is parted into the batches that the graph would have made."""

from pathlib import Path

import pandas as pd

from ml_assets.backtest.stream import Stream
from ml_assets.recipe.schema import Recipe
from ml_assets.settings import Variables
from ml_assets.sources.source import source_of

RECIPE = Recipe.model_validate(
    {
        "name": "things",
        "model": {
            "loader": {"source_uri": "*.csv"},
            "data_interface": {"task_type": "classification", "target_col": "y"},
        },
        "batches": {"column": "day", "period": "monthly"},
    }
)


def write(folder: Path, months: list[pd.DataFrame]) -> None:
    for month, frame in enumerate(months, 1):
        frame.assign(day=f"2024-{month:02d}-01").to_csv(folder / f"{month:02d}.csv", index=False)


def stream(folder: Path) -> Stream:
    return Stream.of(RECIPE, source_of(RECIPE, folder, Variables()).read().frame)


def test_a_new_column_is_learned_from_once_most_batches_have_it(tmp_path: Path) -> None:
    old = pd.DataFrame({"x": [1.5, 2.5], "y": [0, 1]})
    write(tmp_path, [old, old, old.assign(w=1.0), old.assign(w=2.0), old.assign(w=3.0), old.assign(w=4.0)])
    frames = stream(tmp_path).frames
    assert [month for month, frame in frames.items() if "w" in frame] == ["2024-06-01"]


def test_a_column_of_one_batch_is_never_learned_from(tmp_path: Path) -> None:
    old = pd.DataFrame({"x": [1.5, 2.5], "y": [0, 1]})
    write(tmp_path, [old, old.assign(w=1.0), old])
    assert not any("w" in frame for frame in stream(tmp_path).frames.values())


def test_classes_are_spelled_as_in_the_first_batch(tmp_path: Path) -> None:
    old = pd.DataFrame({"x": [1.5, 2.5], "y": ["0", "1"]})
    write(
        tmp_path,
        [old, old.assign(y=["FALSE", "TRUE"]), old.assign(y=["0.0", "1.0"]), old.assign(y=["No", "Yes"])],
    )
    assert [frame["y"].tolist() for frame in stream(tmp_path).frames.values()] == [["0", "1"]] * 4


def test_a_batch_whose_labels_are_to_come_has_no_labelled_row(tmp_path: Path) -> None:
    old = pd.DataFrame({"x": [1.5, 2.5, 3.5], "y": [0, 1, 1]})
    write(tmp_path, [old, old.assign(y=[0, None, 1]), old.assign(y=None), old.drop(columns="y")])
    known = stream(tmp_path)
    assert len(known.labels) == 4
    assert known.labelled_rows == {"2024-01-01": 3, "2024-02-01": 2}
