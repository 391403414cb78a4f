"""What a home answers when everything in it is asked for, in a process of its own."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_assets.failures import MendableError
from ml_assets_tests.support.places import Place

AT = datetime(2024, 6, 1, tzinfo=UTC)
PERISHABLE = {"age_days"}


def ask(root: Path, name: str, answers: Any) -> None:
    """Put into a queue what the home says of everything, or how it refuses."""
    place = Place(root, name)
    os.environ.update(place.environ)
    from ml_assets.failures import words

    try:
        answers.put(("said", _everything(place)))
    except BaseException as error:  # noqa: BLE001 - the test says which endings are right
        told = words(error, place.home)
        answers.put(("refused", told[0]) if told else ("bug", f"{type(error).__name__}: {error}"))


def _everything(place: Place) -> dict[str, str]:
    from ml_assets.cli.doctor import examine_all
    from ml_assets.lifecycle.known import load_states
    from ml_assets.orchestration.history import read_history
    from ml_assets.orchestration.model_status import all_statuses
    from ml_assets.orchestration.runs import open_instance
    from ml_assets.retraining.policy import decide_retrain

    states, _ = load_states(place.settings)
    (state,) = states
    store, recipe, said = state.store, state.recipe, {}
    with open_instance(place.settings) as instance:
        (row,) = all_statuses(instance, states, [], place.settings, AT)
        history = read_history(instance, state)
    if row.status == "damaged":
        raise _Refused(str(row.last_decision))
    said["status"] = str(row.model_dump(exclude=PERISHABLE))
    decided = decide_retrain(recipe.name, recipe.retraining, recipe.monitoring, recipe.training, history, AT)
    said["decision"] = decided.model_dump_json()
    said["first batch"] = str(state.known_first_batch())
    info = state.registry.champion(state.name)
    assert info is not None
    rows = state.registry.files.reference(state.name, info.version)
    features = list(info.trained.training.features)
    predicted = state.registry.files.load(state.name, info.version).predict(rows[features])
    said["predictions"] = hashlib.sha256(str(list(predicted)).encode()).hexdigest()
    said["ledger"] = str([entry.model_dump() for entry in state.ledger.entries() if entry.kind != "alert"])
    for folder in sorted(path.name for path in store.place.folder.iterdir() if path.is_dir()):
        for batch in store.batches(folder):
            said[f"{folder} {batch}"] = store.sha256(folder, batch)
    examined = examine_all(lambda _text: None)
    wrong = [each for each in examined["checks"] if not each["ok"] and each["part"] != "home"]
    if wrong:
        raise _Refused(str(wrong[0]["found"]))
    return said


class _Refused(MendableError):
    """What `status` or `doctor` say is not well."""
