"""The gate and the probation, asked about the models, rows and ledger of one model."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ml_assets.failures import MendableError
from ml_assets.lifecycle.ageing import past
from ml_assets.lifecycle.alike import see_alike
from ml_assets.lifecycle.changes import made_no_more
from ml_assets.lifecycle.served import row_ids_learned, served, unlearned
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import BATCH, ROW_ID, STATIC
from ml_assets.records import Costs, Evaluation, Probation, Promotion, TrainedModel
from ml_assets.registry import champions, charge, erasures

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.promotion.judged import Past
    from ml_assets.registry.champions import VersionInfo
    from ml_assets.registry.ledger import Entry

RECENT_ROWS = 5000
"""`promote` compares on the newest batches that have this many unseen labelled rows together."""
TIMED_ROWS, FEWEST_TIMED = 20, 3
"""Rows that each model predicts alone, in turn with the other, and how many at least; the quickest counts."""


class PromotionError(MendableError, ValueError):
    """A version that cannot be promoted as asked."""


def ask_gate(
    state: ModelState,
    rows: pd.DataFrame,
    challenger: Any,
    trained: TrainedModel,
    evaluation: Evaluation,
    known: Past | None = None,
) -> Promotion:
    """Compare a challenger with the champion on rows that it was not trained on, the champion neither.

    What newer models gained before (`known`) counts where `promotion.when` is `auto`.

    Rows that spoke for a version which probation undid are not asked again: the same evidence does not
    promote the same mistake twice.
    """
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.promotion.gate import decide_promotion
    from ml_assets.promotion.judged import Measure, judged
    from ml_assets.promotion.leaks import leak_checks

    recipe, champion = state.recipe, state.registry.champion(state.name)
    incumbent = None
    if trained.training.began_from is not None:
        rows = unlearned(state, rows, trained.training.began_from)
    if champion is not None:
        rows = unlearned(state, rows, champion.version)
        for version in champions.undone(state.ledger, state.name, champion.version):
            rows = rows[~rows[ROW_ID].isin(_spoke_for(state, version))]
        if lost := made_no_more(
            state.name, champion.version, champion.trained.training.features, rows.columns
        ):
            return Promotion(
                outcome="inconclusive",
                reason=f"{lost}: the two cannot be compared. `ml-assets promote {state.name} VERSION --force` puts one "
                "in charge without the gate",
                metric=trained.training.metric,
                direction=trained.training.direction,
                rows=len(rows),
                champion_version=champion.version,
            )
        incumbent = state.registry.files.load(state.name, champion.version)
    training = trained.training
    asked = judged(
        rows,
        None if incumbent is None else predict(incumbent, rows),
        predict(challenger, rows),
        recipe,
        training.features,
        champion_version=champion.version if champion else None,
        looks=champions.looks(state.ledger, state.name, champion.version) if champion else 0,
    )
    return decide_promotion(
        replace(asked, past=known),
        Measure(training.metric, training.direction, training.positive, recipe.random_state),
        recipe.promotion,
        evaluation,
        _costs(challenger, incumbent, rows),
        leak_checks(evaluation.leaks, recipe.quality, champion.trained.training.features if champion else ()),
    )


def _spoke_for(state: ModelState, version: VersionInfo) -> Any:
    """Names of the rows on which the gate judged a version: its hold-out."""
    if not state.store.has("test_set", version.as_of):
        return []
    return state.store.read_frame("test_set", version.as_of)[ROW_ID]


def _costs(challenger: Any, champion: Any | None, rows: pd.DataFrame) -> Costs:
    """Time predictions of single rows, the two models in turn; serialise the challenger for its size.

    A challenger that was quicker once than anybody notices passes, whatever further rows take: none is asked for.
    """
    import cloudpickle

    from ml_assets.evaluation.evaluate import predict
    from ml_assets.promotion.gate import UNNOTICED_SECONDS

    size = len(cloudpickle.dumps(challenger))
    if champion is None or not len(rows):
        return Costs(challenger_bytes=size)
    seconds: dict[str, list[float]] = {"challenger": [], "champion": []}
    for position in range(TIMED_ROWS):
        if position >= FEWEST_TIMED and min(seconds["challenger"]) <= UNNOTICED_SECONDS:
            break
        row = rows.iloc[[position % len(rows)]]
        for name, model in (("challenger", challenger), ("champion", champion)):
            started = time.process_time()  # what else the machine does is no fault of the model's
            predict(model, row)
            seconds[name].append(time.process_time() - started)
    return Costs(
        challenger_bytes=size,
        challenger_seconds=min(seconds["challenger"]),
        champion_seconds=min(seconds["champion"]),
    )


def promote_version(state: ModelState, version: int, *, force: bool, actor: str) -> tuple[Promotion, Entry]:
    """Put a registered version in charge if the gate says so, or without asking it; one in charge stays there.

    Returns
    -------
    Promotion, Entry
        The answer and the ledger's entry: those of before, where the version was in charge already.

    Raises
    ------
    PromotionError
        If no rows are left to compare on.
    UnknownVersionError
        If the version was not registered.
    IntegrityError
        If its files were changed.
    StaleChampionError
        If the champion changed meanwhile.
    """
    charge.reconcile(state.registry, state.name)
    info, champion = state.registry.version(state.name, version), state.registry.champion(state.name)
    last = champions.last_change(state.ledger, state.name)
    if last is not None and champion is not None and champion.version == version:
        return _answered(info, last), charge.set_back(state.registry, state.name, actor) or last
    erasures.see_kept(state.ledger, state.name, version)
    if force:
        promotion = Promotion(
            outcome="promote",
            reason=f"forced by {actor}: the gate was not asked",
            metric=info.metric,
            direction=info.direction,
            rows=0,
            champion_version=champion.version if champion else None,
            forced=True,
        )
    else:
        promotion = _judge(state, info, champion)
    return promotion, write_promotion(state, promotion, version, champion, actor, newest_batch(state))


def _answered(info: VersionInfo, last: Entry) -> Promotion:
    """Give the answer that put a version in charge, where it was the gate's."""
    if last.kind == "promote" and "outcome" in last.record:
        return Promotion.model_validate(last.record)
    return Promotion(
        outcome="promote",
        reason=f"in charge since {last.kind} on {last.at[:16].replace('T', ' ')} UTC",
        metric=info.metric,
        direction=info.direction,
        rows=0,
    )


def _judge(state: ModelState, info: VersionInfo, champion: VersionInfo | None) -> Promotion:
    if info.evaluation is None:
        raise PromotionError(
            f"{state.name}: version {info.version} was never evaluated, so its baseline and targets are not"
            " known. Train it again, or promote it with --force"
        )
    challenger = state.registry.files.load(state.name, info.version)
    rows = _recent_rows(state, [info, champion] if champion else [info])
    known = None
    if champion is not None:
        known = past(state, champion.trained, max(info.trained.batches), newest_batch(state))
    answer = ask_gate(state, rows, challenger, info.trained, info.evaluation, known)
    return see_alike(state, info.trained, rows, answer) if len(rows) else answer


def _recent_rows(state: ModelState, models: list[VersionInfo]) -> pd.DataFrame:
    """Newest labelled rows that no model was trained on, in whole batches."""
    import pandas as pd

    from ml_assets.tasks.several import has_labels
    from ml_assets.training.groups import of_known_entities

    seen = row_ids_learned(state, *(info.version for info in models))
    parts: list[pd.DataFrame] = []
    for batch in reversed(state.store.batches("cleaned_features")):
        frame = state.store.read_frame("cleaned_features", batch).assign(**{BATCH: batch})
        known = of_known_entities(frame, frame[ROW_ID].isin(seen).to_numpy(), state.recipe)
        parts.append(frame[has_labels(frame[state.recipe.target]) & ~known])
        if sum(len(part) for part in parts) >= RECENT_ROWS:
            break
    if not parts:
        raise PromotionError(f"{state.name}: no batch has been cleaned, so there are no rows to compare on")
    return pd.concat(parts[::-1], ignore_index=True)


def newest_batch(state: ModelState) -> str:
    """Newest batch that has arrived."""
    return max(state.store.batches("cleaned_features"), default=STATIC)


def write_promotion(
    state: ModelState,
    promotion: Promotion,
    version: int,
    champion: VersionInfo | None,
    actor: str,
    batch: str,
) -> Entry:
    """Do what the gate said: change the champion, or write down why not."""
    before = champion.version if champion else None
    if promotion.outcome == "promote":
        return charge.promote(
            state.registry,
            state.name,
            version,
            expected_champion=before,
            reason=promotion.reason,
            actor=actor,
            record=promotion,
            batch=batch,
        )
    return state.ledger.append(
        state.name,
        promotion.outcome,
        actor=actor,
        from_version=before,
        to_version=version,
        batch=batch,
        reason=promotion.reason,
        record=promotion,
    )


def probation_step(state: ModelState, batch: str) -> Probation | None:
    """Judge a new champion on its first live labels; one that is worse than the one before goes.

    Returns
    -------
    Probation or None
        None where nobody is on probation.

    Raises
    ------
    IntegrityError
        If the files of the champion before were changed: the new one stays.
    """
    from ml_assets.promotion.judged import Measure, judged
    from ml_assets.promotion.probation import decide_probation

    promoted = champions.on_probation(state.ledger, state.name)
    if promoted is None or state.recipe.batches is None or not state.recipe.promotion.probation:
        return None
    assert promoted.to_version is not None and promoted.from_version is not None
    new, previous = (
        state.registry.version(state.name, v) for v in (promoted.to_version, promoted.from_version)
    )
    watched = _watched(state, new, previous, after=str(promoted.batch), until=state.labelled_until(batch))
    if not watched:
        return None
    import pandas as pd

    rows, ours, theirs = (
        pd.concat(parts, ignore_index=True) for parts in zip(*watched.values(), strict=True)
    )
    asked = judged(rows, theirs, ours, state.recipe)
    decision = decide_probation(
        replace(asked, past=past(state, previous.trained, max(new.trained.batches), batch)),
        Measure(new.metric, new.direction, new.trained.training.positive, state.recipe.random_state),
        state.recipe.promotion,
        sorted(watched),
        new.version,
        previous.version,
    )
    state.ledger.append_once(
        state.name,
        champions.PROBATION,
        key=f"probation:{promoted.decision_id}:{sorted(watched)[-1]}:{decision.outcome}",
        actor=champions.PROBATION,
        from_version=previous.version,
        to_version=new.version,
        batch=batch,
        reason=decision.reason,
        record=decision,
    )
    if decision.outcome == "rollback":
        charge.rollback(
            state.registry,
            state.name,
            actor=champions.PROBATION,
            to=previous.version,
            expected_champion=new.version,
            reason=decision.reason,
            record=decision,
            batch=batch,
        )
    return decision


def _watched(
    state: ModelState, new: VersionInfo, previous: VersionInfo, after: str, until: str
) -> dict[str, tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """First labelled batches that a new champion served: rows, its answers, those of the one before."""
    from ml_assets.evaluation.evaluate import predict

    wanted = state.recipe.promotion
    model = None
    found: dict[str, tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]] = {}
    count = 0
    for batch in state.store.batches("predictions"):
        if not after < batch <= until or (len(found) >= wanted.probation and count >= wanted.min_rows):
            continue
        answered = served(state, batch, new.version, previous.version)
        if answered is None or answered.version != new.version:
            continue
        rows, answers = answered.labelled(state.recipe.target)
        if rows.empty or made_no_more(
            state.name, previous.version, previous.trained.training.features, rows.columns
        ):
            continue
        model = model or state.registry.files.load(state.name, previous.version)
        found[batch] = rows, answers, predict(model, rows)
        count += len(rows)
    return found
