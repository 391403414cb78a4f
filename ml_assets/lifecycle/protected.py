"""Groups of protected columns, judged on the rows and answers of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ml_assets.lifecycle.served import Served
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.monitoring.reference import Reference
    from ml_assets.recipe.schema import Recipe
    from ml_assets.records import PerformanceReport, ProtectedGroups, TrainingResult


def groups_of_holdout(
    recipe: Recipe,
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    learned: pd.DataFrame,
    training: TrainingResult,
) -> tuple[ProtectedGroups, ...]:
    """Judge each protected column on a hold-out; groups of numbers are cut by the rows that were learned.

    Parameters
    ----------
    recipe : Recipe
    rows : DataFrame of shape (n_rows, n_columns)
    predictions : DataFrame of shape (n_rows, n_outputs)
        In the order of the rows.
    learned : DataFrame of shape (n_training_rows, n_columns)
    training : TrainingResult
        Metric and positive class.
    """
    from ml_assets.evaluation.gaps import judged_groups
    from ml_assets.monitoring.groups import judge_of
    from ml_assets.quality.groups import edges_of, groups_of
    from ml_assets.recipe.gaps import JUDGED

    if recipe.task not in JUDGED:
        return ()
    judge = judge_of(recipe, rows, training.metric, training.positive)
    asked = recipe.evaluation.fairness.groups
    found = []
    for column in recipe.protected:
        edges = edges_of(learned[column], asked.get(column))
        answered = rows[recipe.target], predictions
        found.append(judged_groups(column, edges, groups_of(rows[column], edges), answered, judge))
    return tuple(found)


def with_gaps(
    state: ModelState,
    report: PerformanceReport,
    earlier: Sequence[PerformanceReport],
    champion: Reference,
    scored: Served,
) -> PerformanceReport:
    """Add the groups of the scored batch, and whether a gap is surely above its limit.

    Groups of numbers are cut as they were when the version was trained; where it does not know a column's groups, they
    are not told.
    """
    from ml_assets.evaluation.gaps import judged_groups
    from ml_assets.monitoring.gaps import gap_tests
    from ml_assets.monitoring.groups import judge_of
    from ml_assets.quality.groups import groups_of, has_many_values
    from ml_assets.recipe.gaps import JUDGED

    recipe = state.recipe
    rows, answers = scored.labelled(recipe.target)
    if not recipe.protected or recipe.task not in JUDGED or rows.empty:
        return report
    judge = judge_of(recipe, rows, champion.metric, champion.positive)
    evaluation = state.registry.version(state.name, scored.version).evaluation
    cut = {each.column: each.edges for each in evaluation.protected} if evaluation is not None else {}
    found = []
    for column in recipe.protected:
        asked = recipe.evaluation.fairness.groups.get(column)
        edges = asked if isinstance(asked, tuple) else cut.get(column, ())
        if column not in rows or (not edges and has_many_values(rows[column])):
            continue
        groups = groups_of(rows[column], edges)
        found.append(judged_groups(column, edges, groups, (rows[recipe.target], answers), judge))
    tests = gap_tests(found, scored.batch, scored.version, earlier, judge)
    words = [report.text, *(test.text for test in tests if test.alarm)]
    return report.model_copy(
        update={
            "protected": tuple(found),
            "gap_tests": tests,
            "text": " ".join(part for part in words if part),
        }
    )
