"""`ml-assets dashboard`: the pages for people, decided on by the functions of the command line."""

from __future__ import annotations

import getpass
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from ml_assets.cli.listening import answer
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.known import load_states, remembered
from ml_assets.lifecycle.storage import place_of
from ml_assets.pages.access import LOOPBACK, Access, Proxy
from ml_assets.pages.app import Act
from ml_assets.pages.fleet import Fleet
from ml_assets.pages.known import Model, Models, Source
from ml_assets.registry.ledger import Ledger
from ml_assets.serving.keys import read_keys
from ml_assets.settings import Settings, read_settings
from ml_assets.store.snapshots import Store


def serve_dashboard(host: str, port: int, dagster: str | None) -> None:
    """Answer until Ctrl-C.

    Raises
    ------
    WrongUsageError
        If the address is reached by others and nobody is asked who they are, or the port is taken.
    """
    from ml_assets.cli.ui import see_free
    from ml_assets.pages.app import build_app

    settings = read_settings()
    access = access_of(settings)
    if host not in LOOPBACK and access.is_local:
        raise WrongUsageError(
            f"{host} is reached by others, and nobody is asked who they are: make a key by `ml-assets api-key --scope"
            " decide` and set ML_ASSETS_API_KEYS, name the header of your proxy in ML_ASSETS_PROXY_HEADER, or listen on"
            " 127.0.0.1"
        )
    see_free(host, {"--port": port})
    fleet = Fleet(source_of(settings, dagster))
    fleet.look()
    words = f"every model at http://{host}:{port}   (Ctrl-C ends it)"
    app = build_app(fleet, access, ACTS)
    # The header of a proxy that says who asks from where is not believed: its address is the caller's.
    answer(app, words, host=host, port=port, log_level="warning", server_header=False, proxy_headers=False)


def access_of(settings: Settings) -> Access:
    """Who may look and decide, by the settings."""
    proxy = None
    if settings.proxy_header:
        proxy = Proxy(settings.proxy_header, settings.proxy_from or LOOPBACK, settings.deciders)
    return Access(read_keys(settings.api_keys), proxy, getpass.getuser())


def source_of(settings: Settings, dagster: str | None) -> Source:
    """Where the pages find everything."""

    def models() -> Models:
        states, faults = load_states(settings)
        return Models(
            {s.name: Model(s.name, s.recipe, Store(place_of(settings, s.name))) for s in states},
            {path.stem: str(error) for path, error in faults},
        )

    return Source(
        ledger=Ledger(settings.ledger),
        own=Ledger(settings.ledger),
        models=models,
        sight=lambda: _sight(settings),
        home=str(settings.home),
        dagster=dagster,
        mlflow=None if settings.mlflow_url is None else settings.mlflow_url.rstrip("/"),
    )


def _sight(settings: Settings) -> Hashable:
    """Files of recipes with their times, and the list of those elsewhere."""
    listed = settings.known_recipes
    places = [*settings.recipes, *(path.parent for path in remembered(settings))]
    found = {
        (str(path), _time(path))
        for place in dict.fromkeys(places)
        if place.is_dir()
        for path in place.glob("*.y*ml")
    }
    return frozenset(found), _time(listed)


def _time(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _approve(name: str, form: Mapping[str, str], by: str) -> Mapping[str, Any]:
    from ml_assets.cli.persons import approve_version

    return approve_version(name, _whole(form, "version"), form.get("reason", ""), by)


def _refuse(name: str, form: Mapping[str, str], by: str) -> Mapping[str, Any]:
    from ml_assets.cli.persons import refuse_version

    return refuse_version(name, _whole(form, "version"), form.get("reason", ""), by)


def _retrain(name: str, form: Mapping[str, str], by: str) -> Mapping[str, Any]:
    from ml_assets.cli.persons import ask_training

    return ask_training(name, form.get("reason", ""), by)


def _pause(name: str, form: Mapping[str, str], by: str) -> Mapping[str, Any]:
    from ml_assets.cli.persons import pause_model

    days = form.get("days", "").strip()
    return pause_model(name, form.get("reason", ""), float(days) if days else None, by)


def _resume(name: str, form: Mapping[str, str], by: str) -> Mapping[str, Any]:
    from ml_assets.cli.persons import resume_model

    return resume_model(name, form.get("reason", ""), by)


def _rollback(name: str, form: Mapping[str, str], by: str) -> Mapping[str, Any]:
    from ml_assets.cli.persons import roll_back_for

    return roll_back_for(name, _whole(form, "from"), _whole(form, "to"), form.get("reason", ""), by)


def _stop(name: str, form: Mapping[str, str], by: str) -> Mapping[str, Any]:
    from ml_assets.cli.experiments import stop

    return stop(name, form.get("reason", ""), by)


def _whole(form: Mapping[str, str], field: str) -> int:
    text = form.get(field, "")
    if not text.isdecimal() or len(text) > 9:
        raise WrongUsageError(f"{field}: found {text[:20]!r}; allowed: the number of a version")
    return int(text)


ACTS: dict[str, Act] = {
    "approve": _approve,
    "refuse": _refuse,
    "retrain": _retrain,
    "pause": _pause,
    "resume": _resume,
    "rollback": _rollback,
    "ab_stop": _stop,
}
"""What may be decided on a page, by the last part of its address."""
