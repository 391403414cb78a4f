"""Classes that want something else than the rest of their library, and parameters that no signature shows."""

from __future__ import annotations

from typing import Any, Literal

Wrapper = Literal[
    "none", "labels_as_codes", "categories_by_name", "from_zero", "in_steps", "mean_where_none", "of_causalml",
    "of_econml",
]  # fmt: skip
"""What an estimator may need round it."""

OF_LIGHTGBM = (
    "alpha", "cat_l2", "cat_smooth", "deterministic", "extra_trees", "is_unbalance", "linear_tree", "max_bin",
    "max_cat_threshold", "max_cat_to_onehot", "max_delta_step", "min_data_per_group", "monotone_constraints",
    "path_smooth", "scale_pos_weight", "verbosity",
)  # fmt: skip
"""Parameters of LightGBM that no signature shows."""

_CHANCE = {"class_path": "sklearn.dummy.DummyClassifier", "hyperparameters": {"strategy": "prior"}}
_TREES = {"class_path": "sklearn.ensemble.HistGradientBoostingRegressor"}
_OF_DML: dict[str, Any] = {"discrete_treatment": True, "model_t": _CHANCE}
_OF_DR: dict[str, Any] = {"model_propensity": _CHANCE}

DEFAULTS: dict[str, dict[str, Any]] = {
    "econml.metalearners.DomainAdaptationLearner": {
        "models": _TREES, "final_models": _TREES, "propensity_model": _CHANCE,
    },
    "econml.metalearners.SLearner": {"overall_model": _TREES},
    "econml.metalearners.TLearner": {"models": _TREES},
    "econml.metalearners.XLearner": {"models": _TREES, "propensity_model": _CHANCE},
    "econml.dml.CausalForestDML": _OF_DML,
    "econml.dml.KernelDML": _OF_DML,
    "econml.dml.LinearDML": _OF_DML,
    "econml.dml.NonParamDML": {**_OF_DML, "model_y": _TREES, "model_final": _TREES},
    "econml.dml.SparseLinearDML": _OF_DML,
    "econml.dr.DRLearner": _OF_DR,
    "econml.dr.ForestDRLearner": _OF_DR,
    "econml.dr.LinearDRLearner": _OF_DR,
    "econml.dr.SparseLinearDRLearner": _OF_DR,
    "sklearn.linear_model.LogisticRegression": {"max_iter": 2000},
    "sklearn.neural_network.MLPClassifier": {"max_iter": 500},
    "sklearn.neural_network.MLPRegressor": {"max_iter": 500},
    "sklearn.ensemble.VotingClassifier": {"voting": "soft"},
    "sklearn.cross_decomposition.CCA": {"n_components": 1},
    "sklearn.cross_decomposition.PLSCanonical": {"n_components": 1},
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": {"reg_param": 0.01},
    "sklearn.isotonic.IsotonicRegression": {"out_of_bounds": "clip"},
    "sklearn.semi_supervised.LabelPropagation": {"kernel": "knn"},
    "sklearn.semi_supervised.LabelSpreading": {"kernel": "knn"},
    "sklearn.neighbors.RadiusNeighborsClassifier": {"outlier_label": "most_frequent"},
}  # fmt: skip
"""Where the library's own default often does not converge, gives no probabilities, or is refused: more components than
targets, a class whose one-hot columns add up to 1, a row unlike all others. Where there is none: a learner, written
as a recipe does. A learner of an effect is told that each row is treated by the same chance."""

ROUND: dict[str, Wrapper] = {
    "sklearn.naive_bayes.CategoricalNB": "in_steps",
    "sklearn.naive_bayes.ComplementNB": "from_zero",
    "sklearn.naive_bayes.MultinomialNB": "from_zero",
    "sklearn.neighbors.RadiusNeighborsRegressor": "mean_where_none",
    "sklearn.semi_supervised.SelfTrainingClassifier": "labels_as_codes",
}
"""Classes that need something else round them than the rest of their library."""

REQUIRED = {
    "sklearn.semi_supervised.SelfTrainingClassifier": ("estimator",),
    "causalml.inference.meta.BaseRClassifier": ("outcome_learner", "effect_learner"),
}
"""Parameters that have a default, which does not work."""
