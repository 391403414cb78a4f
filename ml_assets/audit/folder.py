"""The folder of an audit: texts without secrets, a manifest of all files, and there whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ml_assets.audit import verify
from ml_assets.registry.integrity import file_sha256
from ml_assets.shown import without_user
from ml_assets.store.output import new_folder

HIDDEN: Final = "•••"
"""What stands in the place of a secret."""


class AuditFolder:
    """A folder that is being written.

    Parameters
    ----------
    path : Path
        An empty folder.
    secrets : sequence of str
        What must not be in it, the longest first.
    """

    def __init__(self, path: Path, secrets: Sequence[str] = ()) -> None:
        self.path, self.secrets = path, secrets

    def clean(self, text: str) -> str:
        """Take users of addresses and secrets out of a text."""
        text = without_user(text)
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def place(self, name: str) -> Path:
        """Path of a file, whose folder is made."""
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def write(self, name: str, text: str) -> None:
        """Write a text, cleaned."""
        self.place(name).write_text(self.clean(text), encoding="utf-8", newline="\n")

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as JSON, its texts cleaned."""
        self.write(name, json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n")

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write what holds no text."""
        self.place(name).write_bytes(content)


@contextmanager
def audit_folder(target: Path, secrets: Sequence[str] = ()) -> Iterator[AuditFolder]:
    """Make a folder: with its manifest and what verifies it in one move, or, where something fails, not at all.

    Raises
    ------
    WrongUsageError
        If there is something in its place, or it cannot be written there.
    """
    with new_folder("--out", target) as made:
        yield AuditFolder(made, secrets)
        shutil.copyfile(verify.__file__, made / verify.VERIFIER)
        _write_manifest(made)


def _write_manifest(folder: Path) -> None:
    """List all files with their hashes, as `sha256sum` does, and have them on the disk."""
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
        lines.append(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n")
    (folder / verify.MANIFEST).write_text("".join(lines), encoding="utf-8", newline="\n")
