"""`ml-assets profile`: what a table is like, as a page and in a few sentences; nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_assets.lifecycle.describe import profile_source
from ml_assets.lifecycle.state import ModelState
from ml_assets.reports.data import data_page, summary
from ml_assets.store.atomic import atomic_write


def write_profile(state: ModelState, page: Path | None) -> dict[str, Any]:
    """Profile the rows of a model's source; the page is written to a file, default `NAME_data.html` in this folder.

    Returns
    -------
    dict
        `file, summary`, and the fields of the profile.
    """
    profile = profile_source(state)
    path = page or Path(f"{state.name}_data.html")
    atomic_write(path.absolute(), data_page(profile).encode())
    return {"file": str(path), "summary": summary(profile)} | profile.model_dump(mode="json")
