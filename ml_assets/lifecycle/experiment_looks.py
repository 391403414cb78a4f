"""A look at an experiment: what its labels say, its end, and the winner's way through the gate.

Whatever moment a kill comes, the next look goes on: the end is one entry under a key of its own, and the gate is asked
about a winner until the ledger has its answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ml_assets.lifecycle.ageing import past
from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.approval import asks_person
from ml_assets.lifecycle.experiment_labels import Answered, Labelled, dealt_out, joined, seen, sides
from ml_assets.lifecycle.gate import ask_gate, newest_batch, write_promotion
from ml_assets.names import ROW_ID
from ml_assets.registry import experiments
from ml_assets.registry.experiments import EXPERIMENT

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.records.experiments import Look
    from ml_assets.registry.experiments import Running
    from ml_assets.registry.ledger import Entry

Read = Callable[["ModelState", "Running"], Answered | None]


class Seen(NamedTuple):
    """What a look has come to."""

    ended: Entry | None
    promotion: Entry | None = None
    """The gate's word on a winner."""
    fresh: bool = False
    """Whether it was said in this look."""


def look_at_experiment(state: ModelState, read: Read) -> Seen | None:
    """See to the newest experiment: judge its arms where batches have changed, end it, ask the gate about its winner.

    For ticks: where no experiment is open it asks the ledger two questions.

    Parameters
    ----------
    state : ModelState
    read : callable
        Gives what the arms have answered.

    Returns
    -------
    Seen or None
        None where there never was an experiment.
    """
    found = experiments.newest(state.ledger, state.name)
    if found is None:
        return None
    one, ended = found
    if ended is None and (change := experiments.overtaken(state.ledger, one)) is not None:
        text = f"version {change.to_version} came into charge by {change.kind}: the arms were compared with another"
        ended, _ = experiments.end(state.ledger, one, "overtaken", actor=EXPERIMENT, reason=text)
    if ended is None:
        ended = _judged(state, one, read)
    if ended is None:
        return Seen(None)
    tell(state, "experiment", ended.decision_id, f"experiment {one.number}: {ended.reason}", None)
    winner, said = ended.record.get("winner"), next(iter(experiments.answers_to(state.ledger, ended)), None)
    if winner is None or said is not None or experiments.overtaken(state.ledger, one) is not None:
        return Seen(ended, said)
    return Seen(ended, _promoted(state, one, int(winner), read), fresh=True)


def _judged(state: ModelState, one: Running, read: Read) -> Entry | None:
    """Look at the labels, where there are others than at the last look; the end, if it has come."""
    digest, before = seen(state), experiments.last_look(state.ledger, one)
    if before is not None and before[1].seen == digest and before[1].outcome == "running":
        return None
    answered = read(state, one)
    if answered is None:
        return None
    look = judged_arms(state, one, answered, joined(state, one, answered)).model_copy(update={"seen": digest})
    experiments.note(state.ledger, one, look, actor=EXPERIMENT)
    if look.outcome == "running":
        return None
    entry, _ = experiments.end(
        state.ledger,
        one,
        look.outcome,
        actor=EXPERIMENT,
        reason=look.reason,
        evidence={"look": look.model_dump(mode="json")},
        winner=look.winner,
    )
    return entry


def judged_arms(state: ModelState, one: Running, answered: Answered, labelled: Labelled) -> Look:
    """Judge the arms by what is known now."""
    from ml_assets.promotion.anytime import ratio_p
    from ml_assets.promotion.arms import judge
    from ml_assets.promotion.judged import Measure

    training = state.registry.version(state.name, one.experiment.champion).trained.training
    measure = Measure(training.metric, training.direction, training.positive, state.recipe.random_state)
    champion, *challengers = sides(state, one, answered, labelled)
    counts, shares = dealt_out(one, answered)
    return judge(
        champion,
        challengers,
        measure,
        one.experiment.labels,
        one.experiment.alpha,
        ratio_p(counts, shares),
    )


def _promoted(state: ModelState, one: Running, winner: int, read: Read) -> Entry:
    """Ask the gate about the winner, on the labelled rows of the experiment, and do what it says."""
    from ml_assets.registry import charge

    charge.reconcile(state.registry, state.name)
    answered = read(state, one)
    assert answered is not None
    rows = joined(state, one, answered).rows.drop_duplicates(ROW_ID).reset_index(drop=True)
    champion, info = (state.registry.version(state.name, each) for each in (one.experiment.champion, winner))
    assert info.evaluation is not None
    batch = newest_batch(state)
    known = past(state, champion.trained, max(info.trained.batches), batch)
    model = state.registry.files.load(state.name, winner)
    promotion = ask_gate(state, rows, model, info.trained, info.evaluation, known)
    promotion = promotion.model_copy(
        update={"reason": f"experiment {one.number} has it as winner: {promotion.reason}"}
    )
    return write_promotion(state, asks_person(state, promotion), winner, champion, EXPERIMENT, batch)
