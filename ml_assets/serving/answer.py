"""From rows to the answer to a request: what HTTP sends, and what a replay must find again bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_assets.serving.body import Asked, RequestError

if TYPE_CHECKING:
    from ml_assets.serving.live import Served
    from ml_assets.serving.rules import Broken
    from ml_assets.serving.ways import Answers


def answer(served: Served, asked: Asked, found: Answers | None = None) -> dict[str, Any]:
    """Predict the rows of a request, unless they are `found`, and lay the answer out.

    Raises
    ------
    RequestError
        With status 422 and the field, where a value cannot be predicted from.
    """
    from ml_assets.serving.standard import RowError

    try:
        each, shares = served.way.answers(asked) if found is None else found
    except RowError as error:
        field = None if error.column is None else f"rows[{error.row or 0}].{error.column}"
        raise RequestError(422, "invalid", str(error), field) from None
    answers: list[dict[str, Any]] = [{"prediction": label} for label in each]
    if shares is not None:
        for one, row in zip(answers, shares, strict=True):
            one["probabilities"] = row
    return {"model": served.name, "version": served.version, "predictions": answers}


def breaks(broken: Broken) -> RequestError:
    """Refuse a row that breaks a rule of the recipe."""
    return RequestError(422, "breaks_rule", broken.words, f"rows[{broken.row}].{broken.column}")
