"""Where the rows lie: a recipe's `source_uri` becomes a list of files."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from stat import S_ISLNK, S_ISREG
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from ml_assets.failures import MendableError
from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.readable import ENDINGS, FILE_TYPES, either
from ml_assets.settings import Variables
from ml_assets.shown import on_one_line, shown
from ml_assets.sources.copies import first_alike
from ml_assets.sources.drops import time_of
from ml_assets.sources.wanted import Wanted

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Batches

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
BARE_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")
FOLDER = re.compile(r"([A-Za-z_][\w-]*)=(.+)")
"""A folder whose name tells a column and its value, as Hive and Spark write them."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
WILD = re.compile(r"[*?[]")

UNSEARCHABLE = (OSError, ValueError, NotImplementedError, RecursionError)
"""
What `glob` raises of patterns that only a variable's value can hold, since the recipe's rules refuse them: a name too
long, `a**b` or NUL, a pattern with a drive, one thousands of folders deep.
"""


class File(NamedTuple):
    """One file of a source."""

    path: Path
    folders: dict[str, str | None]
    """Columns that the names of its folders tell, as in month=2024-01."""
    copies: tuple[Path, ...] = ()
    """Files with the same bytes, which are left out."""


class SourceError(MendableError):
    """The data of a recipe cannot be read; the message says which file and what to do.

    Parameters
    ----------
    message : str
    key : str, optional
        The recipe's key that is wrong, where the data is not.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        self.message, self.key = shown(on_one_line(message)), key
        super().__init__(f"{key}: {self.message}" if key else self.message)


def expand(source_uri: str, variables: Variables, key: str = "source_uri") -> str:
    """Replace `${NAME}`, `${NAME:-default}` and `$NAME` by the values of the variables.

    >>> expand("${ML_ASSETS_RECIPE_DATA:-data}/churn/*.parquet", Variables())
    'data/churn/*.parquet'

    Raises
    ------
    SourceError
        A variable is not for recipes, or is not set and has no default.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        if refusal := variables.refusal(name):
            raise SourceError(f"{key} '{source_uri}': {refusal}")
        found = variables.values.get(name) or default
        if found is None:
            raise SourceError(
                f"{key} '{source_uri}': the environment variable {name} is not set. "
                f"Set it, or write ${{{name}:-DEFAULT}}"
            )
        return found

    filled = VARIABLE.sub(value, source_uri)
    # Without braces it may be a part of a file's name: only a variable that is set is filled in.
    return BARE_VARIABLE.sub(lambda match: variables.values.get(match.group(1), match.group(0)), filled)


def find_files(wanted: Wanted, *, missing_ok: bool = False) -> list[File]:
    """Files of a path, glob or folder, sorted by name.

    Parameters
    ----------
    wanted : Wanted
        A relative path is looked for in `base`, else in the current directory.
    missing_ok : bool
        Return an empty list where nothing is there.

    Raises
    ------
    SourceError
        Nothing is there, or it is of no type that is read, or of several.
    """
    found = _listed(wanted)
    if not found:
        if missing_ok:
            return []
        raise SourceError(_missing(wanted.name, local_path(wanted.uri), wanted.base))
    found = _sent_once(found)
    types = sorted({file_type(file.path) for file in found})
    if len(types) > 1:
        raise SourceError(
            f"source_uri '{wanted.name}' matches both {' and '.join(types)} files: name one kind, as "
            f"'*{FILE_TYPES[types[0]][0]}'"
        )
    _check_folders(found)
    return found


def listed(wanted: Wanted) -> list[Path]:
    """Files of a path, glob or folder, those that were sent twice too; nothing is read."""
    return [file.path for file in _listed(wanted)]


def _listed(wanted: Wanted) -> list[File]:
    path = local_path(wanted.uri)
    try:
        root, found = next(
            ((root, files) for root in (wanted.base, Path()) if (files := _matches(root, path))), (Path(), [])
        )
    except UNSEARCHABLE as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(
            f"source_uri '{wanted.name}' cannot be looked for: {reason}. Write another path"
        ) from None
    if wanted.batches is not None and wanted.batches.drops:
        folder = root / path if (root / path).is_dir() else _pattern(root, path)[0]
        return [_dated(file, folder, wanted.batches) for file in found]
    return found


def _dated(file: File, folder: Path, batches: Batches) -> File:
    """File with the column that says when it came; a folder `column=TIME` says it already."""
    if batches.column in file.folders:
        return file
    try:
        return file._replace(folders=file.folders | {batches.column: time_of(file.path, folder, batches)})
    except ValueError as error:
        raise SourceError(str(error)) from None


def _sent_once(files: list[File]) -> list[File]:
    """Leave out a file whose bytes are those of an earlier one: it was sent twice, under two names."""
    kept: dict[int, File] = {}
    for place, first in enumerate(first_alike([(file.path, str(file.folders)) for file in files])):
        file = files[place]
        kept[first] = (
            file if first == place else kept[first]._replace(copies=(*kept[first].copies, file.path))
        )
    return list(kept.values())


def _check_folders(files: list[File]) -> None:
    for file in files[1:]:
        if file.folders.keys() != files[0].folders.keys():
            raise SourceError(
                f"{file.path} lies in folders that tell other columns ({', '.join(file.folders) or 'none'}) than "
                f"those of {files[0].path} ({', '.join(files[0].folders) or 'none'}): name one kind of folder"
            )


def local_path(source_uri: str) -> str:
    """Path behind a `source_uri`: `file://` is taken off; `~` and `$HOME` are the home folder."""
    scheme, separator, rest = source_uri.partition("://")
    if separator and scheme.lower() == "file":
        return rest.removeprefix("localhost") if rest.startswith("localhost/") else rest
    path = "~" + source_uri.removeprefix("$HOME") if source_uri.startswith("$HOME/") else source_uri
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        raise SourceError(
            f"source_uri '{source_uri}': there is no such home folder. Write the path in full"
        ) from None


def file_type(file: Path) -> str:
    """Type of a file, as `FILE_TYPES` has it, by the end of its name.

    >>> file_type(Path("rows.csv.gz"))
    'CSV'

    Raises
    ------
    SourceError
        The name ends otherwise.
    """
    for ending, name in ENDINGS.items():
        if file.name.lower().endswith(ending):
            return name
    remedy = "; unpack it" if file.name.lower().endswith((".zip", ".7z", ".rar", ".xz", ".tar")) else ""
    raise SourceError(
        f"{file}: no {either(FILE_TYPES)} file by its name; accepted are {', '.join(ENDINGS)}{remedy}"
    )


def files_inside(folder: Path) -> list[Path]:
    """Files of a folder and of those inside it, but for what a program put aside for itself."""
    return [file.path for file in _inside(folder)]


def _inside(folder: Path) -> list[File]:
    named = (file for file in folder.rglob("*") if file.name.lower().endswith(tuple(ENDINGS)))
    return _files(named, folder, ())


def _matches(root: Path, path: str) -> list[File]:
    place = root / path
    if place.is_dir():
        return _inside(place)
    if place.is_file():
        return [File(place, {})]
    folder, parts = _pattern(root, path)
    if len(parts) == 1 and _is_of_names(parts[0]):
        return _named_in(folder, parts[0])
    return _files(folder.glob(str(Path(*parts))), folder, parts)


def _pattern(root: Path, path: str) -> tuple[Path, list[str]]:
    """The folder that a pattern is looked for in, and its parts."""
    # What is there as it is written is no pattern: a folder may be called "data [x]".
    absolute = Path(path).is_absolute()
    folder = Path((root / path).anchor) if absolute else root
    parts = list(Path(path).parts[1:] if absolute else Path(path).parts)
    while len(parts) > 1 and (folder / parts[0]).is_dir():
        folder /= parts.pop(0)
    return folder, parts


def _is_of_names(pattern: str) -> bool:
    """Whether a pattern chooses among the names of one folder."""
    return bool(WILD.search(pattern)) and "**" not in pattern


def _named_in(folder: Path, pattern: str) -> list[File]:
    """Files of one folder by their names, as `glob` finds them: a source of many is looked at often."""
    if not folder.is_dir():
        return []
    fits = re.compile(fnmatch.translate(pattern)).fullmatch
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry) for entry in entries if fits(entry.name))
    except PermissionError:
        return []
    files = []
    for name, entry in found:
        if name[0] in "._" and _is_aside((name,), (pattern,)):
            continue
        path = folder / name
        if entry.is_file(follow_symlinks=False) or _is_there(path):
            files.append(File(path, {}))
    return files


def only_folder(wanted: Wanted) -> Path | None:
    """The one folder of which the names tell which files there are; None where more than these tell it."""
    path = local_path(wanted.uri)
    place = wanted.base / path
    if place.is_dir():
        with os.scandir(place) as entries:
            return None if any(entry.is_dir() for entry in entries) else place
    folder, parts = _pattern(wanted.base, path)
    return folder if len(parts) == 1 and _is_of_names(parts[0]) and folder.is_dir() else None


def _files(found: Iterable[Path], root: Path, named: Collection[str]) -> list[File]:
    """Give the files among what was found under a folder; a look has thousands, so each is split once."""
    depth = len(root.parts)
    inside = ((file, file.parts[depth:]) for file in sorted(found))
    return [
        File(file, _folders(parts))
        for file, parts in inside
        if not _is_aside(parts, named) and _is_there(file)
    ]


def _is_aside(parts: Sequence[str], named: Collection[str]) -> bool:
    """Whether a program put a file aside, for itself: what begins with a point or `_`, unless the recipe names it."""
    return any(
        part.startswith((".", "_")) and not FOLDER.fullmatch(part) for part in parts if part not in named
    )


def _is_there(file: Path) -> bool:
    """Whether a path is a file; a link that leads nowhere would leave rows out without a word."""
    try:
        mode = file.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):  # removed since it was found
        return False
    if S_ISLNK(mode) and not file.exists():
        raise SourceError(
            f"{file} is a link to {file.readlink()}, where nothing is: bring that back, or remove the link"
        )
    return S_ISREG(mode) or file.is_file()


def _folders(parts: Sequence[str]) -> dict[str, str | None]:
    """Columns that the folders tell which a file lies in, below those that the recipe names."""
    found = [FOLDER.fullmatch(part) for part in parts[:-1]]
    told = {match.group(1): unquote(match.group(2)) for match in found if match}
    return {name: None if value == NO_VALUE else value for name, value in told.items()}


def _missing(source_uri: str, path: str, base: Path) -> str:
    for place in (base / path, Path(path)):
        if place.is_dir():
            return f"source_uri '{source_uri}': the folder {place} holds no {either(FILE_TYPES)} file"
    unset = BARE_VARIABLE.search(path)
    if unset:
        name = unset.group(1)
        return f"source_uri '{source_uri}': no such file, and ${name} was not filled in: write ${{{name}}}"
    if re.match(r"[A-Za-z]:[\\/]", path) and not Path(path).anchor.endswith("\\"):
        return (
            f"source_uri '{source_uri}': no such file; this looks like a path of Windows: write the path as it is "
            "on this machine, as /mnt/c/data/rows.csv"
        )
    folders = [(root / path).parent for root in (base, Path())]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    places = f"{base} and the current directory" if not Path(path).is_absolute() else "the file system"
    if folder is None:
        return (
            f"source_uri '{source_uri}': no such file; looked in {places}. The folder does not exist either"
        )
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    hint = did_you_mean(Path(path).name, names)
    inside = (
        f"{folder} holds {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
        if names
        else f"{folder} is empty"
    )
    return f"source_uri '{source_uri}': no such file ({inside}).{hint}"
