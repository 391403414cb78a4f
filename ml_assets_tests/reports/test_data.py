"""The page of a data profile: complete, small, safe, readable without pictures."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from ml_assets.features.columns import roles
from ml_assets.names import BATCH
from ml_assets.quality.profile import MOST_COLUMNS, data_profile
from ml_assets.recipe import Recipe
from ml_assets.records import DataProfile
from ml_assets.reports.data import data_page, data_picture, summary

EVIL = "<script>x('y')</script>"


class Page(HTMLParser):
    """Tags and texts of a page, each element closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.labels: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.labels += [value or "" for name, value in attrs if name == "aria-label"]
        if tag not in ("meta", "br", "img", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "path":
            assert self.open.pop() == tag


def profiled(frame: pd.DataFrame, task: str = "classification", notes: tuple[str, ...] = ()) -> DataProfile:
    recipe = Recipe.model_validate(
        {
            "name": "shop",
            "model": {
                "loader": {"source_uri": "x.csv"},
                "data_interface": {"task_type": task, "target_col": "y"},
            },
        }
        | ({"batches": {"column": "day", "period": "monthly"}} if BATCH in frame else {})
    )
    return data_profile(frame, roles(frame, recipe), recipe, notes)


def shop(rows: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.integers(18, 80, rows).astype(float),
            "channel": random.choice(["web", "shop"], rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 90, rows), "D"),
            "y": random.choice(["yes", "no"], rows),
        }
    )


@pytest.mark.parametrize("columns", [1, 50, 2_000])
def test_page_is_under_a_megabyte_and_needs_no_network(columns: int) -> None:
    random = np.random.default_rng(1)
    many = pd.DataFrame(random.normal(size=(120, columns))).add_prefix("a_rather_long_name_of_a_column_")
    page = data_page(profiled(pd.concat([shop(120), many], axis=1)))
    assert len(page.encode()) < 1_000_000
    assert not re.search(r"(src|href)\s*=|https?://|url\(", page)
    assert f"{columns + 2:,}" in page or columns <= MOST_COLUMNS
    Page(page)


def test_every_picture_says_in_words_what_it_shows() -> None:
    frame = shop().assign(**{BATCH: lambda f: f["day"].dt.strftime("%Y-%m-01")})
    page = Page(data_page(profiled(frame)))
    assert page.tags.count("svg") == len(page.labels) == 2 + 4  # two over time; target, two features, the day
    assert all(page.labels)


@pytest.mark.parametrize("place", ["column", "value", "target", "note"])
def test_what_is_in_the_data_stays_text(place: str) -> None:
    frame = shop()
    if place == "column":
        frame = frame.rename(columns={"channel": EVIL})
    if place == "value":
        frame["channel"] = frame["channel"].replace("web", EVIL)
    if place == "target":
        frame["y"] = frame["y"].replace("yes", EVIL)
    made = profiled(frame, notes=(EVIL,) if place == "note" else ())
    for page in (data_page(made), data_picture(made).decode()):
        assert "<script" not in page
    assert "&lt;script" in data_page(made)
    Page(data_page(made))


def test_tables_without_anything_have_a_page() -> None:
    """No feature, no label, no value, one row, dates beyond the calendar's end."""
    empty = pd.DataFrame({"x": [None, None], "y": ["a", "b"]})
    unlabelled = shop().assign(y=None)
    one = shop(1)
    far = shop().assign(age=1e300, day=pd.Timestamp("2262-04-11"))
    for frame in (empty, unlabelled, one, far, shop().assign(age=np.nan)):
        made = profiled(frame)
        Page(data_page(made))
        assert summary(made)
        assert data_picture(made).startswith(b"<svg")


def test_picture_fits_into_the_event_log() -> None:
    random = np.random.default_rng(2)
    wide = pd.DataFrame(random.normal(size=(500, 60)), columns=[f"{'name' * 30}{k}" for k in range(60)])
    wide["y"] = random.choice(["yes", "no"], 500)
    assert len(data_picture(profiled(wide))) < 30_000
