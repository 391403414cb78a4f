"""The section `hyperparameter_tuning`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ml_assets.recipe.schema.section import Section

TRIALS = 20
"""Trials of a search where none are said."""


class Pruning(Section):
    """Stopping hopeless trials after a few folds."""

    enabled: bool = True
    """Whether trials may be stopped early."""
    algorithm: Literal["MedianPruner", "HyperbandPruner", "SuccessiveHalvingPruner"] = "MedianPruner"
    """Optuna pruner."""
    n_startup_trials: int = Field(5, ge=0)
    """Trials that are never stopped."""
    n_warmup_steps: int = Field(1, ge=0)
    """Folds before a trial may be stopped."""


class Parallelization(Section):
    """Trials at the same time."""

    n_jobs: int = Field(1, ge=1)
    """Processes of one thread that fit trials, or fits at a time by a cluster's workers. With several, `tpe` and
    pruning know other trials each time; `random` and `grid` without pruning find the same."""


class Tuning(Section):
    """The search for hyperparameters."""

    enabled: bool = True
    """Off: every hyperparameter must be a plain value."""
    engine: Literal["optuna", "flaml", "hyperopt"] = "optuna"
    """What chooses points: Optuna's `sampler`, FLAML's cost-frugal search or Hyperopt's TPE (extras of their names)."""
    n_trials: int | None = Field(None, ge=1)
    """Trials in total. Default: 20; with `timeout` alone the automatic search goes on until its seconds are over."""
    metric: str | None = None
    """Metric to optimise, or the path of your own. Default: roc_auc (two classes), f1 (more), rmse (regression),
    mae (timeseries)."""
    direction: Literal["maximize", "minimize"] | None = None
    """Must agree with the metric; may be left out, but for one of your own that `evaluation.own_metrics` lacks."""
    timeout: float | None = Field(None, gt=0)
    """Seconds for the whole search; the operator's limit may be lower. Default of the automatic search: 120."""
    sampler: Literal["tpe", "random", "grid"] | None = None
    """How Optuna chooses points: by earlier trials (`tpe`, the default), at random, or those of a grid, 5 of each
    continuous space."""
    max_prediction_ms: float | None = Field(None, gt=0)
    """Longest prediction of one prepared row, in milliseconds: what takes longer is not chosen. Default: any."""
    warm_start: bool = True
    """Whether the first trial is what the search of the model in charge has found; off: it begins anew."""
    pruning: Pruning = Pruning()
    """Stopping hopeless trials."""
    parallelization: Parallelization = Parallelization()
    """Trials at the same time."""

    @property
    def trials(self) -> int:
        """Trials in total, said or not."""
        return TRIALS if self.n_trials is None else self.n_trials
