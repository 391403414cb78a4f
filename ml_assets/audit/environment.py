"""What an audit was made with: versions of libraries, and the code itself by its hash."""

from __future__ import annotations

import hashlib
import platform
import sys
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any

from ml_assets.registry.integrity import file_sha256


def environment() -> dict[str, Any]:
    """Name Python, the machine's kind, ml_assets with the hash of its code, and every library that is installed."""
    found = {each.metadata["Name"]: each.version for each in distributions() if each.metadata["Name"]}
    try:
        own = version("ml_assets")
    except PackageNotFoundError:
        own = "not installed"
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "ml_assets": own,
        "code_sha256": code_sha256(),
        "libraries": dict(sorted(found.items(), key=lambda each: each[0].lower())),
    }


def code_sha256() -> str:
    """Hash the modules of ml_assets: relative paths and their bytes, in their order."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(f"{path.relative_to(root).as_posix()}:{file_sha256(path)}\n".encode())
    return digest.hexdigest()
