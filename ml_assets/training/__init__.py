"""From labelled rows to one fitted Pipeline: the window, splits and folds, fit and refit."""
