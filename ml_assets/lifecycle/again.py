"""A decision of the gate made once more, from the rows, the models and the ledger as they were."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ml_assets.failures import MendableError
from ml_assets.lifecycle.alike import AFTERWARDS
from ml_assets.lifecycle.gate import ask_gate
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.train import judged_on
from ml_assets.recipe.loading import parse_recipe, recipe_sha256
from ml_assets.records import Promotion, TrainedModel
from ml_assets.registry import champions
from ml_assets.registry.as_it_was import EarlierLedger, EarlierRegistry

if TYPE_CHECKING:
    from ml_assets.recipe import Recipe
    from ml_assets.registry.champions import VersionInfo
    from ml_assets.registry.ledger import Entry

FIGURES: Final = (
    *("rows", "champion_version", "champion_score", "challenger_score", "gain", "gain_low", "gain_high"),
    *("rows_needed", "looks", "alpha", "segments"),
)
"""What must be the same: all that the rows and the ledger make it."""
MEASURED: Final = frozenset({"latency", "size"}) | AFTERWARDS
"""Checks that measure the machine, or what was saved after the decision: as they were."""
CLOSE: Final = 1e-9
"""Relative: sums of another library's version may end otherwise."""


@dataclass(frozen=True)
class DecidedAgain:
    """What came of deciding again; `same` is None where it could not be done."""

    same: bool | None
    words: str
    answer: Promotion | None = None


def decide_again(state: ModelState, info: VersionInfo) -> DecidedAgain:
    """Ask the gate of a training once more, and hold the answer against the one in the ledger."""
    entry = _answer_of(state, info)
    if entry is None:
        return _cannot("the ledger has no answer of the gate to its training")
    if missing := _missing(state, info):
        return _cannot(missing)
    try:
        recipe = parse_recipe(info.trained.recipe_text)
        if recipe_sha256(recipe) != info.trained.recipe_sha256:
            return _cannot("this version of ml_assets reads its recipe otherwise")
        answer = _ask(_as_it_was(state, info, recipe), info, Promotion.model_validate(entry.record))
    except MendableError as error:
        return _cannot(str(error))
    return _held(answer, Promotion.model_validate(entry.record))


def _cannot(why: str) -> DecidedAgain:
    return DecidedAgain(None, f"cannot be decided again: {why}")


def _answer_of(state: ModelState, info: VersionInfo) -> Entry | None:
    """Find what the gate said when the version was trained: not by a command since, not by force."""
    for entry in state.ledger.find(state.name, champions.GATE, to_version=info.version, batch=info.as_of):
        asked = "outcome" in entry.record and not entry.record.get("forced")
        if asked and entry.record.get("approved") is None and entry.state == "done":
            return entry
    return None


def _missing(state: ModelState, info: VersionInfo) -> str:
    """Say what is not there any more; empty where all is."""
    as_of, store = info.as_of, state.store
    if info.evaluation is None or not info.trained.recipe_text:
        return "it was registered before recipes were kept with versions"
    if not all(store.has(asset, as_of) for asset in ("training_set", "test_set", "trained_model")):
        return "its rows are no longer there"
    if store.sha256("training_set", as_of) != info.trained.data_sha256:
        return "its rows were replaced, by a later training of the same batch or by an erasure"
    if store.read_record("trained_model", as_of, TrainedModel).trained_at != info.trained.trained_at:
        return "a later training of the same batch has taken its place"
    return ""


def _as_it_was(state: ModelState, info: VersionInfo, recipe: Recipe) -> ModelState:
    """Give the model with its recipe, ledger and champion of before the entry that registered a version."""
    registered = state.ledger.find(state.name, [champions.TRAIN], state="done", to_version=info.version)
    ledger = EarlierLedger(state.ledger, registered[-1].id)
    then = replace(state, recipe=recipe).beside(ledger)
    vars(then)["registry"] = EarlierRegistry(state.settings, ledger)  # where the cached property keeps it
    return then


def _ask(state: ModelState, info: VersionInfo, said: Promotion) -> Promotion:
    trained = state.store.read_record("trained_model", info.as_of, TrainedModel)
    assert info.evaluation is not None
    challenger = state.registry.files.load_trained(trained)
    champion = champions.champion(state.ledger, state.name)
    rows, model, known = judged_on(state, info.as_of, challenger, trained, champion)
    if known is not None:
        known = replace(known, comparisons=(*known.comparisons, *said.refits))
    return ask_gate(state, rows, model, trained, info.evaluation, known)


def _held(answer: Promotion, said: Promotion) -> DecidedAgain:
    """Hold an answer against what was said then; the machine's own measurements are taken as they were."""
    apart = [name for name in FIGURES if not _alike(_plain(answer, name), _plain(said, name))]
    checks = ({c.name: c.passed for c in each.checks if c.name not in MEASURED} for each in (answer, said))
    outcome, before = _judged_alone(answer), _judged_alone(said)
    if outcome != before:
        return DecidedAgain(False, f"OTHER decision: {answer.outcome}, it was {said.outcome}", answer)
    first, second = checks
    if apart or first != second:
        return DecidedAgain(False, f"OTHER figures: {', '.join(apart) or 'checks'}", answer)
    return DecidedAgain(True, "same decision, same figures", answer)


def _judged_alone(promotion: Promotion) -> str:
    """Give the outcome without what measures the machine, and without the person that is asked for."""
    failed = {check.name for check in promotion.checks if not check.passed}
    if promotion.outcome == "waits" or (promotion.outcome == "keep" and failed and failed <= MEASURED):
        return "promote"
    return promotion.outcome


def _plain(promotion: Promotion, name: str) -> Any:
    return promotion.model_dump()[name]


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_alike(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=1e-12) or (
            math.isnan(one) and math.isnan(other)
        )
    return bool(one == other)
