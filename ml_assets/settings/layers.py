"""Files of settings, laid one over the other: of all environments, of one, and the operator's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

from ml_assets.recipe.faults import did_you_mean, unknown
from ml_assets.recipe.yaml_text import YamlFault, read_yaml
from ml_assets.settings.errors import SettingsError
from ml_assets.settings.home import read_folder
from ml_assets.settings.keys import KEYS, Key
from ml_assets.settings.layered import Environment, Found, Layers
from ml_assets.shown import shown

CONFIG: Final = Path(__file__).parents[1] / "config"
"""Folder of the settings of each environment."""

CHOICE: Final = "APP_ENV"
"""Variable that picks the environment."""

OWN: Final = "ML_ASSETS_CONFIG"
"""Variable that names the operator's own file."""

PASSWORD: Final = re.compile(r"://[^/\s@]*:[^/\s]*@|[?&;]pass(word|wd)?=", re.IGNORECASE)
"""What an address with a password looks like."""


def read_layers(environ: Mapping[str, str]) -> Layers:
    """Lay the files of an environment below the variables.

    Raises
    ------
    SettingsError
        There is no such environment, or a file says what it may not; the message names file, line and key.
    """
    name = environ.get(CHOICE) or "local"
    allowed: tuple[Environment, ...] = get_args(Environment)
    environment = next((each for each in allowed if each == name), None)
    if environment is None:
        near = did_you_mean(name, allowed)
        raise SettingsError(f"{CHOICE}: found {shown(name, 40)!r}; allowed: {', '.join(allowed)}.{near}")
    files = [_packaged("base.yaml"), _packaged(f"{environment}.yaml")]
    read = ["base.yaml", f"{environment}.yaml"]
    if own := environ.get(OWN):
        place = read_folder(OWN, own)
        files.append(_read(place, shown(str(place))))
        read.append(shown(str(place)))
    found = {variable: value for file in files for variable, value in file.items()}
    return Layers(
        environment,
        environ,
        {variable: value for variable, value in found.items() if value is not None},
        tuple(read),
    )


@cache
def _packaged(name: str) -> dict[str, Found | None]:
    return _read(CONFIG / name, name)


def _read(place: Path, label: str) -> dict[str, Found | None]:
    """Read a file of settings: variable → value, None where it takes one away."""
    try:
        data, lines = read_yaml(place.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{OWN}: {label} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{OWN}: {label} is no UTF-8 text: save it as UTF-8") from None
    except YamlFault as fault:
        raise SettingsError(f"{label}:{fault.line} {fault.message}") from None
    found: dict[str, Found | None] = {}
    for path, value in _leaves(data, (), lines, label):
        name = ".".join(path)
        line = lines[path]
        text = None if value is None else _text(KEYS[name], value, f"{label}:{line} {name}")
        found[KEYS[name].variable] = None if text is None else Found(text, label, name, line)
    return found


def _leaves(
    data: Any, path: tuple[str, ...], lines: Mapping[Any, int], label: str
) -> list[tuple[tuple[str, ...], Any]]:
    """Give the settings of a section; what is none is refused."""
    name = ".".join(path)
    if name in KEYS:
        return [(path, data)]
    place = f"{label}:{lines.get(path, 1)} {name}".rstrip()
    if data is None and not path:
        return []
    if not isinstance(data, dict):
        raise SettingsError(f"{place}: found one value; allowed: a mapping of {', '.join(_below(name))}")
    found = []
    for word, value in data.items():
        here = (*path, word)
        if word not in _below(name):
            raise SettingsError(
                f"{label}:{lines[here]} {'.'.join(here)}: {unknown('key', word, _below(name))}"
            )
        found += _leaves(value, here, lines, label)
    return found


def _below(section: str) -> list[str]:
    """Words that may follow a section, each once."""
    start = f"{section}." if section else ""
    return list(dict.fromkeys(key[len(start) :].partition(".")[0] for key in KEYS if key.startswith(start)))


def _text(key: Key, value: Any, place: str) -> str:
    """Write a value as the variable would have it.

    Raises
    ------
    SettingsError
        It is a secret, or of a kind that does not fit; no message shows a secret.
    """
    if key.kind == "secret":
        raise SettingsError(
            f"{place}: a secret, which does not belong into a file: take it out and set {key.variable}"
        )
    if key.kind == "mapping":
        if not isinstance(value, dict):
            raise SettingsError(f"{place}: found one value; allowed: a mapping of names and values")
        return json.dumps(value)
    if isinstance(value, list) and key.kind == "list":
        return key.between.join(_text(key, each, place) for each in value)
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "a mapping"
        raise SettingsError(f"{place}: found {kind}; allowed: one value")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if key.kind == "address" and PASSWORD.search(text):
        raise SettingsError(
            f"{place}: holds a password, which does not belong into a file: take it out and set "
            f"{key.password or key.variable}"
        )
    return text
