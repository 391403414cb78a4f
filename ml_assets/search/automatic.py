"""The automatic search: the first point of each family, then each in its part of the budget; then one, or a blend."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ml_assets.estimators.candidate import Family
from ml_assets.estimators.libraries import Input
from ml_assets.recipe.schema import Tuning
from ml_assets.search.blending import difference
from ml_assets.search.folds import FoldData, FoldResult, Goal, fold_result
from ml_assets.search.standings import Automatic, Found, automatic, of_family
from ml_assets.search.study import AT_ONCE, NO_TIME, SearchRun, Tuned, tune
from ml_assets.shown import duration
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.metrics import metric_named

REFIT = 1.4
"""Fits of a fold that one on all rows takes at most: what is kept back of a family's seconds."""
FIRST = 0.75
"""Part of the seconds that are left in which the first point of a family is fitted, or given up."""
TREES = ("n_estimators", "iterations")
"""Parameters for the number of trees."""
TREES_OF_SEVERAL = 200
"""Trees where there are several targets, each of which would want its own."""
FAR = 4.0
"""Standard errors, fold by fold, by which a family is behind the best where more trials would not bring it near."""
FOLDS_TO_TELL = 4
"""Folds from which such an error says something."""
MORE_ROWS = 1.1
"""Trees of the fit on all rows, as a multiple of those of a fold, which learns fewer."""


def search_families(
    data: Mapping[Input, Sequence[FoldData]],
    families: Mapping[str, Family],
    goal: Goal,
    tuning: Tuning,
    *,
    study_name: str,
    run: SearchRun = AT_ONCE,
    begins: Callable[[str, float], None],
) -> Automatic:
    """Search each family in turn, and choose one or a blend by what their best predicted on the folds.

    First of each family its first known good point, so that none is left out as long as it fits; then the other trials.

    Parameters
    ----------
    data : mapping of input to sequence of FoldData
        The same folds, prepared for each kind of input.
    families : mapping of str to Family
        In the order in which they are searched.
    goal : Goal
    tuning : Tuning
        `n_trials` are parted among the families, so are the seconds.
    study_name : str
        Identity of the search.
    run : SearchRun
    begins : callable
        Called before each family with what comes and where it is ended, and 0: how long it takes is not known.

    Raises
    ------
    ValueError
        If no family could be fitted, with the last reason.
    """
    fitting = {name: family for name, family in families.items() if _not_too_wide(family, data)}
    search = _Search(data, fitting, goal, tuning, study_name, _remembering(run), begins)
    for name in search.plan:
        search.first(name)
    for name in search.plan:
        search.more(name)
    if not search.found:
        raise ValueError(search.failures[-1])
    for name in search.found:
        search.as_fitted(name)
    chosen = automatic(search.found, data, goal, search.late, search.elapsed)
    if not search.failures:
        return chosen
    why = f"{chosen.choice.why}; left out: {'; '.join(search.failures)}"
    return replace(chosen, choice=chosen.choice.model_copy(update={"why": why}))


class _Search:
    """The families' searches, one after another: of each its first point, then of each the rest of its trials."""

    def __init__(
        self,
        data: Mapping[Input, Sequence[FoldData]],
        families: Mapping[str, Family],
        goal: Goal,
        tuning: Tuning,
        study_name: str,
        run: SearchRun,
        begins: Callable[[str, float], None],
    ) -> None:
        self._started = time.monotonic()
        self._data, self._families, self._goal = data, families, goal
        self._tuning, self._study, self._run, self._begins = tuning, study_name, run, begins
        self._limit = min(x for x in (tuning.timeout, run.time_limit, math.inf) if x is not None)
        self._results: dict[str, dict[int, list[FoldResult]]] = {}
        self.plan = parted(families, tuning.trials)
        self.found: dict[str, Found] = {}
        self.failures: list[str] = []
        self.late = False

    @property
    def elapsed(self) -> float:
        """Seconds of the search, those before an interruption too."""
        spent = sum(each.tuned.spent for each in self.found.values())
        return max(spent, time.monotonic() - self._started)

    def first(self, name: str) -> None:
        """Fit the first point of a family, in most of what is left."""
        last = name == list(self.plan)[-1]
        self._tune(name, 1, self._left(name) * (1.0 if last else FIRST))

    def more(self, name: str) -> None:
        """Go on with a family in its part of what is left; one that is far behind tries what is known to be good."""
        rest = list(self.plan)[list(self.plan).index(name) :]
        going = {each: self._wanted(each) for each in rest if each in self.found}
        going = {each: wanted for each, wanted in going.items() if wanted > self._done(each)}
        shares = [self._families[each].share for each in going]
        if name in going:
            self._tune(name, going[name], self._left(name) * self._families[name].share / sum(shares))

    def as_fitted(self, name: str) -> None:
        """Judge boosting by what it will be: with the trees that it wants, and none of the rows kept back to stop it.

        Other families learn all rows of a fold, and boosting that lacks some of few looks worse beside them.
        """
        known, folds = self.found[name], self._folds(name)
        if not self._fitted_again(name):
            return
        if len(folds) * known.fold_seconds > self._limit - self.elapsed - self._to_fit():
            self.late = True
            return
        self._begins(f"{name}, {len(folds)} folds with {_trees_of(known.params):,} trees", 0.0)
        whole = replace(
            known.tuned, candidate=replace(known.tuned.candidate, rounds=None), params=known.params
        )
        self.found[name] = replace(known, results=_again(whole, folds, self._goal))

    def _done(self, name: str) -> int:
        return self.found[name].tuned.record.total_trials

    def _wanted(self, name: str) -> int:
        known = 1 + len(self._families[name].candidate.more)
        return min(self.plan[name], known) if self._far_behind(name) else self.plan[name]

    def _far_behind(self, name: str) -> bool:
        sign = 1 if metric_named(self._goal.metric).direction == "maximize" else -1
        scores = {key: each.tuned.fold_scores for key, each in self.found.items()}
        best = max(scores.values(), key=lambda each: sign * float(np.mean(each)))
        loss, error = difference(best, scores[name], sign)
        return len(best) >= FOLDS_TO_TELL and loss > FAR * error

    def _folds(self, name: str) -> Sequence[FoldData]:
        return self._data[self._families[name].candidate.input]

    def _to_fit(self) -> float:
        """Seconds that fits of all families on all rows will take."""
        return sum(REFIT * each.fold_seconds for each in self.found.values())

    def _left(self, name: str) -> float:
        """Seconds for trials of a family: what comes after them is kept back, its own too."""
        left = self._limit - self.elapsed
        left -= sum(self._after(key) * each.fold_seconds for key, each in self.found.items())
        if name in self.found:
            return left
        folds = len(self._folds(name))
        return left * folds / (folds + self._after(name))

    def _after(self, name: str) -> float:
        """Fits of a fold that come after the trials of a family."""
        return REFIT + (len(self._folds(name)) if self._fitted_again(name) else 0)

    def _fitted_again(self, name: str) -> bool:
        """Whether boosting was stopped by some of few rows; a tree for each of several classes takes too long."""
        several = self._goal.positive is None and TASKS[self._goal.task].classes
        stopped = self._families[name].candidate.rounds is not None and not self._goal.targets
        return stopped and not several and len(self._folds(name)) > 1

    def _tune(self, name: str, trials: int, seconds: float) -> None:
        if seconds <= 0 and self.found:
            self.late = True
            if name not in self.found:
                self.failures.append(f"{name}: {NO_TIME}")
            return
        known, family = self.found.get(name), self._families[name]
        bound = f" and {duration(max(seconds, 0.0))}" if math.isfinite(seconds) else ""
        # How long it takes nobody knows before: what is told is where it is ended.
        what = f"at most {trials:,} trials" if known else "first trial, at most 1"
        self._begins(f"{name}, {what}{bound}", 0.0)
        folds, results = self._folds(name), self._results.setdefault(name, {})
        others = {key: each for key, each in self.found.items() if key != name}
        try:
            tuned = tune(
                folds,
                (_of_several(family) if self._goal.targets else family).candidate,
                self._goal,
                self._tuning.model_copy(update={"n_trials": trials, "timeout": None}),
                study_name=f"{self._study}-{name}",
                run=replace(
                    self._run,
                    time_limit=max(seconds, 0.0) + (known.tuned.spent if known else 0.0),
                    warm_start=of_family(self._run.warm_start, name),
                    progress=_counted(self._run, sum(self.plan.values()), others, self._goal),
                    must_complete=not self.found,
                    results=results,
                ),
            )
        except ValueError as error:
            self.failures.append(f"{name}: {error}")
            self.late = self.late or NO_TIME in str(error)
            return
        self.late = self.late or tuned.record.total_trials < trials
        best = results.get(tuned.number) or _again(tuned, folds, self._goal)
        results.setdefault(tuned.number, best)
        self.found[name] = Found(tuned, best, _with_trees(tuned))


def _remembering(run: SearchRun) -> SearchRun:
    """Keep the studies in memory where no folder is given: each family is searched in two parts."""
    if run.storage is not None:
        return run
    from optuna.storages import InMemoryStorage

    return replace(run, storage=InMemoryStorage())


def _not_too_wide(family: Family, data: Mapping[Input, Sequence[FoldData]]) -> bool:
    columns = np.shape(data[family.candidate.input][0].X_train)[1]
    return family.most_columns is None or columns <= family.most_columns


def parted(families: Mapping[str, Family], n_trials: int) -> dict[str, int]:
    """Part trials among the families by their shares, one each at least as long as there are enough.

    >>> from ml_assets.estimators.candidate import Candidate
    >>> some = {name: Family(Candidate(""), share, None, 8) for name, share in (("a", 1), ("b", 3), ("c", 2))}
    >>> parted(some, 2), parted(some, 9), parted(some, 100)
    ({'a': 1, 'b': 1}, {'a': 2, 'b': 4, 'c': 3}, {'a': 8, 'b': 8, 'c': 8})
    """
    plan = dict.fromkeys(list(families)[:n_trials], 1)
    for _ in range(n_trials - len(plan)):
        open_ones = [name for name in plan if plan[name] < families[name].most_trials]
        if not open_ones:
            break
        plan[min(open_ones, key=lambda name: plan[name] / families[name].share)] += 1
    return plan


def _of_several(family: Family) -> Family:
    """Give up early stopping: each of several targets would want another number of trees."""
    spaces = dict(family.candidate.hyperparameters)
    spaces |= {name: TREES_OF_SEVERAL for name in TREES if name in spaces and family.candidate.rounds}
    return replace(family, candidate=replace(family.candidate, hyperparameters=spaces, rounds=None))


def _counted(
    run: SearchRun, total: int, found: Mapping[str, Found], goal: Goal
) -> Callable[[int, int, float], None]:
    """Tell the trials of a family as those of the whole search; `found` are the others."""
    done = sum(each.tuned.record.total_trials for each in found.values())
    better = max if metric_named(goal.metric).direction == "maximize" else min
    known = [each.tuned.record.best_score for each in found.values()]

    def progress(of_family: int, _: int, best: float) -> None:
        if run.progress is not None:
            reached = [*known, best] if math.isfinite(best) else known
            run.progress(done + of_family, total, better(reached) if reached else math.nan)

    return progress


def _again(tuned: Tuned, folds: Sequence[FoldData], goal: Goal) -> list[FoldResult]:
    """Fit the best again: its predictions were made before an interruption."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return [fold_result(tuned.candidate, tuned.params, fold, goal) for fold in folds]


def _trees_of(params: Mapping[str, Any]) -> int:
    return next(int(params[name]) for name in TREES if name in params)


def _with_trees(tuned: Tuned) -> dict[str, Any]:
    """Parameters of the fit on all rows: as many trees as the folds wanted."""
    if not tuned.trees:
        return tuned.params
    trees = max(1, round(MORE_ROWS * float(np.mean(tuned.trees))))
    return tuned.params | {name: trees for name in TREES if name in tuned.params}
