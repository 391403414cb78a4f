from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import optuna
import pandas as pd
import pytest

from ml_assets.estimators.candidate import Candidate
from ml_assets.recipe.schema import Pruning, Tuning
from ml_assets.recipe.space import Categorical, Float, Int, Nested
from ml_assets.search.folds import FoldData, FoldResult, Goal, fold_result
from ml_assets.search.samplers import pruner, sampling
from ml_assets.search.study import SearchRun, Tuned, tune
from ml_assets.search.trials import PLACE
from ml_assets.tasks.metrics import METRICS, metric_named
from ml_assets.tasks.space import written
from ml_assets_tests.support.processes import outliving
from ml_assets_tests.support.shop import interactions, points

TREE = {
    "max_depth": Int(1, 8),
    "min_samples_leaf": Int(1, 41, step=10),
    "criterion": Categorical(("gini", "entropy")),
}
CLASSIFIER = Candidate("sklearn.tree.DecisionTreeClassifier", TREE)
REGRESSOR = Candidate(
    "sklearn.tree.DecisionTreeRegressor", {k: TREE[k] for k in ("max_depth", "min_samples_leaf")}
)
CANDIDATES = {
    "classification": CLASSIFIER,
    "causal": Candidate(
        "ml_assets.uplift.TLearner", {"learner": Nested(REGRESSOR.class_path, REGRESSOR.hyperparameters)}
    ),
    "clustering": Candidate("sklearn.cluster.KMeans", {"n_clusters": Int(2, 9), "max_iter": Int(1, 9)}),
    "recommendation": Candidate(
        "sklearn.decomposition.TruncatedSVD", {"n_components": Int(2, 19), "n_iter": Int(1, 9)}
    ),
}
NO_PRUNING = Tuning(n_trials=12, pruning=Pruning(enabled=False))
OPTIONAL = [each for each in get_args(Tuning.model_fields["engine"].annotation) if each != "optuna"]
every_engine = pytest.mark.parametrize(
    "engine", ["optuna", *(pytest.param(each, marks=pytest.mark.extras) for each in OPTIONAL)]
)


def fold_data(task: str = "classification", n: int = 150, n_folds: int = 4) -> list[FoldData]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 4))
    value = 5 + X[:, 0] ** 2 + X[:, 1] + rng.normal(0, 0.5, n)
    y: Any = pd.Series(np.where(value > 6, "yes", "no") if task == "classification" else value)
    if task == "causal":
        treated = np.arange(n) // n_folds % 2
        y = pd.DataFrame({"target": y + treated * X[:, 2], "treated": treated})
    if task == "clustering":
        y = pd.Series([written(dict(zip("abcd", row, strict=True))) for row in X.tolist()])
    if task == "recommendation":
        frame = interactions(n, 20, 20)
        X, y = frame[["user"]].to_numpy(), points(frame)
    parts, naive = np.arange(n) % n_folds, np.roll(value, 1)
    return [
        FoldData(
            X[parts != k],
            y[parts != k].to_numpy(),
            X[parts == k],
            y[parts == k].reset_index(drop=True),
            naive[parts == k],
        )
        for k in range(n_folds)
    ]


def goal(metric: str = "roc_auc") -> Goal:
    task = metric_named(metric).task
    return Goal(task, metric, "yes" if task == "classification" else None, 5)


def search(tuning: Tuning = NO_PRUNING, metric: str = "roc_auc", **options: Any) -> Tuned:
    task = metric_named(metric).task
    candidate = options.pop("candidate", CANDIDATES.get(task, REGRESSOR))
    run = SearchRun(**options)
    return tune(fold_data(task), candidate, goal(metric), tuning, study_name="s", run=run)


def trials(tuned: Tuned) -> list[tuple[Any, ...]]:
    return [(t.number, t.params, t.value, t.state) for t in tuned.record.history]


def with_engine(engine: str, tuning: Tuning = NO_PRUNING) -> Tuning:
    return tuning.model_copy(update={"engine": engine})


@every_engine
@pytest.mark.parametrize("metric", METRICS)
def test_best_trial_is_the_best_trial(metric: str, engine: str) -> None:
    tuned = search(with_engine(engine), metric)
    assert tuned.record.engine == engine
    values = [t.value for t in tuned.record.history if t.value is not None]
    assert len(set(values)) > 2
    best = max(values) if metric_named(metric).direction == "maximize" else min(values)
    assert tuned.record.best_score == best
    assert tuned.record.best_params in [t.params for t in tuned.record.history if t.value == best]
    again = [
        fold_result(tuned.candidate, tuned.params, fold, goal(metric)).score
        for fold in fold_data(metric_named(metric).task)
    ]
    assert tuned.fold_scores == tuple(again)
    assert float(np.mean(again)) == best


@every_engine
def test_same_seed_same_search(engine: str) -> None:
    tuning = with_engine(engine)
    first = search(tuning)
    np.random.seed(7)  # of nobody: an engine has its own
    assert trials(search(tuning)) == trials(first)
    other = tune(fold_data(), CLASSIFIER, replace(goal(), random_state=6), tuning, study_name="s")
    assert trials(other) != trials(first)


@every_engine
def test_trials_differ(engine: str) -> None:
    # The first points and those after them; a constant seed would draw one point again and again.
    history = search(with_engine(engine)).record.history
    assert len({str(t.params) for t in history[:4]}) == 4


@every_engine
@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
def test_points_come_near_the_best_up_or_down(engine: str, direction: str, sign: int) -> None:
    study = optuna.create_study(direction=direction)
    sampler_at = sampling(with_engine(engine, Tuning(n_trials=40)), study, 3, 1)
    study.enqueue_trial({"x": 0.0, "k": 5})
    for place in range(40):
        study.sampler = sampler_at(place)
        trial = study.ask()
        trial.set_user_attr(PLACE, place)
        x, k = trial.suggest_float("x", -10, 10), trial.suggest_int("k", -9, 31, step=2)
        study.tell(trial, sign * ((x - 7) ** 2 + (k - 21) ** 2 / 4))
    late = [trial.params for trial in study.trials[20:]]
    assert np.median([abs(each["x"] - 7) for each in late]) < 6  # at random 7, the wrong way 13
    assert np.median([abs(each["k"] - 21) for each in late]) < 9  # at random 10


LEAF = {
    "max_depth": Int(1, 8),
    "min_samples_leaf": Int(1, 39, step=10),
    "max_leaf_nodes": Int(2, 99, log=True),
    "min_samples_split": Categorical((16, 4, 2, 8)),
    "max_features": Categorical((None, "sqrt", 1, 0.5)),
    "ccp_alpha": Float(1e-6, 0.01, log=True),
    "min_impurity_decrease": Float(0.0, 0.1),
    "min_weight_fraction_leaf": Float(0.01, 0.01),
    "random_state": Int(3, 3),
}


@every_engine
def test_every_point_lies_in_its_spaces_and_few_are_tried_twice(engine: str) -> None:
    spaces = {"bootstrap": Categorical((True, False)), "n_estimators": Int(1, 9)}
    candidate = Candidate(
        "sklearn.ensemble.BaggingClassifier",
        spaces | {"estimator": Nested("sklearn.tree.DecisionTreeClassifier", LEAF)},
    )
    spaces |= {f"estimator.{name}": space for name, space in LEAF.items()}
    history = search(with_engine(engine, Tuning(n_trials=40)), candidate=candidate).record.history
    for trial in history:
        assert set(trial.params) == set(spaces)
        assert [name for name, value in trial.params.items() if not contains(spaces[name], value)] == []
    assert len({str(trial.params) for trial in history}) > 35
    for name, space in spaces.items():
        values = {str(trial.params[name]) for trial in history}
        assert len(values) > 1 or (space in LEAF.values() and space.low == space.high)  # type: ignore[union-attr]


def contains(space: Int | Float | Categorical, value: Any) -> bool:
    if isinstance(space, Categorical):
        return any(value == choice and type(value) is type(choice) for choice in space.choices)
    if isinstance(space, Int):
        return (
            type(value) is int and space.low <= value <= space.high and (value - space.low) % space.step == 0
        )
    return type(value) is float and space.low <= value <= space.high


@every_engine
def test_a_small_space_that_was_tried_whole_ends_the_search_in_peace(engine: str) -> None:
    candidate = Candidate("sklearn.tree.DecisionTreeClassifier", {"max_depth": Int(1, 3)})
    tuned = search(with_engine(engine), candidate=candidate)
    assert {t.params["max_depth"] for t in tuned.record.history} == {1, 2, 3}
    assert tuned.record.total_trials == 12


@every_engine
def test_an_interrupted_search_ends_as_an_uninterrupted_one(tmp_path: Path, engine: str) -> None:
    tuning = with_engine(engine, Tuning(n_trials=12, pruning=Pruning(n_startup_trials=2)))

    def interrupt(done: int, total: int, best: float) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tuning, storage=tmp_path, progress=interrupt)
    journal = tmp_path / "s.journal"
    _kill_in_the_middle_of_a_trial(journal)
    seen: list[int] = []
    resumed = search(tuning, storage=tmp_path, progress=lambda done, total, best: seen.append(done))
    assert seen == [6, 7, 8, 9, 10, 11, 12]
    assert trials(resumed) == trials(search(tuning))
    assert "RUNNING" not in {t.state.name for t in _study(journal).trials}


def _study(journal: Path) -> optuna.Study:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    return optuna.load_study(study_name="s", storage=storage)


def _kill_in_the_middle_of_a_trial(journal: Path) -> None:
    """Leave what `kill -9` leaves: a running trial and half a line."""
    _study(journal).ask()
    with journal.open("ab") as file:
        file.write(b'{"op_code": 5, "wor')


@every_engine
def test_a_finished_search_answers_at_once(tmp_path: Path, engine: str) -> None:
    first = search(with_engine(engine), storage=tmp_path)
    seen: list[int] = []
    again = search(
        with_engine(engine), storage=tmp_path, progress=lambda done, total, best: seen.append(done)
    )
    assert seen == []
    assert trials(again) == trials(first)
    assert (again.params, again.fold_scores) == (first.params, first.fold_scores)


def test_pruned_trials_are_really_stopped(tmp_path: Path) -> None:
    tuning = Tuning(n_trials=20, pruning=Pruning(n_startup_trials=2, n_warmup_steps=1))
    tuned = search(tuning, storage=tmp_path)
    assert tuned.record.pruned_trials > 0
    assert tuned.record.pruned_trials == sum(t.state == "pruned" for t in tuned.record.history)
    folds_seen = {"pruned": set(), "complete": set()}
    for trial in _study(tmp_path / "s.journal").trials:
        folds_seen[trial.state.name.lower()].add(len(trial.intermediate_values))
    assert max(folds_seen["pruned"]) < 4
    assert folds_seen["complete"] == {4}
    assert all((t.value is None) == (t.state == "pruned") for t in tuned.record.history)


@every_engine
def test_a_search_goes_on_with_more_trials(tmp_path: Path, engine: str) -> None:
    shorter = search(with_engine(engine, Tuning(n_trials=5)), storage=tmp_path)
    seen: list[int] = []
    longer = search(
        with_engine(engine, Tuning(n_trials=9)),
        storage=tmp_path,
        progress=lambda done, total, best: seen.append(done),
    )
    assert seen == [6, 7, 8, 9]
    assert trials(longer)[:5] == trials(shorter)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "rmse"])
def test_pruning_saves_folds_and_loses_nothing(tmp_path: Path, metric: str) -> None:
    plain = Tuning(n_trials=60, pruning=Pruning(enabled=False))
    whole = search(plain, metric, storage=tmp_path / "whole")
    pruned = search(Tuning(n_trials=60), metric, storage=tmp_path / "pruned")
    assert pruned.record.pruned_trials > 60 * 0.2
    sign = 1 if metric_named(metric).direction == "maximize" else -1
    assert sign * pruned.record.best_score >= sign * whole.record.best_score
    folds = [
        sum(len(trial.intermediate_values) for trial in _study(tmp_path / name / "s.journal").trials)
        for name in ("pruned", "whole")
    ]
    assert folds[0] < 0.85 * folds[1]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
@pytest.mark.parametrize("metric", ["rmse", "mae", "log_loss", "roc_auc", "f1", "quantile_loss_90"])
def test_every_sampler_chooses_the_best_and_the_same_again(sampler: str, metric: str) -> None:
    tuning = Tuning(n_trials=8, sampler=sampler, pruning=Pruning(enabled=False))  # type: ignore[arg-type]  # a Literal
    tuned = search(tuning, metric)
    assert trials(tuned) == trials(search(tuning, metric))
    values = [t.value for t in tuned.record.history if t.value is not None]
    assert tuned.record.best_score == (max if metric_named(metric).direction == "maximize" else min)(values)


def test_a_grid_is_tried_point_by_point_once_and_then_ends(tmp_path: Path) -> None:
    candidate = Candidate(
        "sklearn.tree.DecisionTreeClassifier",
        {"max_depth": Int(1, 3), "criterion": Categorical(("gini", "entropy"))},
    )
    tuning = Tuning(n_trials=50, sampler="grid", pruning=Pruning(enabled=False))
    tuned = search(tuning, candidate=candidate, storage=tmp_path)
    tried = [tuple(sorted(t.params.items())) for t in tuned.record.history]
    assert len(tried) == len(set(tried)) == 6
    assert trials(search(tuning, candidate=candidate, storage=tmp_path)) == trials(tuned)


@pytest.mark.parametrize("algorithm", ["MedianPruner", "HyperbandPruner", "SuccessiveHalvingPruner"])
def test_every_pruner_of_the_recipe_searches(algorithm: str) -> None:
    pruning = Pruning(algorithm=algorithm, n_startup_trials=1)
    assert type(pruner(pruning, 4)).__name__ == algorithm
    tuned = search(Tuning(n_trials=15, pruning=pruning))
    assert tuned.record.total_trials == 15
    assert tuned.record.pruned_trials > 0


def test_the_smaller_time_limit_holds_and_one_trial_is_completed(tmp_path: Path) -> None:
    for tuning, limit in ((Tuning(n_trials=50, timeout=1e-6), None), (Tuning(n_trials=50), 1e-6)):
        tuned = search(tuning, time_limit=limit)
        assert tuned.record.by_clock
        assert tuned.record.total_trials == 1
    first = search(Tuning(n_trials=50), time_limit=1e-6, storage=tmp_path)
    assert trials(search(Tuning(n_trials=50), time_limit=1e-6, storage=tmp_path)) == trials(first)
    longer = search(Tuning(n_trials=5), time_limit=60.0, storage=tmp_path)
    assert not longer.record.by_clock
    assert longer.record.total_trials == 5


def test_the_last_best_is_tried_first_then_the_defaults() -> None:
    last = {"max_depth": 2, "min_samples_leaf": 31, "criterion": "entropy", "gone": 1}
    history = search(warm_start=last).record.history
    assert history[0].params == {"max_depth": 2, "min_samples_leaf": 31, "criterion": "entropy"}
    # scikit-learn: max_depth=None is in no space, so the middle; min_samples_leaf=1; criterion="gini".
    assert history[1].params == {"max_depth": 4, "min_samples_leaf": 1, "criterion": "gini"}


def test_a_last_best_outside_the_space_is_left_out() -> None:
    history = search(warm_start={"max_depth": 99, "criterion": "nonsense"}).record.history
    assert history[0].params == {"max_depth": 4, "min_samples_leaf": 1, "criterion": "gini"}


def test_a_candidate_s_own_points_come_before_the_search() -> None:
    own = replace(CLASSIFIER, first={"max_depth": 2}, more=({"max_depth": 7, "criterion": "entropy"},))
    history = search(candidate=own).record.history
    assert history[0].params == {"max_depth": 2, "min_samples_leaf": 1, "criterion": "gini"}
    assert history[1].params == {"max_depth": 7, "min_samples_leaf": 1, "criterion": "entropy"}


def test_what_the_best_predicted_is_kept() -> None:
    kept: dict[int, Any] = {}
    tuned = search(results=kept)
    (results,) = kept.values()
    assert list(kept) == [tuned.number]
    assert tuple(result.score for result in results) == tuned.fold_scores


def test_choices_keep_their_type() -> None:
    space = {
        "hidden_layer_sizes": Categorical(((4,), (3, 2))),
        "early_stopping": Categorical((True, False)),
        "max_iter": 5,
    }
    tuned = search(Tuning(n_trials=4), candidate=Candidate("sklearn.neural_network.MLPClassifier", space))
    assert tuned.params["hidden_layer_sizes"] in ([4], [3, 2])
    assert isinstance(tuned.params["early_stopping"], bool)
    assert tuned.record.best_params["hidden_layer_sizes"] in ([4], [3, 2])


def test_inner_estimators_are_searched() -> None:
    inner = Nested("sklearn.tree.DecisionTreeClassifier", {"max_depth": Int(1, 5)})
    candidate = Candidate("sklearn.ensemble.BaggingClassifier", {"n_estimators": 3, "estimator": inner})
    tuned = search(Tuning(n_trials=4), candidate=candidate)
    assert set(tuned.record.best_params) == {"estimator.max_depth"}
    assert tuned.params["estimator"].hyperparameters == {
        "max_depth": tuned.record.best_params["estimator.max_depth"]
    }


def in_processes(sampler: str = "random", **changes: Any) -> Tuning:
    return Tuning.model_validate(
        {"n_trials": 8, "sampler": sampler, "parallelization": {"n_jobs": 2}, "pruning": {"enabled": False}}
        | changes
    )


@pytest.mark.parametrize("sampler", ["random", pytest.param("grid", marks=pytest.mark.slow)])
def test_trials_in_processes_find_what_one_at_a_time_finds(sampler: str) -> None:
    results: dict[int, list[FoldResult]] = {}
    alone = search(in_processes(sampler, parallelization={"n_jobs": 1}))
    together = search(in_processes(sampler), results=results)
    assert trials(together) == trials(alone)
    assert (together.params, together.fold_scores) == (alone.params, alone.fold_scores)
    assert [each.score for each in results[together.number]] == list(together.fold_scores)


def test_trials_in_processes_that_were_interrupted_go_on_with_those_that_are_missing(tmp_path: Path) -> None:
    def interrupt(done: int, _total: int, _best: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(in_processes(), storage=tmp_path, progress=interrupt)
    seen: list[int] = []
    resumed = search(in_processes(), storage=tmp_path, progress=lambda done, _total, _best: seen.append(done))
    assert seen == [4, 5, 6, 7, 8]
    assert trials(resumed) == trials(search(in_processes(parallelization={"n_jobs": 1})))


@pytest.mark.parametrize("engine", [pytest.param(each, marks=pytest.mark.extras) for each in OPTIONAL])
def test_an_engine_with_processes_keeps_what_was_finished(tmp_path: Path, engine: str) -> None:
    """What it is told comes in another order; the points that are left are chosen all the same."""

    def interrupt(done: int, _total: int, _best: float) -> None:
        if done == 6:
            raise KeyboardInterrupt

    tuning = in_processes(n_trials=12).model_copy(update={"engine": engine, "sampler": "tpe"})
    with pytest.raises(KeyboardInterrupt):
        search(tuning, storage=tmp_path, progress=interrupt)
    kept = {t.number: t.params for t in _study(tmp_path / "s.journal").trials if t.value is not None}
    resumed = search(tuning, storage=tmp_path)
    ended = {t.number: t.params for t in _study(tmp_path / "s.journal").trials if t.value is not None}
    assert len(kept) == 6
    assert ended.items() >= kept.items()
    assert len(ended) == resumed.record.total_trials == 12


def test_a_process_ends_with_who_began_it(tmp_path: Path) -> None:
    """A search that is killed leaves no process behind."""
    code = """
import multiprocessing, time
from ml_assets.search.processes import fitting
from ml_assets.search.trials import Fit
from ml_assets_tests.search.test_study import CLASSIFIER, fold_data, goal
if __name__ == "__main__":
    with fitting(fold_data(), CLASSIFIER, goal(), 2) as fit:
        fit(Fit({"max_depth": 2}, 0, float("inf"))).result()
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep(60)
"""
    assert outliving(tmp_path, code) == []


def test_unsuitable_parameters_fail_their_trial_only() -> None:
    space = {"solver": Categorical(("lbfgs", "liblinear")), "l1_ratio": Categorical((0.0, 1.0))}
    tuned = search(candidate=Candidate("sklearn.linear_model.LogisticRegression", space))
    assert {t.state for t in tuned.record.history} >= {"failed", "complete"}


def test_a_search_without_a_complete_trial_says_why() -> None:
    space = {"C": Float(0.1, 1.0), "solver": "nonsense"}
    with pytest.raises(ValueError, match=r"None of 12 trials could be completed.*solver"):
        search(candidate=Candidate("sklearn.linear_model.LogisticRegression", space))
