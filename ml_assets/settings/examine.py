"""Whether this machine can carry what the settings name: libraries, disk, home, services, ports."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from ml_assets.records.health import Examined
from ml_assets.settings.keys import KEYS
from ml_assets.settings.settings import Settings

LEAST_FREE = 1_000_000_000
"""Bytes that should be free: a training and its pictures, models and databases take some hundred million."""
PATIENCE = 3.0
"""Seconds that a service may take to answer."""
PORTS = {"Dagster's page": 3000, "MLflow's page": 5000}


def examine(settings: Settings) -> Iterator[Examined]:
    """Look at the machine, one thing after another."""
    yield libraries()
    yield from home(settings.home)
    yield from services(settings)
    yield from ports()


def libraries() -> Examined:
    """Compare the installed versions of libraries with those that were tried."""
    from packaging.requirements import Requirement

    needed = [Requirement(text) for text in metadata.requires("ml_assets") or ()]
    needed = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    odd = []
    for each in needed:
        try:
            version = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            odd.append(f"{each.name} is missing")
            continue
        if not each.specifier.contains(version, prereleases=True):
            odd.append(f"{each.name} is {version}, wanted is {each.specifier}")
    python = ".".join(map(str, sys.version_info[:3]))
    if odd:
        return Examined(part="libraries", found="; ".join(odd), ok=False, remedy="install ml_assets again")
    return Examined(part="libraries", found=f"Python {python}, all {len(needed)} as wanted")


def home(place: Path) -> Iterator[Examined]:
    """Look at the home: that it can be written, is the user's alone, and has space."""
    there = next(folder for folder in (place, *place.parents) if folder.is_dir())
    if not os.access(there, os.W_OK):
        yield Examined(
            part="home",
            found=f"{there} cannot be written",
            ok=False,
            remedy="give this user access, or set ML_ASSETS_HOME",
        )
    elif place.is_dir() and stat.S_IMODE(place.stat().st_mode) & 0o007:
        yield Examined(
            part="home",
            found=f"{place} is open to every user of this machine; it holds your data",
            ok=False,
            remedy=f"chmod -R o= '{place}'",
        )
    else:
        yield Examined(part="home", found=str(place) if place.is_dir() else f"{place} is not made yet")
    free = shutil.disk_usage(there).free
    low = free < LEAST_FREE
    yield Examined(
        part="disk", found=f"{free / 1e9:,.1f} GB free", ok=not low, remedy="free some space" if low else ""
    )


def services(settings: Settings) -> Iterator[Examined]:
    """Knock at the servers that the settings name; nothing is sent."""
    for part, address in (("Redis", settings.redis), ("warehouse", settings.warehouse)):
        if address is not None and address.port is not None:
            remedy = f"start it, or correct {KEYS[f'{part.lower()}.uri'].variable}"
            yield _answers(part, address.host, address.port, remedy)
        elif address is not None:
            yield Examined(part=part, found=f"{address.place}; it is not asked")
    if settings.mlflow_tracking_uri is not None:
        parts = urlsplit(settings.mlflow_tracking_uri)
        if parts.hostname is not None:
            port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 5432)
            yield _answers("MLflow", parts.hostname, port, "start it, or correct MLFLOW_TRACKING_URI")
    if settings.dask_scheduler is not None:
        parts = urlsplit(settings.dask_scheduler)
        remedy = "start it (`dask scheduler`), or correct ML_ASSETS_DASK_SCHEDULER"
        yield _answers("Dask", parts.hostname or "", parts.port or 8786, remedy)
    alerts = settings.alerts
    if alerts.email_to:
        yield _answers("mail", alerts.smtp_host, alerts.smtp_port, "start it, or correct ML_ASSETS_SMTP_HOST")
    there = {
        "webhook": alerts.webhook,
        "slack": alerts.slack,
        "e-mail": alerts.email_to,
        "services": alerts.urls,
    }
    channels = ", ".join(name for name, given in there.items() if given)
    found = f"by {channels}; `ml-assets test-alerts` sends a message by each"
    yield Examined(part="alerts", found=found if channels else "in the log and the ledger alone")


def _answers(part: str, host: str, port: int, remedy: str) -> Examined:
    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return Examined(part=part, found=f"answers at {host}:{port}")
    except OSError as error:
        found = f"{host}:{port} does not answer: {error.strerror or error}"
        return Examined(part=part, found=found, ok=False, remedy=remedy)


def ports() -> Iterator[Examined]:
    """Say which ports of the pages are taken: by `ml-assets ui`, which is well, or by another program."""
    for part, port in PORTS.items():
        with socket.socket() as probe:
            probe.settimeout(PATIENCE)
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        yield Examined(part=part, found=f"port {port} is {'in use' if taken else 'free'}")
