"""The search for hyperparameters: Optuna, seeded, persistent, stopping hopeless trials after a few folds.

Trial k is a function of the recipe's seed and the trials before it, so that a search that was killed and
started again ends where an uninterrupted one ends (on one thread, and if no time limit stops it).
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.estimators.families import Candidate
from ml_assets.estimators.stopping import OutOfTime
from ml_assets.recipe.schema import Tuning
from ml_assets.recipe.space import Space, filled, searched
from ml_assets.records import Trial, TuningResult
from ml_assets.search.folds import FoldData, FoldResult, Goal, fold_result
from ml_assets.search.points import decoded, first_points, grid_points, suggest, value_of
from ml_assets.search.samplers import pruner, sampler
from ml_assets.tasks.metrics import metric_named, undefined

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

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
    """

    storage: Path | optuna.storages.BaseStorage | None = None
    time_limit: float | None = None
    warm_start: Mapping[str, Any] | None = None
    progress: Progress | None = None
    must_complete: bool = True
    results: dict[int, list[FoldResult]] | None = None


AT_ONCE = SearchRun()
"""Nothing kept, nothing tried first, nobody told."""

SLACK = 1.5
"""Times its part of the seconds that a fold may take."""
TRIAL_ERRORS = (ValueError, ArithmeticError)
"""What an unsuitable set of parameters raises: the trial fails, the search goes on."""


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
    firsts, wanted = first_points(candidate, spaces, run.warm_start), tuning.n_trials
    if tuning.sampler == "grid":
        firsts = grid_points(spaces, goal.random_state, tuning.n_trials)
        wanted = len(firsts)
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
        spent = max(float(study.user_attrs.get("seconds", 0.0)), sum(map(_seconds, _finished(study))))
        deadline = started + limit - spent

        def objective(trial: optuna.Trial) -> float:
            return _objective(trial, folds, candidate, spaces, goal, deadline, run)

        def report(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
            if run.progress is not None:
                best = _best_value(study)
                run.progress(len(_finished(study)), wanted, math.nan if best is None else best)

        while (done := len(_finished(study))) < wanted:
            left = deadline - time.monotonic()
            if left <= 0 and not _goes_on(study, run):
                # Searched to the end of its time: started again, it answers at once.
                study.set_user_attr("seconds", max(float(study.user_attrs.get("seconds", 0.0)), limit))
                break
            parallel = tuning.parallelization.n_jobs
            batch = 1 if parallel == 1 or left <= 0 else wanted - done
            study.sampler = sampler(
                tuning.sampler,
                (goal.random_state + 7919 * done) % 2**32,
                max(len(firsts) + 1, min(10, tuning.n_trials // 3)),
            )
            if not study.get_trials(states=(optuna.trial.TrialState.WAITING,)):
                for first in firsts[done : done + batch]:
                    study.enqueue_trial(first)
            study.optimize(
                objective,
                n_trials=batch,
                timeout=left if batch > 1 and math.isfinite(left) else None,
                n_jobs=parallel if batch > 1 else 1,
                catch=TRIAL_ERRORS,
                callbacks=[report],
            )
    return _tuned(study, candidate, goal, spent, time.monotonic() - started)


def _objective(
    trial: optuna.Trial,
    folds: Sequence[FoldData],
    candidate: Candidate,
    spaces: Mapping[str, Space],
    goal: Goal,
    deadline: float,
    run: SearchRun,
) -> float:
    import optuna

    chosen = {key: suggest(trial, key, space) for key, space in spaces.items()}
    same = _same_params(trial)
    if same is not None and same.state is optuna.trial.TrialState.PRUNED:
        raise optuna.TrialPruned
    if same is not None and same.value is not None:
        for name in ("fold_scores", "trees"):
            trial.set_user_attr(name, same.user_attrs.get(name, []))
        for step, value in same.intermediate_values.items():
            trial.report(value, step)
        return float(same.value)
    params = filled(candidate.hyperparameters, chosen)
    results: list[FoldResult] = []
    ends = math.inf if _goes_on(trial.study, run) else deadline
    try:
        for step, fold in enumerate(folds, start=1):
            result = fold_result(candidate, params, fold, goal, _fold_ends(ends, len(folds) - step))
            if not math.isfinite(result.score):
                raise ValueError(f"{undefined(goal.metric, f'fold {step}')}.")
            results.append(result)
            trial.report(_mean(results), step)
            if step < len(folds) and (time.monotonic() > ends or trial.should_prune()):
                raise optuna.TrialPruned
    except OutOfTime:
        raise optuna.TrialPruned from None
    except TRIAL_ERRORS as error:
        trial.set_user_attr("error", str(error))
        raise
    trial.set_user_attr("fold_scores", [result.score for result in results])
    trial.set_user_attr("trees", [result.trees for result in results if result.trees is not None])
    if run.results is not None and _is_best(trial.study, _mean(results)):
        run.results.clear()
        run.results[trial.number] = results
    return _mean(results)


def _fold_ends(ends: float, later: int) -> float:
    """When a fold is given up: one that takes far more than its part of what is left would leave the others none."""
    now = time.monotonic()
    return min(ends, now + SLACK * (ends - now) / (later + 1))


def _mean(results: Sequence[FoldResult]) -> float:
    return float(np.mean([result.score for result in results]))


def _goes_on(study: optuna.Study, run: SearchRun) -> bool:
    """Whether there is no trial yet that must be completed, however late it is."""
    return run.must_complete and _best_value(study) is None


def _is_best(study: optuna.Study, value: float) -> bool:
    best = _best_value(study)
    if best is None:
        return True
    return value > best if study.direction.name == "MAXIMIZE" else value < best


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that came to an end by themselves; a killed one is not counted and is done again."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED")
        or (trial.state.name == "FAIL" and "error" in trial.user_attrs)
    ]


def _same_params(trial: optuna.Trial) -> optuna.trial.FrozenTrial | None:
    return next(
        (
            other
            for other in trial.study.get_trials(deepcopy=False)
            if other.number != trial.number
            and other.params == trial.params
            and other.state.name in ("COMPLETE", "PRUNED")
        ),
        None,
    )


def _best_value(study: optuna.Study) -> float | None:
    return (
        study.best_value
        if any(t.state.name == "COMPLETE" for t in study.get_trials(deepcopy=False))
        else None
    )


def _seconds(trial: optuna.trial.FrozenTrial) -> float:
    return (trial.duration or timedelta()).total_seconds()


def _tuned(study: optuna.Study, candidate: Candidate, goal: Goal, spent: float, seconds: float) -> Tuned:
    trials, spaces = _finished(study), searched(candidate.hyperparameters)
    if _best_value(study) is None:
        reason = next(
            (t.user_attrs["error"] for t in reversed(trials) if "error" in t.user_attrs), "none was run"
        )
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
            engine="optuna",
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
