"""What the assets of a training do: read and write the model's state round the plain functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.lifecycle.accounting import TrainingRows, training_rows
from ml_assets.lifecycle.ageing import ageing_picture, past, refits
from ml_assets.lifecycle.alerts import tell
from ml_assets.lifecycle.alike import see_alike
from ml_assets.lifecycle.approval import asks_person, look_at_approval
from ml_assets.lifecycle.beginning import begins_from, fitted_again, flattered
from ml_assets.lifecycle.clusters import numbered_as
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.gate import ask_gate, write_promotion
from ml_assets.lifecycle.joined import first_rows
from ml_assets.lifecycle.news import News
from ml_assets.lifecycle.numbers import newest_number
from ml_assets.lifecycle.pictured import Pictured, evaluation_pictures
from ml_assets.lifecycle.protected import groups_of_holdout
from ml_assets.lifecycle.served import unlearned
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.training_page import WRONG, Shown, learning_pictures, show_training
from ml_assets.lifecycle.wandb_told import Outcome, tell_wandb
from ml_assets.names import BATCH
from ml_assets.recipe.loading import dump_recipe
from ml_assets.records import Evaluation, Promotion, TrainedModel, TrainingResult, Window
from ml_assets.registry.run_page import version_note
from ml_assets.settings.wandb import lacks_wandb
from ml_assets.store.snapshots import StoreError

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.promotion.judged import Past
    from ml_assets.registry.champions import VersionInfo
    from ml_assets.registry.tracking import Logged

LONGEST_AGAIN = 20.0
"""Seconds of a fit above which no part of the rows is learned again for the learning curve."""


@dataclass(frozen=True)
class GateResult(Pictured):
    """What `champion` did: the version it registered, who is champion now, and why."""

    promotion: Promotion
    version: int
    champion_version: int | None
    run_id: str
    as_of: str
    rows: TrainingRows | None = None
    """What became of every row of the source; None where it cannot be read any more."""
    page: Path | None = None
    """The report of the training."""
    wandb: str | None = None
    """What became of it at Weights & Biases."""


@dataclass(frozen=True)
class Trained(Pictured):
    """What `trained_model` did: the model with everything that is needed to judge it later."""

    model: TrainedModel


@dataclass(frozen=True)
class Evaluated(Pictured):
    """What `evaluation_report` found."""

    evaluation: Evaluation
    wandb: str | None = None
    """What became of it at Weights & Biases, where a target was missed and the training ends here."""


def train_step(state: ModelState, as_of: str, parent_run_id: str, say: Callable[[str], None]) -> Trained:
    """Fit on the training set and log the model with everything that is needed to judge it later."""
    from ml_assets.search.cluster import connected
    from ml_assets.search.study import SearchRun
    from ml_assets.training.fit import fit

    if lacking := lacks_wandb(state.settings.wandb):
        raise StepError(f"{state.name}: {lacking}")
    frame = state.store.read_frame("training_set", as_of)
    champion = state.registry.champion(state.name)
    news = News(state.name, say, state.search_seconds)
    beginning = begins_from(state, news.fact)
    try:
        with connected(state.recipe.training.engine, state.settings.dask_scheduler) as client:
            model, result = fit(
                frame,
                state.recipe,
                run=SearchRun(
                    storage=state.studies,
                    time_limit=state.settings.tuning_timeout,
                    warm_start=_last_best(champion)
                    if state.recipe.hyperparameter_tuning.warm_start
                    else None,
                    progress=news.trial,
                    client=client,
                ),
                begins=news.begins,
                beginning=beginning,
            )
    except ValueError as error:
        raise StepError(f"{state.name}: {error}") from None
    numbered_as(state, model, frame)
    logged = _log(state, model, result, frame, parent_run_id, {"as_of": as_of})
    trained = TrainedModel(
        recipe=state.name,
        as_of=as_of,
        batches=tuple(sorted(frame[BATCH].unique())),
        run_id=logged.run_id,
        model_uri=logged.model_uri,
        sha256=logged.sha256,
        recipe_sha256=state.recipe_sha256,
        data_sha256=state.store.sha256("training_set", as_of),
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        training=result,
        snapshots=_learned(state, as_of),
        recipe_text=dump_recipe(state.recipe),
    )
    state.store.write_record("trained_model", as_of, trained)
    return Trained(trained, pictures=learning_pictures(result))


def _learned(state: ModelState, as_of: str) -> dict[str, str]:
    """Hash of each batch in the training window, as it was split; none where an older version split it."""
    try:
        return state.store.read_record("training_set", as_of, Window).snapshots
    except StoreError:
        return {}


def _last_best(champion: VersionInfo | None) -> dict[str, Any] | None:
    """Parameters that the champion's search found: tried first by the next search."""
    tuning = champion.trained.training.tuning if champion is not None else None
    return tuning.best_params if tuning is not None else None


def evaluate_step(state: ModelState, as_of: str) -> Evaluated:
    """Score the trained model on the hold-out."""
    from ml_assets.evaluation.evaluate import evaluate, of_related, predict
    from ml_assets.evaluation.mistakes import wrong_rows
    from ml_assets.evaluation.parts import rows_of
    from ml_assets.evaluation.soundness import unsound
    from ml_assets.lifecycle.explained import swarms
    from ml_assets.lifecycle.reference import two_units
    from ml_assets.monitoring.profile import losses_design
    from ml_assets.quality.leak import suspected_leaks
    from ml_assets.quality.score import too_good
    from ml_assets.registry import tracking
    from ml_assets.training.fit import seconds_of_a_fit
    from ml_assets.training.learning import learning_curve

    trained = state.store.read_record("trained_model", as_of, TrainedModel)
    model = state.registry.files.load_trained(trained)
    test = state.store.read_frame("test_set", as_of)
    predicted = predict(model, test)
    y = test[state.recipe.target]
    learned = state.store.read_frame("training_set", as_of)
    window, features = _window_rows(state, as_of), trained.training.features
    evaluation = evaluate(state.recipe, y, predicted, learned[state.recipe.target], seen=(test, features))
    evaluation = of_related(evaluation, losses_design(state.recipe, test, predicted))
    leaks = suspected_leaks(window, features, state.recipe)
    if not any(leak.sure for leak in leaks):
        leaks += too_good(test, predicted, window, features, state.recipe)
    curve = None
    if seconds_of_a_fit(trained.training) < LONGEST_AGAIN and trained.training.began_from is None:
        curve = learning_curve(learned, test, state.recipe, trained.training, evaluation)
    # Of a cluster's number nothing is added up; `explain-prediction` tells of a row why it is in its own.
    found, of = swarms(model, trained.training, test, learned, state.recipe)
    flattering = flattered(state, test, trained.training)
    evaluation = evaluation.model_copy(
        update={
            "curves": (*evaluation.curves, *([curve] if curve is not None else [])),
            "unsound": unsound(trained.training, evaluation, predicted) + flattering,
            "leaks": leaks,
            "mixed": two_units(state, window, features),
            "protected": groups_of_holdout(state.recipe, test, predicted, learned, trained.training),
            "swarms": found,
            "swarms_of": of,
        }
    )
    wrong = None
    if not state.recipe.recommends:  # what such a row holds is who had what
        rows = rows_of(state.recipe, test, predicted, trained.training.positive)
        wrong = wrong_rows(rows, features, [swarm.column for swarm in found], learned)
    if wrong is not None:
        state.store.write_record(WRONG, as_of, wrong)
    state.store.write_record("evaluation_report", as_of, evaluation)
    tracking.log_evaluation(state.registry.client, trained.run_id, evaluation)
    pictures = evaluation_pictures(state.recipe, evaluation, y, predicted)
    ended = tell_wandb(state, trained, evaluation, pictures) if evaluation.targets_missed else None
    return Evaluated(evaluation, ended, pictures=pictures)


def champion_step(
    state: ModelState, as_of: str, parent_run_id: str, actor: str, say: Callable[[str], None], told: int = 0
) -> GateResult:
    """Compare the challenger with the champion, register it and, if it won, put it in charge.

    Its number is above `told`, the highest that the event log knows, and above those in the store: where ledger
    and registry were lost, their reports still speak of other models.
    """
    from ml_assets.evaluation.evaluate import predict
    from ml_assets.monitoring.movement import with_predictions
    from ml_assets.monitoring.profile import profile
    from ml_assets.registry import charge, files
    from ml_assets.sources.paths import SourceError
    from ml_assets.training.fit import seconds_of_a_fit

    registry, news = state.registry, News(state.name, say)
    charge.reconcile(registry, state.name)
    trained = state.store.read_record("trained_model", as_of, TrainedModel)
    evaluation = state.store.read_record("evaluation_report", as_of, Evaluation)
    if evaluation.targets_missed:  # a blocking check guards only its own run
        raise StepError(f"{state.name}: {'; '.join(evaluation.targets_missed)}")
    test = state.store.read_frame("test_set", as_of)
    challenger = registry.files.load_trained(trained)
    predicted = predict(challenger, test)
    train = state.store.read_frame("training_set", as_of)
    known = profile(
        challenger,
        trained.training.metric,
        trained.training.positive,
        train,
        test,
        predicted,
        state.recipe,
        progress=news.column,
    )
    known = with_predictions(
        known, lambda rows: fitted_again(state, rows, trained.training), train, test, state.recipe
    )
    champion = registry.champion(state.name)
    news.begins(f"the gate: {len(test)} rows held out")
    judging, judged_model, before = judged_on(state, as_of, challenger, trained, champion)
    compared = refits(state, as_of, trained.training, news.begins)
    if before is not None:
        before = replace(before, comparisons=(*before.comparisons, *compared))
    promotion = ask_gate(state, judging, judged_model, trained, evaluation, before)
    promotion = promotion.model_copy(update={"refits": compared})
    if promotion.outcome == "promote" and state.recipe.batches is not None:
        news.begins("last fit, on all rows of the window", seconds_of_a_fit(trained.training))
        trained = _refit(state, as_of, trained, parent_run_id)
    promotion = see_alike(state, trained, train, promotion)
    promotion = asks_person(state, promotion)
    files.log_profile(registry.client, trained.run_id, known)
    files.log_holdout(
        registry.client, trained.run_id, test, predicted, trained.training, state.recipe.targets
    )
    tags, note = {"gate": promotion.outcome}, version_note(trained, evaluation, promotion)
    after = max(told, newest_number(state))
    version = registry.register(trained, tags, evaluation=evaluation, actor=actor, note=note, after=after)
    write_promotion(state, promotion, version, champion, actor, as_of)
    if promotion.outcome == "waits":
        look_at_approval(state)
    elif promotion.outcome != "promote":
        tell(state, "promotion_refused", f"v{version}", f"version {version}: {promotion.reason}", as_of)
    now = registry.champion(state.name)
    state.store.write_record("champion", as_of, promotion)
    try:
        rows = training_rows(state, trained)
    except SourceError:
        rows = None
    pictures = evaluation_pictures(state.recipe, evaluation, test[state.recipe.target], predicted)
    pictures |= learning_pictures(trained.training)
    before_it = champion.evaluation if champion is not None else None
    told_too = Shown(rows, known.importance, before_it, pictures)
    page = show_training(state, trained, version, evaluation, promotion, told_too, parent_run_id)
    outcome = Outcome(version, promotion, page)
    if sent := tell_wandb(state, trained, evaluation, pictures, outcome):
        news.fact(f"Weights & Biases: {sent}")
    shown, served = ageing_picture(state, trained.training.metric), now.version if now else None
    return GateResult(promotion, version, served, trained.run_id, as_of, rows, page, sent, pictures=shown)


def judged_on(
    state: ModelState, as_of: str, challenger: Any, trained: TrainedModel, champion: VersionInfo | None
) -> tuple[pd.DataFrame, Any, Past | None]:
    """Rows to judge a challenger on, one with its parameters that learned all older rows, and what is known."""
    from ml_assets.promotion.ageing import learned_part
    from ml_assets.search.candidates import by_time
    from ml_assets.training.splits import judging_rows, newest_apart

    held_out = state.store.read_frame("test_set", as_of)
    if champion is None or state.recipe.batches is None:
        return held_out, challenger, None
    window = _window_rows(state, as_of)
    began_from = trained.training.began_from or champion.version
    new = len(unlearned(state, window, champion.version, began_from))
    count = len(held_out)
    if by_time(state.recipe):
        count = judging_rows(count, new, state.recipe.promotion.min_rows)
    known = past(state, champion.trained, window[BATCH].max(), as_of, learned_part(new, count))
    if count == len(held_out):
        return held_out, challenger, known
    older, newest = newest_apart(window, state.recipe, count)
    again = fitted_again(state, older, trained.training)
    numbered_as(state, again, older, challenger)
    return newest, again, known


def _window_rows(state: ModelState, as_of: str) -> pd.DataFrame:
    """Labelled rows of the training window, the newest last."""
    import pandas as pd

    parts = [state.store.read_frame(asset, as_of) for asset in ("training_set", "test_set")]
    return pd.concat(parts, ignore_index=True)


def _refit(state: ModelState, as_of: str, trained: TrainedModel, parent_run_id: str) -> TrainedModel:
    """Fit the winner again, with the same parameters, on all rows of the window: the newest rows matter."""
    from ml_assets.training.fit import left_out

    frame = _window_rows(state, as_of)
    model = fitted_again(state, frame, trained.training)
    numbered_as(state, model, frame, state.registry.files.load_trained(trained))
    result = trained.training.model_copy(update={"rows": len(frame), "left_out": left_out(model)})
    logged = _log(state, model, result, frame, parent_run_id, {"as_of": as_of, "refit_of": trained.run_id})
    batches = tuple(sorted(frame[BATCH].unique()))
    return trained.model_copy(update={**logged._asdict(), "batches": batches, "training": result})


def _log(
    state: ModelState,
    model: Any,
    training: TrainingResult,
    frame: pd.DataFrame,
    parent_run_id: str,
    tags: dict[str, str],
) -> Logged:
    """Log a fit as a nested run; the trials of its search too, unless it is a refit."""
    from ml_assets.registry import tracking

    return tracking.log_training(
        state.registry.client,
        tracking.RunPlace(state.registry.experiment_id(parent_run_id), parent_run_id, tags),
        recipe=state.recipe,
        pipeline=model,
        training=training,
        rows=frame,
        raw=first_rows(state, frame),
        trials="refit_of" not in tags,
    )
