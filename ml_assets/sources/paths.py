"""Where the rows lie: a recipe's `source_uri` becomes a list of files."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

from ml_assets.recipe.faults import did_you_mean
from ml_assets.settings import Variables
from ml_assets.shown import shown
from ml_assets.sources.wanted import Wanted

FORMATS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
ACCEPTED = "use a CSV or Parquet path, a glob, a folder, file://PATH or sklearn://NAME"
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


class SourceError(Exception):
    """The data of a recipe cannot be read; the message says which file and what to do.

    Parameters
    ----------
    message : str
    key : str, optional
        The recipe's key that is wrong, where the data is not.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        self.message, self.key = shown(message), key
        super().__init__(f"{key}: {self.message}" if key else self.message)


def expand(source_uri: str, variables: Variables) -> str:
    """Replace `${NAME}` and `${NAME:-default}` by the values of the variables.

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
            raise SourceError(f"source_uri '{source_uri}': {refusal}")
        found = variables.values.get(name) or default
        if found is None:
            raise SourceError(
                f"source_uri '{source_uri}': the environment variable {name} is not set. "
                f"Set it, or write ${{{name}:-DEFAULT}}"
            )
        return found

    return VARIABLE.sub(value, source_uri)


def find_files(wanted: Wanted, *, missing_ok: bool = False) -> list[Path]:
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
        Nothing is there, or it is neither CSV nor Parquet, or both.
    """
    path, base, name = local_path(wanted.uri), wanted.base, wanted.name
    try:
        found = next((files for root in (base, Path()) if (files := _matches(root, path))), [])
    except (OSError, ValueError, NotImplementedError, RecursionError) as error:
        # A variable's value may hold what the recipe's rules refuse: `a**b`, a name too long.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"source_uri '{name}' cannot be looked for: {reason}. Write another path") from None
    found = [file for file in found if not file.name.startswith((".", "_"))]
    if not found:
        if missing_ok:
            return []
        raise SourceError(_missing(name, path, base))
    found = _sent_once(found)
    kinds = {file_format(file) for file in found}
    if len(kinds) > 1:
        raise SourceError(
            f"source_uri '{name}' matches both CSV and Parquet files: name one kind, as '*.csv'"
        )
    return found


def _sent_once(files: list[Path]) -> list[Path]:
    """Leave out a file whose bytes are those of an earlier one: it was sent twice, under two names."""
    sizes = Counter(file.stat().st_size for file in files)
    seen: set[str] = set()
    kept = []
    for file in files:
        if sizes[file.stat().st_size] > 1:
            with file.open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
            if digest in seen:
                continue
            seen.add(digest)
        kept.append(file)
    return kept


def local_path(source_uri: str) -> str:
    """Path behind a `source_uri`, `file://` taken off."""
    scheme, separator, rest = source_uri.partition("://")
    if not separator or scheme.lower() != "file":
        return source_uri
    return rest.removeprefix("localhost") if rest.startswith("localhost/") else rest


def file_format(file: Path) -> str:
    """`csv` or `parquet`, by the end of the name.

    Raises
    ------
    SourceError
        The name ends otherwise.
    """
    for suffix, kind in FORMATS.items():
        if file.name.lower().endswith(suffix):
            return kind
    raise SourceError(f"{file}: neither CSV nor Parquet by its name; accepted are {', '.join(FORMATS)}")


def _matches(root: Path, path: str) -> list[Path]:
    place = root / path
    if place.is_dir():
        inside = sorted(file for file in place.rglob("*") if file.is_file())
        return [file for file in inside if file.name.lower().endswith(tuple(FORMATS))]
    if place.is_file():
        return [place]
    folder = Path(place.anchor) if Path(path).is_absolute() else root
    pattern = str(Path(path).relative_to(place.anchor)) if Path(path).is_absolute() else path
    return sorted(file for file in folder.glob(pattern) if file.is_file())


def _missing(source_uri: str, path: str, base: Path) -> str:
    for place in (base / path, Path(path)):
        if place.is_dir():
            return f"source_uri '{source_uri}': the folder {place} holds no CSV or Parquet file"
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
