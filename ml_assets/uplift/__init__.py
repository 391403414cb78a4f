"""Learners of an effect as scikit-learn's estimators: several models of the outcome, and their difference."""

from ml_assets.uplift.learners import RLearner, SLearner, TLearner, XLearner

__all__ = ["RLearner", "SLearner", "TLearner", "XLearner"]
