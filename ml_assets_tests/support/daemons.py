"""The real daemon with its code server, and all that they start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from ml_assets_tests.support.places import PROGRAMS, Place

LOCATION = ("-m", "ml_assets.definitions", "-d", ".")


class Daemon:
    """The daemon and all processes it starts."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.environ = place.environ | {"DAGSTER_HOME": str(place.settings.dagster_home)}
        self.log = (place.root / "daemon.log").open("a")
        self.known: dict[int, psutil.Process] = {}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(PROGRAMS / "dagster-daemon"), "run", *LOCATION],
            env=self.environ,
            cwd=self.place.root,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def note_children(self) -> None:
        """Remember what the daemon has started: its children outlive it."""
        assert self.process.poll() is None, "the daemon ended by itself"
        for child in psutil.Process(self.process.pid).children(recursive=True):
            self.known[child.pid] = child

    def kill(self) -> None:
        """Kill the daemon, and only the daemon."""
        self.note_children()
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self) -> None:
        """End everything that was started here, by its process id."""
        self.kill_all()
        self.log.close()

    def kill_all(self) -> None:
        """Kill the daemon with its code server and its workers, as a machine that stops does."""
        if self.process.poll() is None:
            self.kill()
        children = [child for known in self.known.values() for child in [known, *descendants(known)]]
        for child in children:
            if child.is_running():
                child.kill()
        psutil.wait_procs(children, timeout=10)


def descendants(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True) if process.is_running() else []


@contextmanager
def running_daemon(place: Place) -> Iterator[Daemon]:
    daemon = Daemon(place)
    try:
        yield daemon
    finally:
        daemon.stop()
