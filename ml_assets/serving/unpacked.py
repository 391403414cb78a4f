"""What MLflow imports to load a model of ours as a Python function; a copy of this file lies beside each model.

It is imported under another name, in environments with and without ml_assets: nothing here may need it at import.
"""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> Any:
    """Load what answers `predict`; `path` is the model's folder.

    MLflow imports this module once for all models of a process, so the path tells which one is meant, not `__file__`.
    """
    try:
        from ml_assets.serving.standard import load
    except ImportError:
        _unpack()
        from ml_assets.serving.standard import load
    return load(Path(path))


def _unpack() -> None:
    """Put the code that was saved with the model in place of a ml_assets that is absent, or older than it."""
    folder = tempfile.mkdtemp(prefix="ml_assets_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with zipfile.ZipFile(Path(__file__).with_name("ml_assets.zip")) as archive:
        archive.extractall(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "ml_assets"]:
        del sys.modules[name]
    sys.path.insert(0, folder)
