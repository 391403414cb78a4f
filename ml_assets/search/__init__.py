"""The search for hyperparameters: candidates, points of their spaces, folds, the study and its journal."""
