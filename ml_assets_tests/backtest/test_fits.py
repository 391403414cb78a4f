"""A fit of a replay is judged as the same training would be live."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trust.streams import fixed_fits, made_recipe, made_rows
from ml_assets.backtest.stream import Stream

EACH = 10


def test_its_intervals_know_which_rows_belong_together() -> None:
    """Each row is there ten times, of one owner."""
    rows = {
        batch: frame.iloc[np.repeat(np.arange(0, len(frame), EACH), EACH)]
        .assign(owner=lambda part, batch=batch: [f"{batch} {k // EACH}" for k in range(len(part))])
        .reset_index(drop=True)
        for batch, frame in made_rows(4, 300, 0, None).items()
    }
    recipe = made_recipe(window=4, first=2)
    interface = recipe.model.data_interface.model_copy(update={"entity_cols": ("owner",)})
    owned = recipe.model_copy(update={"model": recipe.model.model_copy(update={"data_interface": interface})})
    designs = []
    for each in (recipe, owned):
        made = fixed_fits(Stream(each, rows), n_estimators=20)
        evaluation = made.of(tuple(rows)).record.evaluation
        assert evaluation is not None
        designs.append(evaluation.design)
    assert designs[1] > 5 > 2 * designs[0]


def test_a_profile_is_of_the_model_that_was_fitted_for_the_hold_out() -> None:
    stream = Stream(made_recipe(window=3, first=2), made_rows(3, 200, 0, None))
    fits, learned = fixed_fits(stream, n_estimators=5), []
    fit = fits.fit

    def counted(frame: pd.DataFrame) -> Any:
        learned.append(len(frame))
        return fit(frame)

    fits.fit = counted
    fits.of(stream.labels)
    apart, whole = learned
    known = fits.profile(stream.labels)
    assert apart < whole and learned.count(apart) == 1
    fits._profiles.clear()
    assert fits.profile(stream.labels) == known  # by a model that is fitted anew
    assert learned.count(apart) == 2
