"""`ml-assets profile`: what a table is like, as a page and in a few sentences; nothing is trained."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ml_assets.lifecycle.describe import profile_source
from ml_assets.lifecycle.state import ModelState
from ml_assets.records import DataProfile
from ml_assets.reports import papers
from ml_assets.reports.data import data_page, summary
from ml_assets.search.candidates import by_time, search_settings
from ml_assets.store.atomic import atomic_write
from ml_assets.store.output import see_file


def write_profile(state: ModelState, page: Path | None, to: Path | None = None) -> dict[str, Any]:
    """Profile the rows of a model's source; the page is written to a file, default `NAME_data.html` in this folder.

    Parameters
    ----------
    to : Path, optional
        Folder for the problem, the requirements and the analysis as Markdown, and for a notebook.

    Returns
    -------
    dict
        `file, papers, summary`, and the fields of the profile.
    """
    path = page or Path(f"{state.name}_data.html")
    see_file("--to", path)
    if to is not None:
        see_file("--papers", to / papers.PROBLEM)
    profile = profile_source(state)
    atomic_write(path.absolute(), data_page(profile).encode())
    written = [] if to is None else _write_papers(state, profile, to)
    return {"file": str(path), "papers": written, "summary": summary(profile)} | profile.model_dump(
        mode="json"
    )


def _write_papers(state: ModelState, profile: DataProfile, folder: Path) -> list[str]:
    recipe = os.path.relpath(state.path.absolute(), folder.absolute())
    texts = {
        papers.PROBLEM: papers.problem_definition(state.recipe, profile),
        papers.REQUIREMENTS: papers.requirements(
            state.recipe, profile, search_settings(state.recipe), by_time(state.recipe)
        ),
        papers.ANALYSIS: papers.analysis(profile),
        papers.NOTEBOOK: papers.notebook(state.name, recipe),
    }
    for name, text in texts.items():
        atomic_write((folder / name).absolute(), text.encode())
    return [str(folder / name) for name in texts]
