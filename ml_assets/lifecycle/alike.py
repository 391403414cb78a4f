"""A version as it is served: are its numbers those of its pipeline, how long does a row take; lines of the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ml_assets.records import GateCheck, Promotion, TrainedModel
from ml_assets.shown import figure, shown

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from ml_assets.compiled.latency import Latency
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.registry.standard import RawRows

SERVED: Final = "served numbers"
RELOADED: Final = "loaded again"
IN_TIME: Final = "time of a row"
"""Names of the checks."""
AFTERWARDS: Final = frozenset({SERVED, RELOADED, IN_TIME})
"""All of them: of what was saved after the gate had decided."""
ALIKE: Final = 1e-4
"""Largest difference of a pipeline that is loaded again: a network on another processor reckons in single precision."""


def see_alike(
    state: ModelState, trained: TrainedModel, rows: pd.DataFrame, promotion: Promotion
) -> Promotion:
    """Add to the gate's answer whether what is served is what was judged.

    A pipeline that answers otherwise once it is loaded again is kept out, whatever it scores, and so is a version that
    takes longer for a row than `promotion.max_latency_ms`. A compiled form that answers otherwise is not served
    (`by_pipeline`): the pipeline is, and the record says so.

    Parameters
    ----------
    state : ModelState
    trained : TrainedModel
        What is registered, after a last fit too.
    rows : DataFrame of shape (n_rows, n_columns)
        Clean rows, of which hard ones are made.
    promotion : Promotion
    """
    checks, by_pipeline = _looked_at(state, trained, rows)
    failed = "; ".join(check.text for check in checks if not check.passed)
    held = bool(failed) and promotion.outcome in ("promote", "waits") and not promotion.forced
    passed = [
        check.text for check in checks if check.name == SERVED and promotion.outcome in ("promote", "waits")
    ]
    words = "; ".join(filter(None, [failed, *passed]))
    reason = f"{promotion.reason}{', but' if held else ';'} {words}" if words else promotion.reason
    return promotion.model_copy(
        update={
            "outcome": "keep" if held else promotion.outcome,
            "reason": reason,
            "checks": (*promotion.checks, *checks),
            "by_pipeline": by_pipeline,
        }
    )


def _looked_at(state: ModelState, trained: TrainedModel, rows: pd.DataFrame) -> tuple[list[GateCheck], str]:
    """The checks, and why the pipeline has to answer; nothing of a version that was saved before they were there."""
    from ml_assets.compiled.latency import of_version
    from ml_assets.recipe.schema import Recipe
    from ml_assets.registry.pipelines import load_pipeline
    from ml_assets.registry.standard import RAW_ROWS, RawRows

    what = f"{trained.recipe}, run {trained.run_id}"
    with state.registry.files.verified_model(trained, what) as folder:
        if not (folder / RAW_ROWS).exists():
            return [], ""
        known = RawRows.model_validate_json((folder / RAW_ROWS).read_text())
        pipeline = load_pipeline(folder)
        checks, by_pipeline = _alike(folder, pipeline, known, rows)
        if (most := state.recipe.promotion.max_latency_ms) is not None:
            of = Recipe.model_validate(known.recipe)
            found = of_version(folder, pipeline, known, of, rows, compiled=not by_pipeline)
            checks.append(_in_time(found, most))
    return checks, by_pipeline


def _in_time(found: Latency, most: float) -> GateCheck:
    """Hold the median of single rows against `promotion.max_latency_ms`."""
    took, form = 1000 * found.seconds, "its compiled form" if found.way == "compiled" else "its pipeline"
    text = f"one row takes {form} {figure(took, 3)} ms, the median of {found.answers}"
    if took <= most:
        return GateCheck(name=IN_TIME, passed=True, text=f"{text}; {most:g} are allowed")
    return GateCheck(
        name=IN_TIME, passed=False, text=f"{text}: more than {most:g} (promotion.max_latency_ms)"
    )


def _alike(folder: Path, pipeline: Any, known: RawRows, rows: pd.DataFrame) -> tuple[list[GateCheck], str]:
    """Whether what was saved answers as what was fitted, and as its pipeline."""
    from ml_assets.compiled.alike import compared, reloaded
    from ml_assets.compiled.refusal import NotCompiledError
    from ml_assets.compiled.run import CLOSE
    from ml_assets.recipe.schema import Recipe

    again = reloaded(folder, pipeline, known)
    checks = []
    if again is not None:
        text = f"loaded again, it answers {again.rows} rows as when it was fitted"
        if again.worst > ALIKE:
            text = (
                f"loaded again, it answers otherwise than when it was fitted, by {figure(again.worst, 2)} on "
                f"{again.rows} rows: an estimator keeps something that is not saved with it"
            )
        checks.append(GateCheck(name=RELOADED, passed=again.worst <= ALIKE, text=text))
    if not set(known.columns) <= set(rows.columns):
        return checks, ""
    try:
        apart = compared(folder, pipeline, known, Recipe.model_validate(known.recipe), rows)
    except NotCompiledError as error:
        text = f"served numbers are the pipeline's own: {error}"
        return [*checks, GateCheck(name=SERVED, passed=True, text=text)], ""
    except Exception as error:  # noqa: BLE001 - whatever a compiled form does, the pipeline can be served
        why = shown(f"{type(error).__name__}: {error}", 300)
        text = f"the compiled form cannot be used, and the pipeline is served: {why}"
        return [*checks, GateCheck(name=SERVED, passed=True, text=text)], why
    if apart.worst > CLOSE:
        why = f"on {apart.rows:,} hard rows it differs by {figure(apart.worst, 2)}"
        text = f"the compiled form is not served, the pipeline is: {why}"
        return [*checks, GateCheck(name=SERVED, passed=True, text=text)], why
    text = (
        f"served numbers equal the pipeline's on {apart.rows:,} rows with missing values, unseen levels and extremes: "
        f"largest difference {figure(apart.worst, 2)}"
    )
    return [*checks, GateCheck(name=SERVED, passed=True, text=text)], ""
