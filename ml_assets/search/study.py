"""The search for hyperparameters: Optuna, seeded, persistent, stopping hopeless trials after a few folds.

Trial k is a function of the recipe's seed and the trials before it, so that a search that was killed and
started again ends where an uninterrupted one ends (one trial at a time, and if no time limit stops it).
Points at random and of a grid are functions of seed and k alone: without pruning, several at a time find what one at a
time finds.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.estimators.candidate import Candidate
from ml_assets.recipe.schema import Tuning
from ml_assets.recipe.space import filled, searched
from ml_assets.records import Trial, TuningResult
from ml_assets.search.folds import FoldData, FoldResult, Goal
from ml_assets.search.points import decoded, first_points, grid_points, value_of
from ml_assets.search.processes import Fitting, fitting
from ml_assets.search.samplers import pruner, sampling
from ml_assets.search.trials import (
    PLACE,
    TRIAL_ERRORS,
    Fit,
    Rules,
    Steps,
    best_value,
    finished,
    goes_on,
    steps,
)
from ml_assets.tasks.metrics import metric_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna
    from distributed import Client

Progress = Callable[[int, int, float], None]
"""Called after each trial with: trials done, trials wanted, best score so far (NaN: none yet)."""


@dataclass(frozen=True, kw_only=True)
class SearchRun:
    """How a search is run.

    Parameters
    ----------
    storage : Path or BaseStorage, optional
        Folder of the searches' journals: a search that was interrupted goes on, a finished one answers at
        once; or where Optuna keeps studies. Default: nothing is kept.
    time_limit : float, optional
        Seconds, the operator's limit; the smaller of this and the recipe's `timeout` holds. Time spent
        before an interruption counts.
    warm_start : mapping, optional
        `tuning.best_params` of an earlier search, tried first; what does not fit the spaces is left out.
    progress : callable, optional
        Called after each trial.
    must_complete : bool
        Whether one trial is completed however long it takes.
    results : dict, optional
        Is given what the best trial so far predicted, by its number.
    client : Client, optional
        Of a Dask cluster, whose workers fit what would else be fitted here.
    """

    storage: Path | optuna.storages.BaseStorage | None = None
    time_limit: float | None = None
    warm_start: Mapping[str, Any] | None = None
    progress: Progress | None = None
    must_complete: bool = True
    results: dict[int, list[FoldResult]] | None = None
    client: Client | None = None


AT_ONCE = SearchRun()
"""Nothing kept, nothing tried first, nobody told."""


NO_TIME = "its seconds were over before it was fitted"
"""Why no trial could be completed, where none failed."""


@dataclass(frozen=True)
class Tuned:
    """The best set of parameters: whose, which, and how it did fold by fold.

    `number` is the best trial's, `trees` how many each fold wanted where boosting was stopped early, `spent` the
    seconds of the search, those before an interruption too.
    """

    candidate: Candidate
    params: dict[str, Any]
    fold_scores: tuple[float, ...]
    record: TuningResult
    number: int = 0
    trees: tuple[int, ...] = ()
    spent: float = 0.0


def tune(
    folds: Sequence[FoldData],
    candidate: Candidate,
    goal: Goal,
    tuning: Tuning,
    *,
    study_name: str,
    run: SearchRun = AT_ONCE,
) -> Tuned:
    """Search a candidate's spaces for the best mean score over the folds.

    The first trials are the run's `warm_start` and the candidate's own points; the rest are chosen by TPE
    (Bergstra et al. 2011), or at random; of a grid each point is tried once. A set of parameters that comes again
    takes its known score. The best trial is the best of the complete ones.

    Parameters
    ----------
    folds : sequence of FoldData
    candidate : Candidate
    goal : Goal
    tuning : Tuning
        The recipe's section.
    study_name : str
        Identity of the search: the same name goes on where it stopped, up to `n_trials`.
    run : SearchRun
        How it is run; one trial is always completed, unless the run says otherwise.

    Raises
    ------
    ValueError
        If no trial could be completed, with the last reason.
    """
    import optuna

    started = time.monotonic()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    limit = min((x for x in (tuning.timeout, run.time_limit) if x is not None), default=math.inf)
    spaces = searched(candidate.hyperparameters)
    firsts, wanted = first_points(candidate, spaces, run.warm_start), tuning.trials
    if tuning.sampler == "grid":
        firsts = grid_points(spaces, goal.random_state, tuning.trials)
        wanted = len(firsts)
    parallel = tuning.parallelization.n_jobs
    with _quiet():
        study = optuna.create_study(
            study_name=study_name,
            storage=_storage(run.storage, study_name),
            direction=metric_named(goal.metric).direction,
            pruner=pruner(tuning.pruning, len(folds)),
            load_if_exists=True,
        )
        for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        known = finished(study)
        spent = max(float(study.user_attrs.get("seconds", 0.0)), sum(map(_seconds, known)) / parallel)
        rules = Rules(
            candidate=candidate,
            spaces=spaces,
            goal=goal,
            folds=len(folds),
            deadline=started + limit - spent,
            must_complete=run.must_complete,
            results=run.results,
        )
        done = {trial.user_attrs.get(PLACE, k) for k, trial in enumerate(known)}
        places = [place for place in range(wanted) if place not in done]
        sampler_at = sampling(tuning, study, goal.random_state, len(firsts))

        def ask(place: int) -> optuna.Trial:
            study.sampler = sampler_at(place)
            if firsts[place:] and not study.get_trials(states=(optuna.trial.TrialState.WAITING,)):
                study.enqueue_trial(firsts[place])
            trial = study.ask()
            trial.set_user_attr(PLACE, place)
            return trial

        def told() -> None:
            if run.progress is not None:
                best = best_value(study)
                run.progress(len(finished(study)), wanted, math.nan if best is None else best)

        with fitting(folds, candidate, goal, max(1, min(parallel, len(places))), run.client) as fit:
            _through(study, places, parallel, rules, ask=ask, fit=fit, told=told)
        # Searched to the end of its time: started again, it answers at once.
        seconds = limit if places else spent + time.monotonic() - started
        study.set_user_attr("seconds", max(float(study.user_attrs.get("seconds", 0.0)), seconds))
    found = _tuned(study, candidate, goal, tuning.engine, spent, time.monotonic() - started)
    return replace(found, record=found.record.model_copy(update={"by_clock": bool(places)}))


def _through(
    study: optuna.Study,
    places: list[int],
    parallel: int,
    rules: Rules,
    *,
    ask: Callable[[int], optuna.Trial],
    fit: Fitting,
    told: Callable[[], None],
) -> None:
    """Go through the places, some trials at a time; those that no time is left for stay in the list."""
    running: dict[Future[FoldResult], tuple[optuna.Trial, Steps]] = {}

    def go_on(trial: optuna.Trial, of_trial: Steps, last: Future[FoldResult] | None = None) -> None:
        following = _next(study, trial, of_trial, last)
        if following is None:
            told()
        else:
            running[fit(following)] = (trial, of_trial)

    while True:
        while places and len(running) < parallel:
            if time.monotonic() >= rules.deadline and not goes_on(study, rules.must_complete):
                break
            trial = ask(places.pop(0))
            go_on(trial, steps(trial, rules))
        if not running:
            return
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            go_on(*running.pop(done), done)


def _next(
    study: optuna.Study, trial: optuna.Trial, of_trial: Steps, last: Future[FoldResult] | None
) -> Fit | None:
    """What a trial wants fitted next; None, and the study is told, where it has come to its end."""
    import optuna

    try:
        if last is None:
            return next(of_trial)
        error = last.exception()
        return of_trial.send(last.result()) if error is None else of_trial.throw(error)
    except StopIteration as end:
        study.tell(trial, end.value)
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    except TRIAL_ERRORS:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return None


def _seconds(trial: optuna.trial.FrozenTrial) -> float:
    return (trial.duration or timedelta()).total_seconds()


def _tuned(
    study: optuna.Study, candidate: Candidate, goal: Goal, engine: str, spent: float, seconds: float
) -> Tuned:
    trials, spaces = finished(study), searched(candidate.hyperparameters)
    if best_value(study) is None:
        reason = next((t.user_attrs["error"] for t in reversed(trials) if "error" in t.user_attrs), NO_TIME)
        raise ValueError(f"None of {len(trials)} trials could be completed; the last one: {reason}")
    best = study.best_trial
    values = {key: value_of(space, best.params[key]) for key, space in spaces.items()}
    states: dict[str, Any] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    history = tuple(
        Trial(
            number=k,
            params=decoded(spaces, trial.params),
            value=trial.value if trial.state.name == "COMPLETE" else None,
            state=states[trial.state.name],
            seconds=_seconds(trial),
        )
        for k, trial in enumerate(trials)
    )
    return Tuned(
        candidate=candidate,
        params=filled(candidate.hyperparameters, values),
        fold_scores=tuple(best.user_attrs["fold_scores"]),
        record=TuningResult(
            engine=engine,
            metric=goal.metric,
            direction=metric_named(goal.metric).direction,
            best_params=decoded(spaces, best.params),
            best_score=study.best_value,
            history=history,
            total_trials=len(history),
            pruned_trials=sum(trial.state == "pruned" for trial in history),
            optimization_time=seconds,
        ),
        number=best.number,
        trees=tuple(best.user_attrs.get("trees", ())),
        spent=spent + seconds,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing of trials that do not converge or are warned of: a fit that will be used says so itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _storage(
    folder: Path | optuna.storages.BaseStorage | None, study_name: str
) -> optuna.storages.BaseStorage | None:
    if not isinstance(folder, Path):
        return folder
    from ml_assets.search.journal import storage

    return storage(folder / f"{study_name}.journal")
