"""Several estimators that answer together: by their votes, or by a model of what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit, train_test_split
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ml_assets.estimators.blend import BlendedClassifier, _Blended
from ml_assets.tasks.calibrated import held_odds

FOLDS = 5
HELD = 0.2
"""Share of the rows that a blend is learned on."""

Part = tuple[NDArray[np.intp], NDArray[np.intp]]


class VotedClassifier(BlendedClassifier):
    """Classifiers with a vote each; a share is that of the votes. Parameters are those of `BlendedClassifier`."""

    def predict_proba(self, X: Any) -> Any:
        """Count votes: shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        inputs = self._inputs(self._checked(X, reset=False))
        return sum(
            weight * (np.asarray(each.predict(inputs[name])).reshape(-1, 1) == self.classes_)
            for (name, _), each, weight in zip(self.estimators, self.estimators_, self.weights_, strict=True)
        )


class _Stacked(_Blended):
    """What both stacks share: a model of the answers for rows that the estimators had not learned (Wolpert 1992).

    Parameters
    ----------
    estimators, numbers, typed
        As of `_Blended`.
    held : bool
        Whether the answers are those for a fifth of the rows alone, not for each of five folds.
    ordered : bool
        Whether the rows are in the order of time: the estimators are then asked about newer rows than they learned.
    random_state : int

    Attributes
    ----------
    estimators_ : list of estimators
        Fitted on all rows.
    final_ : estimator
        Of their answers.
    """

    def __init__(
        self,
        estimators: Sequence[tuple[str, Any]],
        numbers: Sequence[str] = (),
        typed: bool = False,
        *,
        held: bool = False,
        ordered: bool = False,
        random_state: int = 0,
    ) -> None:
        super().__init__(estimators, None, numbers, typed)
        self.held = held
        self.ordered = ordered
        self.random_state = random_state

    def _fit_stack(self, X: Any, y: Any, final: Any) -> None:
        """Fit the final model on answers for rows not learned, then the estimators on all rows."""
        answers, truth = [], []
        for learned, judged in self._parts(y):
            self._fit_members(_rows(X, learned), y[learned])
            answers.append(self._answers(_rows(X, judged)))
            truth.append(y[judged])
        self.final_ = final.fit(np.concatenate(answers), np.concatenate(truth))
        self._fit_members(X, y)

    def _answers(self, X: Any) -> NDArray[np.float64]:
        """What the estimators answer, side by side."""
        inputs = self._inputs(X)
        answers = [
            self._answer(each, inputs[name])
            for (name, _), each in zip(self.estimators, self.estimators_, strict=True)
        ]
        return np.concatenate(answers, axis=1)

    def _answer(self, estimator: Any, X: Any) -> NDArray[np.float64]:
        return np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1, 1)

    def _parts(self, y: Any) -> list[Part]:
        """Positions to learn and to judge; of classes every one is learned, as far as there are rows."""
        classes = getattr(self, "classes_", None)
        least = len(y) if classes is None else int(np.unique(y, return_counts=True)[1].min())
        positions = np.arange(len(y))
        if self.held and self.ordered:
            cut = len(y) - max(1, round(HELD * len(y)))
            parts = [(positions[:cut], positions[cut:])]
        elif self.held:
            strata = y if classes is not None and least >= 2 and HELD * len(y) >= len(classes) else None
            learned, judged = train_test_split(
                positions, test_size=HELD, random_state=self.random_state, stratify=strata
            )
            parts = [(np.sort(learned), np.sort(judged))]
        elif self.ordered:
            parts = list(TimeSeriesSplit(min(FOLDS, len(y) - 1)).split(positions))
        elif classes is not None and least >= 2:
            splitter = StratifiedKFold(min(FOLDS, least), shuffle=True, random_state=self.random_state)
            parts = list(splitter.split(positions, y))
        else:
            splitter = KFold(min(FOLDS, len(y)), shuffle=True, random_state=self.random_state)
            parts = list(splitter.split(positions))
        if classes is None:
            return parts
        parts = [part for part in parts if len(np.unique(y[part[0]])) > 1]
        if not parts or len(np.unique(np.concatenate([y[judged] for _, judged in parts]))) < 2:
            raise ValueError(
                f"{len(y)} rows, of the rarest class {least}, are too few to learn from answers: take averaging"
            )
        return parts


class StackedClassifier(ClassifierMixin, _Stacked):  # type: ignore[misc]  # scikit-learn has no types
    """Classifiers under a logistic regression of the log odds of their shares; parameters are those of `_Stacked`."""

    def fit(self, X: Any, y: Any) -> StackedClassifier:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X, y = self._checked(X, reset=True, y=y)
        check_classification_targets(y)
        y = np.asarray(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"The labels have one class only ({self.classes_[0]!r}): two are needed.")
        self._fit_stack(X, y, LogisticRegression(max_iter=2_000))
        return self

    def _answer(self, estimator: Any, X: Any) -> NDArray[np.float64]:
        shares = np.zeros((len(X), len(self.classes_)))
        shares[:, np.searchsorted(self.classes_, estimator.classes_)] = estimator.predict_proba(X)
        return held_odds(shares if shares.shape[1] > 2 else shares[:, 1:])

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        found = self.final_.predict_proba(self._answers(self._checked(X, reset=False)))
        shares = np.zeros((len(found), len(self.classes_)))
        shares[:, np.searchsorted(self.classes_, self.final_.classes_)] = found
        return shares

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,)."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]


class StackedRegressor(RegressorMixin, _Stacked):  # type: ignore[misc]  # scikit-learn has no types
    """Regressors with weights of at least 0 (Breiman 1996) and an offset; parameters are those of `_Stacked`."""

    def fit(self, X: Any, y: Any) -> StackedRegressor:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X, y = self._checked(X, reset=True, y=y)
        if len(y) < 2:
            raise ValueError("n_samples=1: one row is too few to learn from answers.")
        self._fit_stack(X, np.asarray(y, dtype=np.float64), LinearRegression(positive=True))
        return self

    def predict(self, X: Any) -> Any:
        """Predict numbers, of shape (n_rows,)."""
        check_is_fitted(self)
        return self.final_.predict(self._answers(self._checked(X, reset=False)))


def _rows(X: Any, positions: NDArray[np.intp]) -> Any:
    return X.iloc[positions] if hasattr(X, "iloc") else X[positions]
