"""Estimators: from a class path to a scikit-learn estimator, what is known of each library, the families."""
