"""An environment for each peer, made below a cache folder; one that cannot be made is skipped, with the reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ml_assets" / "peers"
COMMON = ("pandas<3", "pyarrow", "scikit-learn")
PACKAGES = {
    "linear": (),
    "forest": (),
    "xgboost": ("xgboost==3.2.0",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "flaml": ("flaml[automl]", "setuptools<81"),
    "mljar": ("mljar-supervised",),
    "autogluon": ("autogluon.tabular[lightgbm,catboost,xgboost]",),
}
"""What each peer needs, beside what all do."""
SAME = {
    "linear": "linear",
    "forest": "linear",
    "xgboost": "boosting",
    "lightgbm": "boosting",
    "catboost": "boosting",
}
"""Environments that are shared."""


class NotThereError(RuntimeError):
    """A peer whose environment cannot be made."""


def python_of(method: str) -> str:
    """Return the interpreter of a method, its environment made where there is none.

    Raises
    ------
    NotThereError
        With the last line of what the installer said.
    """
    if method == "ours":
        return sys.executable
    name = SAME.get(method, method)
    python, stamp = CACHE / name / "bin" / "python", CACHE / name / ".installed"
    if not stamp.exists():
        wanted = {package for each in PACKAGES if SAME.get(each, each) == name for package in PACKAGES[each]}
        commands = (
            [sys.executable, "-m", "venv", str(CACHE / name)],
            [str(python), "-m", "pip", "install", "--quiet", *COMMON, *sorted(wanted)],
        )
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotThereError((done.stderr.strip().splitlines() or ["no reason was given"])[-1])
        stamp.touch()
    return str(python)
