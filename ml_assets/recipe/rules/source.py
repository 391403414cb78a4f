"""Where the rows come from, and what is joined to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ml_assets.recipe import planned
from ml_assets.recipe.faults import Key, unknown
from ml_assets.recipe.readable import (
    ACCEPTED,
    DATASETS,
    OPENML,
    OPENML_FORM,
    SCHEMES,
    STORES,
    is_query,
    is_sql,
    writes,
)
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe

MAX_PATH: Final = 4000
"""Characters of a path (PATH_MAX on Linux is 4096 bytes)."""
MAX_PART: Final = 255
"""Bytes of one name in a path (POSIX file systems)."""


def source(recipe: Recipe) -> Found:
    """Files, queries and the small data sets of scikit-learn can be read."""
    key: Key = ("model", "loader", "source_uri")
    uri = recipe.model.loader.source_uri.strip()
    scheme, separator, rest = uri.partition("://")
    if not uri.strip():
        yield key, f"is empty; allowed: {ACCEPTED}"
    elif writes(uri):
        yield key, f"{uri.split()[0].upper()} is no SELECT, and a source is only read: write one SELECT"
    elif is_query(uri):
        return
    elif separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        yield from ((key, message) for message in _scheme(scheme.lower(), rest))
    elif fault := _path_fault(recipe.model.loader.source_uri):
        yield key, fault
    elif uri.lower().endswith(planned.UNREADABLE):
        yield key, planned.not_yet(f"the file type of {uri!r}", f"Allowed: {ACCEPTED}")


def queries(recipe: Recipe) -> Found:
    """A query has a database, whose password is not in the recipe; files have neither."""
    loader, key = recipe.model.loader, ("model", "loader")
    if not is_sql(loader.source_uri):
        for name in ("connection_uri", "params", "identifiers"):
            if getattr(loader, name):
                yield (*key, name), "is for queries alone, and source_uri is none: leave it out"
        for name, value in loader.where.items():
            if value == ():
                yield (
                    (*key, "where", name),
                    "is an empty list, which no row fits: name a value, or leave it out",
                )
        return
    if loader.where:
        yield (*key, "where"), "is for files; write it into the query: WHERE, with the value in params"
    password = re.search(r"://[^/@]*:([^@]*)@", loader.connection_uri or "")
    if password and not re.fullmatch(r"\$\{\w+\}|\$\w+|", password.group(1)):
        yield (
            (*key, "connection_uri"),
            "holds a password, which does not belong into a recipe. Take the address from the environment: leave "
            "connection_uri out and set ML_ASSETS_CONNECTION_URI, or write ${ML_ASSETS_RECIPE_DATABASE}",
        )
    for name in loader.identifiers:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,2}", name):
            yield (*key, "identifiers"), f"{name!r} is no plain name of a table or column"


def _path_fault(path: str) -> str | None:
    """Say what no file system can look for."""
    parts = path.split("/")
    if "\0" in path:
        return "has a character 0 in it: no file is called so"
    if any("**" in part and part != "**" for part in parts):
        return f"{path!r}: `**` stands for folders and must stand alone, as in data/**/*.csv"
    if len(path) > MAX_PATH:
        return f"a path of {len(path)} characters; allowed: {MAX_PATH}"
    longest = max(len(part.encode(errors="surrogatepass")) for part in parts)
    if longest > MAX_PART:
        return f"a name of {longest} bytes; file systems hold {MAX_PART}: name the file or its folder"
    return None


def _scheme(scheme: str, rest: str) -> Iterator[str]:
    if scheme in planned.SCHEMES:
        yield planned.not_yet(f"{scheme}://", f"Allowed: {ACCEPTED}")
    elif scheme not in SCHEMES:
        yield f"{unknown('scheme', scheme, SCHEMES)}; allowed: {ACCEPTED}"
    elif not rest:
        yield f"nothing follows {scheme}://; allowed: {ACCEPTED}"
    elif scheme == "sklearn" and rest in planned.DATASETS:
        yield planned.not_yet(
            f"sklearn://{rest}, which needs the network,", f"Allowed: {', '.join(DATASETS)}"
        )
    elif scheme == "sklearn" and rest not in DATASETS:
        yield unknown("data set", rest, DATASETS)
    elif scheme == "openml" and not OPENML.fullmatch(rest):
        yield f"found {rest!r}: {OPENML_FORM}"
    elif scheme in STORES and "@" in rest.partition("/")[0] and ":" in rest.partition("@")[0]:
        yield "holds a secret, which does not belong into a recipe: take it out; credentials come from the environment"
    elif (scheme == "file" or scheme in STORES) and (fault := _path_fault(rest)):
        yield fault
    elif (scheme == "file" or scheme in STORES) and rest.lower().endswith(planned.UNREADABLE):
        yield planned.not_yet(f"the file type of {rest!r}", f"Allowed: {ACCEPTED}")


def augmenter(recipe: Recipe) -> Found:
    """What joins nothing has no features; a feature is joined once, and is no column that the recipe names."""
    chosen, key = recipe.model.augmenter, ("model", "augmenter")
    if chosen.type != "feature_store":
        for name in ("features", "timestamp_col"):
            if getattr(chosen, name):
                yield (*key, name), f"{chosen.type} joins no features: leave it out"
        return
    if not chosen.features:
        yield (*key, "features"), "is missing: name the namespaces and their features"
    seen: set[tuple[str, str]] = set()
    for position, each in enumerate(chosen.features):
        here: Key = (*key, "features", position)
        if not each.features:
            yield (*here, "features"), "is an empty list: name a feature, or leave the namespace out"
        for name in each.features:
            if (each.feature_namespace, name) in seen:
                yield (*here, "features"), f"{name!r} of {each.feature_namespace!r} is named twice: keep one"
            seen.add((each.feature_namespace, name))
    for feature in chosen.joined:
        if feature.column in recipe.targets:
            yield (
                (*key, "features"),
                f"{feature.column!r} is the target: it would give the answer away; leave it out",
            )
