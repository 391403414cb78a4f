"""What a person wrote: the text of a recipe's file, and of the defaults beside it, with the line of each key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

from ml_assets.failures import WrongUsageError
from ml_assets.recipe.faults import Key, did_you_mean, dotted
from ml_assets.recipe.yaml_text import MAX_CHARACTERS, YamlFault, read_yaml
from ml_assets.shown import shown

DEFAULTS: Final = "defaults.yaml"
"""File beside recipes whose keys hold for each of them that does not write them itself."""

MAX_BYTES: Final = 4 * MAX_CHARACTERS
"""A character of UTF-8 has four bytes at most."""

MAX_MESSAGE: Final = 600

WHOLE: Final = ("hyperparameters", "targets", "own_metrics")
"""Sections that a recipe replaces as a whole: names in them are of an estimator, or a person's own."""


@dataclass(frozen=True)
class RecipeFault:
    """One fault; `line` is None where the file itself is the fault, `key` empty where no key is.

    Its texts are such as may be shown: whatever a file is called, and whatever is written in it.
    """

    file: str
    line: int | None
    key: str
    message: str

    def __post_init__(self) -> None:
        for name, most in (("file", None), ("key", 100), ("message", MAX_MESSAGE)):
            object.__setattr__(self, name, shown(getattr(self, name), most))

    def __str__(self) -> str:
        """`file:line key: message`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place} {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class RecipeError(WrongUsageError):
    """A recipe that cannot be used; `errors` holds every fault found, `str()` one line for each."""

    def __init__(self, errors: Sequence[RecipeFault]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True)
class Written:
    """Keys and values as they were written, and where: file and line of each key."""

    data: dict[str, Any]
    places: Mapping[Key, tuple[str, int]]

    def place(self, key: Key) -> tuple[str, int]:
        """File and line of a key, or of the nearest section round it that was written."""
        while key not in self.places:
            key = key[:-1]
        return self.places[key]

    def fault(self, key: Key, message: str) -> RecipeFault:
        """Make a fault at a key."""
        file, line = self.place(key)
        return RecipeFault(file, line, dotted(key), message)

    def above(self, defaults: Written) -> Written:
        """Put these keys above defaults: sections are joined, whatever else is written here replaces what is there.

        A `class_path` of their own takes no hyperparameters of the defaults.
        """
        given = defaults.data
        own, model = self.data.get("model"), given.get("model")
        if isinstance(own, dict) and isinstance(model, dict) and "class_path" in own:
            model = {name: value for name, value in model.items() if name != "hyperparameters"}
            given = given | {"model": model}
        kept = {
            key: place for key, place in defaults.places.items() if not _is_replaced(key, given, self.data)
        }
        return Written(_joined(given, self.data), {**kept, **self.places})


def written_in(path: Path) -> Written:
    """Read a recipe's file, and `defaults.yaml` beside it where there is one.

    Raises
    ------
    RecipeError
        One of the files cannot be read, or is no YAML with keys.
    """
    path = Path(path)
    if path.name == DEFAULTS:
        raise RecipeError(
            [of_file(path, "holds what the recipes beside it have in common: name one of them")]
        )
    own = written(_text(path), str(path), "a recipe begins with `name:`")
    beside = path.with_name(DEFAULTS)
    if not beside.is_file():
        return own
    defaults = written(_text(beside), str(beside), "write keys of a recipe, or remove the file")
    if "name" in defaults.data:
        raise RecipeError([defaults.fault(("name",), "each recipe has a name of its own: leave it out here")])
    return own.above(defaults)


def written(text: str, file: str, what: str = "a recipe begins with `name:`") -> Written:
    """
    Read the text of a recipe; `file` is its name in messages.

    Raises
    ------
    RecipeError
        The text is no YAML with keys.
    """
    try:
        data, lines = read_yaml(text)
    except YamlFault as fault:
        raise RecipeError([RecipeFault(file, fault.line, fault.key, fault.message)]) from None
    if data is None:
        raise RecipeError([RecipeFault(file, lines.get((), 1), "", f"is empty; {what}")])
    if not isinstance(data, dict):
        message = f"found {found_text(data)}; allowed: a recipe as `key: value`, beginning with `name:`"
        raise RecipeError([RecipeFault(file, lines[()], "", message)])
    return Written(data, {key: (file, line) for key, line in lines.items()})


def of_file(path: Path, message: str) -> RecipeFault:
    """Make a fault of a file itself."""
    return RecipeFault(str(path), None, "", message)


def _joined(below: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for name, value in own.items():
        known = both.get(name)
        both[name] = value
        if isinstance(known, dict) and isinstance(value, dict) and name not in WHOLE:
            both[name] = _joined(known, value)
    return both


def _is_replaced(key: Key, below: Any, own: Any) -> bool:
    """Whether a key of the defaults is inside something that was written anew."""
    for name in key:
        if not isinstance(below, dict) or name not in below:
            return True
        if name not in own:
            return False
        below, own = below[name], own[name]
        if not (isinstance(below, dict) and isinstance(own, dict)) or name in WHOLE:
            return True
    return False


def _text(path: Path) -> str:
    try:
        about = path.stat()
        if not S_ISREG(about.st_mode):  # reading a pipe would wait for ever
            raise RecipeError([of_file(path, "is no file, but a folder, a pipe or a device")])
        with path.open("rb") as handle:
            written = handle.read(MAX_BYTES + 1)
        if len(written) > MAX_BYTES:
            size = max(about.st_size, len(written))
            raise RecipeError([of_file(path, f"has {size} bytes; allowed: {MAX_BYTES}")])
        return written.decode("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise RecipeError([of_file(path, "is a link to what is not there")]) from None
        neighbours = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise RecipeError([of_file(path, f"no such file.{did_you_mean(path.name, neighbours)}")]) from None
    except UnicodeDecodeError as error:
        is_utf16 = written.startswith((b"\xff\xfe", b"\xfe\xff"))
        found = "but UTF-16, as PowerShell writes it" if is_utf16 else f"(byte {error.start})"
        raise RecipeError([of_file(path, f"is not UTF-8 text {found}: save it as UTF-8")]) from None
    except OSError as error:
        raise RecipeError([of_file(path, f"cannot be read: {error.strerror}")]) from None


def found_text(value: Any) -> str:
    """A value as messages show it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
