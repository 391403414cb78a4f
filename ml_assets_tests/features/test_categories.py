import numpy as np
import pandas as pd
from sklearn.base import clone

from ml_assets.features.categories import TypedColumns

FRAME = pd.DataFrame(
    {
        "n [EUR]": [1.0, np.nan, np.inf, 4.0],
        "town": ["Bonn", "Bonn", "Ulm", None],
        "flag": [True, True, False, True],
        "other": list("wxyz"),
    }
)


def test_numbers_stay_and_missing_ones_too() -> None:
    found = TypedColumns(["n [EUR]"], []).fit(FRAME).transform(FRAME)
    np.testing.assert_array_equal(found["f0"], [1.0, np.nan, np.nan, 4.0])


def test_rare_and_unseen_levels_share_one_and_missing_is_a_level() -> None:
    columns = TypedColumns([], ["town"], rarest=1).fit(FRAME)
    new = FRAME.assign(town=["Ulm", "Köln", None, "Bonn"])
    assert columns.transform(new)["f0"].tolist() == [2, 0, 3, 1]
    assert TypedColumns([], ["town"], rarest=2).fit(FRAME).transform(FRAME)["f0"].tolist() == [1, 1, 0, 0]


def test_types_and_names_do_not_depend_on_the_rows() -> None:
    columns = clone(TypedColumns(["n [EUR]"], ["town", "flag"])).fit(FRAME)
    whole, one = columns.transform(FRAME), columns.transform(FRAME.iloc[[2]])
    assert list(whole.columns) == ["f0", "f1", "f2"]
    assert (whole.dtypes == one.dtypes).all()
    pd.testing.assert_frame_equal(one, whole.iloc[[2]])
    assert list(columns.feature_names_in_) == list(FRAME.columns)


def test_known_levels_come_first_however_rare() -> None:
    frame = pd.DataFrame({"town": ["Bonn", "Ulm", "Ulm", "Aalen", "Aalen"]})
    columns = TypedColumns([], ["town"], rarest=2, known={"town": ["Ulm", "Trier"]}).fit(frame)
    assert columns.levels_ == {"town": ["Ulm", "Trier", "Aalen"]}
    assert columns.transform(frame)["f0"].tolist() == [0, 1, 1, 3, 3]
    del columns.known  # as one that was stored before
    assert clone(columns).fit(frame).levels_ == {"town": ["Aalen", "Ulm"]}
