"""Processes of their own that start in milliseconds: forked from one that has imported what commands import.

Each has its own pid, group, folder, environment and end, and can be killed; only the seconds of imports are spared.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

PRELOADED = [
    "ml_assets_tests.support.registry_workers",
    "ml_assets.cli.app",
    "ml_assets.orchestration.location",
    "ml_assets.orchestration.walk",
    "ml_assets.estimators.constraints",
    "ml_assets.quality.contract",
    "dagster_mlflow",
    "evidently.presets",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "mlflow.artifacts",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "ml_assets_tests.support.frozen",
]


def processes() -> multiprocessing.context.ForkServerContext:
    """Where such processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Program:
    """A program of this environment, started in a process group of its own.

    Parameters
    ----------
    name : str
        Name of the program: `ml-assets` or `dagster`.
    arguments : str
        Its arguments.
    folder : Path
        Where it runs.
    environ : mapping
        Its whole environment.
    """

    def __init__(self, name: str, *arguments: str, folder: Path, environ: Mapping[str, str]) -> None:
        self._written = tempfile.TemporaryDirectory(prefix="program-")
        self._streams = Path(self._written.name, "out"), Path(self._written.name, "err")
        self._process = processes().Process(
            target=_become, args=(name, arguments, folder, dict(environ), self._streams)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, the negative of the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        """Wait for its end, and give its exit code."""
        self._process.join(seconds)
        assert self.returncode is not None, f"still running after {seconds:g} s"
        return self.returncode

    def output(self, seconds: float = 300) -> tuple[str, str]:
        """Wait for its end, and give what it wrote to stdout and stderr."""
        self.wait(seconds)
        out, err = (path.read_text() for path in self._streams)
        return out, err

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it, with all it started itself, unless it has ended; remove what it wrote."""
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has just begun
                os.killpg(self.pid, signal.SIGKILL)
            self._process.kill()
            self.wait(30)
        self._written.cleanup()


def _become(
    name: str, arguments: tuple[str, ...], folder: Path, environ: dict[str, str], streams: tuple[Path, Path]
) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    for number, path in enumerate(streams, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = [name, *arguments]
    (program,) = entry_points(group="console_scripts", name=name)
    _whole(program.load())


def _whole(function: Callable[..., object], *arguments: object) -> None:
    try:
        function(*arguments)
    finally:  # what an interpreter does at its end; multiprocessing leaves it out
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def call(function: Callable[..., object], *arguments: object) -> int:
    """Call a function in a process of its own, which ends as an interpreter does; its exit code."""
    process = processes().Process(target=_whole, args=(function, *arguments))
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


def outliving(folder: Path, code: str, end: str = "kill") -> list[int]:
    """Have a process begin others and end it: those that still live ten seconds after it.

    Parameters
    ----------
    folder : Path
        Where the program is written.
    code : str
        Prints the ids of the processes that it has begun in one line, and waits.
    end : str
        `kill` or `terminate`.
    """
    script = folder / "ended.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{code}")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        begun = [int(each) for each in running.stdout.readline().split()]
        getattr(running, end)()
    assert begun, "it has begun no process"
    for _ in range(100):
        if not (left := [each for each in begun if Path(f"/proc/{each}").exists()]):
            break
        time.sleep(0.1)
    return left
