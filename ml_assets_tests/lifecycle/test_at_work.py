"""One command at a time on a model, also where two machines share nothing but their database."""

from __future__ import annotations

from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from ml_assets.lifecycle.at_work import at_work, at_work_elsewhere
from ml_assets.lifecycle.state import Busy, ModelState
from ml_assets.recipe.loading import parse_recipe
from ml_assets.settings import Settings
from ml_assets_tests.support.databases import database
from ml_assets_tests.support.installations import with_database
from ml_assets_tests.support.processes import processes
from ml_assets_tests.support.tide import MODEL

RECIPE = parse_recipe(MODEL)


def model(settings: Settings) -> ModelState:
    return ModelState(RECIPE, settings.home / "tide.yaml", settings)


def work(settings: Settings, begun: Event, end: Event) -> None:
    with at_work(model(settings)):
        begun.set()
        end.wait(300)


@pytest.mark.parametrize("killed", [False, True])
def test_two_machines_with_one_database_are_never_at_work_on_one_model(tmp_path: Path, killed: bool) -> None:
    with database("postgresql", tmp_path) as address:
        here, there = (with_database(tmp_path / name, address) for name in ("here", "there"))
        assert here.locks != there.locks
        state, context = model(here), processes()
        assert not at_work_elsewhere(state)
        begun, end = context.Event(), context.Event()
        other = context.Process(target=work, args=(there, begun, end))
        other.start()
        assert begun.wait(300)
        assert at_work_elsewhere(state)
        with (
            pytest.raises(
                Busy, match=r"on another machine, or of another home, is at work on 'tide.command'"
            ),
            at_work(state),
        ):
            pass
        other.kill() if killed else end.set()
        other.join(300)
        with at_work(state):
            assert not at_work_elsewhere(state), "its own lock stops no process"
            assert at_work_elsewhere(model(there)) is False
        assert not at_work_elsewhere(state)


def test_a_home_without_a_database_has_its_own_lock_alone(tmp_path: Path) -> None:
    here, there = (model(Settings(home=tmp_path / name)) for name in ("here", "there"))
    with at_work(here), at_work(there), pytest.raises(Busy, match="lock /"), at_work(here):
        pass
