"""The code server of `ml-assets ui`: one for web UI and daemon, started anew inside when a recipe changes."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ml_assets.cli.output import say
from ml_assets.failures import traced
from ml_assets.lifecycle.known import learn_first_batches, recipe_sights
from ml_assets.settings import Settings
from ml_assets.shown import listed, shown

MODULE = "ml_assets.definitions"
LOOK = 3.0
"""Seconds between two looks at the recipes."""
RELOAD = 120
"""Seconds that the definitions may take to be built."""


@dataclass
class CodeServer:
    """A code server behind a socket that only this user can reach.

    Attributes
    ----------
    folder : Path
        Private folder of socket and workspace; short, since a socket's path must be.
    settings : Settings
        Where the recipes are.
    """

    folder: Path
    settings: Settings
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "code"

    @property
    def arguments(self) -> tuple[object, ...]:
        """What `dagster` is called with."""
        return ("code-server", "start", "-s", self.socket, "-m", MODULE, "-d", ".", "--log-level", "warning")

    @property
    def workspace(self) -> Path:
        """The file that tells web UI and daemon where it is; the location keeps the name of its module."""
        place = self.folder / "workspace.yaml"
        server = {"socket": str(self.socket), "location_name": MODULE}
        place.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
        return place

    def watch(self) -> None:
        """Reload the definitions whenever a recipe came, went or changed; until the end."""
        known = recipe_sights(self.settings)
        while not self._ended.wait(LOOK):
            try:
                now = recipe_sights(self.settings)
                if now != known and recipe_sights(self.settings) == now:
                    self._reload(known, now)
                    known = now
            except Exception as error:  # noqa: BLE001 - a failed look is told, and the next one comes
                traced(error)
                say(
                    f"the definitions could not be reloaded: {type(error).__name__}: {shown(str(error), 300)}"
                )

    def _reload(self, known: dict[Path, str], now: dict[Path, str]) -> None:
        from dagster._grpc.client import DagsterGrpcClient

        changed = sorted({path.name for path, _ in known.items() ^ now.items()})
        for name, reason in learn_first_batches(self.settings):
            say(f"{name}: {reason}")
        DagsterGrpcClient(socket=str(self.socket)).reload_code(timeout=RELOAD)
        say(f"definitions reloaded: {listed(shown(name) for name in changed)}")

    def end(self) -> None:
        """Watch no longer."""
        self._ended.set()


@contextmanager
def code_server(settings: Settings) -> Iterator[CodeServer]:
    """Make its private folder, and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ml-assets-"))
    server = CodeServer(folder, settings)
    try:
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
