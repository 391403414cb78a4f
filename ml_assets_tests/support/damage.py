"""Kinds of damage to one recipe or its data, and words that say what is wrong and what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

RECIPE = """\
name: {name}
model:
  class_path: sklearn.linear_model.Ridge
  hyperparameters: {{alpha: 1.0}}
  loader: {{source_uri: {name}.csv}}
  data_interface: {{task_type: regression, target_col: y}}
hyperparameter_tuning: {{enabled: false}}
batches: {{column: day, period: daily, start: 2024-01-01}}
"""
ROWS = "day,x,y\n" + "".join(f"2024-01-{day:02},{day},{day % 7}\n" for day in range(1, 31))
DIGITS = "9" * 391
START = ", start: 2024-01-01"

Spoil = Callable[[Path, str], object]
"""Does the damage: gets the folder and the name that recipe and data have."""


class Damage(NamedTuple):
    """What is done, and words of the message; `data` where the recipe is good and `validate` tells."""

    spoil: Spoil
    words: tuple[str, ...]
    data: bool = False


def write(folder: Path, name: str, text: str | bytes, rows: str | None = ROWS) -> None:
    """Write a recipe and its data."""
    written = text.encode() if isinstance(text, str) else text
    (folder / f"{name}.yaml").write_bytes(written)
    if rows is not None:
        (folder / f"{name}.csv").write_text(rows)


def changed(old: str, new: str) -> Spoil:
    """Write the good recipe with one thing changed."""

    def spoil(folder: Path, name: str) -> None:
        text = RECIPE.format(name=name)
        assert old.format(name=name) in text
        write(folder, name, text.replace(old.format(name=name), new.format(name=name)))

    return spoil


def written(text: str | bytes) -> Spoil:
    """Write something else in the place of the recipe."""
    return lambda folder, name: write(folder, name, text)


def with_rows(make: Callable[[Path], object]) -> Spoil:
    """Write the good recipe, and something else in the place of its data."""

    def spoil(folder: Path, name: str) -> None:
        write(folder, name, RECIPE.format(name=name), rows=None)
        make(folder / f"{name}.csv")

    return spoil


def named(file: str) -> Spoil:
    """Write a broken recipe into a file of an odd name."""

    def spoil(folder: Path, name: str) -> None:
        Path(os.fsdecode(os.fsencode(folder / file))).write_text("name: [")

    return spoil


def in_place(make: Callable[[Path], object]) -> Spoil:
    """Put something that is no text file in the place of the recipe."""
    return lambda folder, name: make(folder / f"{name}.yaml")


def unnamed_start_without_data(folder: Path, name: str) -> None:
    """Write a recipe whose first batch is that of its data, and no data."""
    write(folder, name, RECIPE.format(name=name).replace(START, ""), rows=None)


def copy(folder: Path, name: str) -> None:
    """Copy a recipe without another name."""
    write(folder, name, RECIPE.format(name=name))
    (folder / f"{name}_copy.yaml").write_text(RECIPE.format(name=name))


def many(letter: str) -> str:
    """Write thirty thousand keys."""
    return ", ".join(f"{letter}{n}: 1" for n in range(30_000))


def same_asset(folder: Path, name: str) -> None:
    """Write broken recipes whose files become one name in the asset graph."""
    for stem in (f"{name} x", f"{name}_x", f"{name}-x", f"{name}_x_2"):
        (folder / f"{stem}.yaml").write_text("name: [")


BOMB = "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*a, *a, *a, *a]\n" for name in "bcdefgh")
UNKNOWN = ("the first batch is not known", "start: YYYY-MM-DD", "ml-assets validate")

DAMAGES: dict[str, Damage] = {
    # the recipe's text
    "empty": Damage(written(""), ("is empty", "begins with `name:`")),
    "not_closed": Damage(written("name: ["), ("not valid YAML",)),
    "a_list": Damage(written("- a\n- b\n"), ("found a list of 2",)),
    "two_documents": Damage(written(RECIPE.format(name="x") + "---\nname: y\n"), ("a second document",)),
    "not_utf8": Damage(written(b"name: caf\xe9\n"), ("is not UTF-8 text (byte 9): save it as UTF-8",)),
    "nul": Damage(written(b"name: a\0b\n"), ("not valid YAML",)),
    "bomb": Damage(written(BOMB), ("alias *a is not allowed",)),
    "merged": Damage(written("a: {b: 1}\n<<: {c: 1}\n"), ("merging with `<<`",)),
    "tagged": Damage(written("name: !!python/object/apply:os.system [id]\n"), ("tag", "not allowed")),
    "deep": Damage(written("name: " + "[" * 5_000), ("nested more than 40 deep",)),
    "deep_mappings": Damage(written("{a: " * 5_000), ("nested more than 40 deep",)),
    "huge": Damage(written("# " + "x" * 5_000_000), ("has 5000002 bytes; allowed: 4000000",)),
    "long_comment": Damage(written("# " + "x" * 2_000_000), ("has 2000002 characters",)),
    "long_value": Damage(written("name: " + "x" * 900_000), ("has 900000 characters; allowed: 10000",)),
    "rather_long_key": Damage(written("x" * 900 + ": 1\n"), ("a key of 900 characters; allowed: 200",)),
    "long_key": Damage(written("x" * 900_000 + ": 1\n"), ("has 900000 characters; allowed: 10000",)),
    "many_keys": Damage(
        written("".join(f"key{n}: 1\n" for n in range(60_000))), ("unknown key", "faults more")
    ),
    "many_hyperparameters": Damage(
        changed("1.0", f"1.0, {many('p')}"), ("hyperparameter of Ridge", "faults more")
    ),
    "many_estimators": Damage(
        changed(
            "{{alpha: 1.0}}",
            "{{estimators: [" + "{{name: a, estimator: {{class_path: sklearn.Rigde}}}}, " * 15_000 + "]}}",
        ),
        ("'sklearn.Rigde' is no estimator of sklearn", "faults more"),
    ),
    "deep_path": Damage(changed("{name}.csv", "'" + "*/" * 3_000 + "x.csv'"), ("a path of 6005 characters",)),
    "many_choices": Damage(
        changed("1.0", "{{type: categorical, choices: [" + ", ".join(map(str, range(60_000))) + "]}}"),
        ("the search is off",),
    ),
    "many_targets": Damage(
        changed("batches:", f"evaluation: {{{{targets: {{{{{many('t')}}}}}}}}}\nbatches:"),
        ("unknown metric", "faults more"),
    ),
    "one_key_twice": Damage(written("name: a\nname: b\n"), ("'name' is there twice",)),
    "no_character": Damage(written('name: "\\ud800"\n'), ("not valid YAML",)),
    "escape": Damage(written('name: "\\e[31mred"\n'), ("\\x1b[31mred", "Did you mean")),
    "backwards": Damage(written('name: "abc\u202edef"\n'), ("\\u202e",)),
    # values
    "big_bound": Damage(
        changed("1.0", "{{type: int, low: 1, high: " + DIGITS + "}}"), ("391 digits is too large",)
    ),
    "big_float": Damage(
        changed("1.0", "{{type: float, low: 1, high: " + DIGITS + "}}"), ("391 digits is too large",)
    ),
    "infinite": Damage(changed("1.0", "{{type: float, low: 1, high: 1e999}}"), ("is too large",)),
    "last_day": Damage(changed("-01}}", "-01, end: 9999-12-31}}"), ("1900 to 2199", "Leave it out")),
    "first_day": Damage(changed("2024-01-01", "0001-01-01"), ("1900 to 2199", "first day of the data")),
    "no_such_day": Damage(changed("2024-01-01", "2024-02-30"), ("YYYY-MM-DD",)),
    "late_labels": Damage(
        changed("batches:", "monitoring: {{label_delay: 99999999}}\nbatches:"), ("≤ 10000",)
    ),
    "command": Damage(changed("sklearn.linear_model.Ridge", "os.system"), ("'os.system' is not allowed",)),
    "capital": Damage(changed("name: {name}", "name: Größe 1"), ("Did you mean 'gr_e'?",)),
    # source_uri
    "stars": Damage(changed("{name}.csv", "a**b"), ("`**`", "data/**/*.csv")),
    "long_path": Damage(changed("{name}.csv", "x" * 300), ("a name of 300 bytes",)),
    "no_table": Damage(changed("{name}.csv", "sklearn://iris"), ("remove the section `batches`",)),
    "spaces": Damage(changed("{name}.csv", "'" + " " * 3_000 + "x.sq'"), ("a name of 3004 bytes",)),
    "nul_path": Damage(changed("{name}.csv", '"a\\0b"'), ("a character 0",)),
    # what is no file
    "folder": Damage(in_place(Path.mkdir), ("is no file, but a folder",)),
    "pipe": Damage(in_place(os.mkfifo), ("is no file, but a folder, a pipe",)),
    "device": Damage(in_place(lambda path: path.symlink_to("/dev/zero")), ("is no file",)),
    "link_to_nothing": Damage(in_place(lambda path: path.symlink_to("nothing")), ("a link to what is not",)),
    "link_to_itself": Damage(in_place(lambda path: path.symlink_to(path)), ("cannot be read",)),
    # names
    "accents": Damage(named("modèle.yaml"), ("modèle.yaml", "not valid YAML")),
    "no_unicode": Damage(named(os.fsdecode(b"caf\xe9.yaml")), ("\\udce9.yaml", "not valid YAML")),
    "lines": Damage(named("a\nb\x1b[31m.yaml"), ("not valid YAML",)),
    "long_name": Damage(named("x" * 250 + ".yaml"), ("x.yaml", "not valid YAML")),
    "same_asset": Damage(same_asset, ("same_asset_x_2.yaml", "not valid YAML")),
    "copied": Damage(copy, ("'copied' is the name of", "a name of its own")),
    # data: the graph is there, or waits for the first batch
    "no_column": Damage(changed("day", "dya"), ("batches.column", "Did you mean 'day'?"), data=True),
    "no_variable": Damage(
        changed("{name}.csv", "'${{ML_ASSETS_RECIPE_NOWHERE}}/x.csv'"), ("NOWHERE is not set",), data=True
    ),
    "secret": Damage(
        changed("{name}.csv", "'${{ML_ASSETS_SMTP_PASSWORD}}/x.csv'"),
        ("may not read the environment variable ML_ASSETS_SMTP_PASSWORD",),
        data=True,
    ),
    "password": Damage(
        changed("{name}.csv", "'${{ML_ASSETS_RECIPE_LAKE}}/x.csv'"), ("ML_ASSETS_RECIPE_LAKE",), data=True
    ),
    "no_data": Damage(with_rows(lambda path: None), ("no_data.csv' finds no file",), data=True),
    "no_rows": Damage(with_rows(lambda path: path.write_text("day,x,y\n")), ("no rows",), data=True),
    "empty_data": Damage(with_rows(Path.touch), ("is empty",), data=True),
    "binary": Damage(
        with_rows(lambda path: path.write_bytes(b"\0\1PAR1" * 9)), ("is not a CSV file",), data=True
    ),
    "pipe_as_data": Damage(with_rows(os.mkfifo), ("pipe_as_data.csv' finds no file",), data=True),
    "unnamed_start": Damage(changed(START, ""), UNKNOWN),
    "unnamed_start_no_column": Damage(changed("day, period: daily" + START, "dya, period: daily"), UNKNOWN),
    "unnamed_start_no_data": Damage(
        unnamed_start_without_data, UNKNOWN
    ),
}  # fmt: skip
