"""Whatever is done to a recipe: it is a recipe, or refused with a message; and nothing of its choosing is imported."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.orchestration.location import build_definitions
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import parse_recipe
from ml_assets.settings import DEMO_RECIPES, Settings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "recipes"
DOCS = Path(__file__).parents[2] / "docs"
TEXTS = [
    path.read_text("utf-8")
    for place in (DEMO_RECIPES, BENCHMARKS, DOCS)
    for path in sorted(place.glob("*.yaml"))
] + re.findall(r"```yaml\n(name: .*?)```", (DOCS / "sql.md").read_text("utf-8"), re.DOTALL)
"""Recipes of files and of queries, and one with every key."""
ODD = [
    "null", "true", "-1", "0", "1e999", "9" * 391, "''", "[]", "{}", "[[[", "&a", "*a", "!!python/name:os.system",
    "os.system", "antigravity.fly", "this", "sklearn.datasets.fetch_openml", "../../etc/passwd", "a**b", "${HOME}",
    "9999-12-31", "0001-01-01", "{type: int, low: 5, high: 1}", "{class_path: this}", "\t", "\x00", "\u202e", "é",
    "- - -", "? x", ": ", "#", "|", ">", "%", "@", "`", "\ud800", "x" * 300,
]  # fmt: skip
DANGEROUS = {"antigravity", "this", "pty", "webbrowser", "ftplib"}


def mutated(text: str, seed: int) -> str:
    """Do one to four things to a text: at lines, values, characters."""
    drawn = random.Random(seed)
    lines = text.splitlines()
    for _ in range(drawn.randint(1, 4)):
        at = drawn.randrange(len(lines))
        line = lines[at]
        match drawn.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(drawn.randrange(len(lines) + 1), line)
            case 2:
                lines[at] = f"{line.partition(':')[0]}: {drawn.choice(ODD)}"
            case 3:
                lines[at] = line.replace(drawn.choice(line or "x"), drawn.choice(ODD), 1)
            case 4:
                lines[at] = " " * drawn.randrange(6) + line.lstrip()
            case 5:
                lines[at] = line[: drawn.randrange(len(line) + 1)]
            case 6:
                other = drawn.randrange(len(lines))
                lines[at], lines[other] = lines[other], line
            case _:
                place = drawn.randrange(len(line) + 1)
                lines[at] = line[:place] + drawn.choice(ODD) + line[place:]
        lines = lines or [""]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "seeds",
    [range(100), *(pytest.param(range(n, n + 100), marks=pytest.mark.slow) for n in range(100, 1000, 100))],
)
def test_mutated_recipes_stop_nothing(seeds: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DANGEROUS:  # other tests, in this process before, may have loaded what loads them
        monkeypatch.delitem(sys.modules, name, raising=False)
    texts = [mutated(TEXTS[seed % len(TEXTS)], seed) for seed in seeds]
    names: set[str] = set()
    for seed, text in zip(seeds, texts, strict=True):
        try:
            names.add(parse_recipe(text).name)
        except RecipeError as error:
            assert len(str(error)) < 20_000
            for fault in error.errors:  # the place, and in words what was found and what is accepted
                assert str(fault).startswith("recipe:"), str(fault)
                assert len(fault.message.split()) >= 4, str(fault)
        (tmp_path / f"r{seed}.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    graph = (
        build_definitions(Settings(home=tmp_path / "home", recipes=(tmp_path,)))
        .get_repository_def()
        .asset_graph
    )
    shown = {key.path[0] for key in graph.get_all_asset_keys() if key.path[-1] == "recipe_error"}
    built = {key.path[0] for key in graph.get_all_asset_keys()} - shown - {"model_overview"}
    assert built <= names
    assert len(built) + len(shown) == len(texts)
    descriptions = [graph.get(dg.AssetKey([name, "recipe_error"])).description or "" for name in shown]
    assert all(text and "no assets can be made of it" not in text for text in descriptions)
    assert not DANGEROUS & sys.modules.keys()


def test_mutations_leave_some_and_break_most() -> None:
    loaded = 0
    for seed in range(100):
        try:
            parse_recipe(mutated(TEXTS[seed % len(TEXTS)], seed))
            loaded += 1
        except RecipeError:
            pass
    assert 10 < loaded < 60
