"""An environment for each peer, made below a cache folder; one that cannot be made is told with the reason."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ml_assets" / "peers"


class NotThereError(RuntimeError):
    """A peer that cannot be measured: its environment cannot be made, or it does not answer."""


def python_with(name: str, packages: Sequence[str]) -> str:
    """Return the interpreter of an environment, made where there is none with these packages.

    Raises
    ------
    NotThereError
        With the last line of what the installer said.
    """
    python, stamp = CACHE / name / "bin" / "python", CACHE / name / ".installed"
    wanted = "\n".join(sorted(packages))
    if not stamp.exists() or stamp.read_text() != wanted:
        commands = (
            [sys.executable, "-m", "venv", str(CACHE / name)],
            [str(python), "-m", "pip", "install", "--quiet", *sorted(packages)],
        )
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotThereError((done.stderr.strip().splitlines() or ["no reason was given"])[-1])
        stamp.write_text(wanted)
    return str(python)
