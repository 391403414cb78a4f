"""From labelled rows to one fitted Pipeline: folds, estimators, search."""
