"""Making a logged prediction again."""

from __future__ import annotations

from typing import Any

from ml_assets.lifecycle.known import load_states
from ml_assets.lifecycle.storage import predictions_of
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.versions import Registry
from ml_assets.serving.replay import replay
from ml_assets.settings import read_settings
from ml_assets.store.places import Folder


def replay_prediction(number: str) -> dict[str, Any]:
    """Find a prediction in the logs of all models, and make it again."""
    settings = read_settings()
    names = dict.fromkeys(state.name for state in load_states(settings)[0])
    names |= dict.fromkeys(Folder(settings.predictions).folders())
    logs = {name: predictions_of(settings, name) for name in names}
    return replay(Registry(settings, Ledger(settings.ledger)), logs, number)
