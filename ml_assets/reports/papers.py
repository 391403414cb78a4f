"""What a project keeps beside its model, as Markdown and as a notebook: the problem, what is required, the data.

All of it follows from the recipe and the profile of its data; nothing is said that neither of them has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ml_assets.recipe.space import searched
from ml_assets.records import ColumnProfile, DataProfile
from ml_assets.reports.data import summary
from ml_assets.reports.page import share
from ml_assets.shown import counted, figure, listed, shown
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe, RowRule, Tuning

PROBLEM, REQUIREMENTS, ANALYSIS, NOTEBOOK = (
    "problem_definition.md", "ml_requirements.md", "data_analysis_report.md", "eda.ipynb",
)  # fmt: skip
MOST: Final = 200
"""Rows of a table."""
GOALS: Final[Mapping[str, str]] = {
    "clustering": "Find groups of like rows in",
    "recommendation": "Recommend items to users from",
}
"""What is wanted where no column is predicted."""


def problem_definition(recipe: Recipe, profile: DataProfile) -> str:
    """Goal, task, measure of success and constraints of a model, in Markdown."""
    section, promotion = recipe.hyperparameter_tuning, recipe.promotion
    classes = max(
        (len(column.levels) for column in profile.columns if column.column in recipe.answered), default=2
    )
    metric = section.metric or task_of(recipe).default_metric(classes or 2)
    targets = [f"{code(name)} of {value:g}" for name, value in recipe.evaluation.targets.items()]
    success = [
        f"The measure is {code(metric)}, on rows that the model has not seen, with its 95 % interval.",
        f"A first model must beat the score {task_of(recipe).baseline_is} with its whole interval.",
        f"It must reach {listed(targets, between=' and ')}."
        if targets
        else "No least value is asked for (`evaluation.targets`).",
        {
            "better": "A later model must be surely better than the one in charge.",
            "not_worse": "A later model must not be surely worse than the one in charge.",
        }.get(
            promotion.when,
            "A later model must be better than the one in charge, as surely as its gains before ask for.",
        ),
    ]
    latency = promotion.max_latency_ratio
    constraints = [
        f"Latency: one row may take {latency:g} times what the model in charge takes; 20 ms always pass."
        if latency is not None
        else "Latency: any, whatever the model in charge takes.",
        *(
            [f"It may take {promotion.max_latency_ms:g} ms at most, as it is served."]
            if promotion.max_latency_ms is not None
            else []
        ),
        f"Size: at most {promotion.max_size_mb:g} MB.",
        "Explainability: how often the item at each place was liked is shown with each model."
        if recipe.recommends
        else "Explainability: the weight of each feature, by permutation on the hold-out, is shown with each model.",
        f"Fairness of errors: no segment of {listed(map(code, recipe.evaluation.segments))} may become surely worse."
        if recipe.evaluation.segments
        else "Fairness of errors: no segments are named (`evaluation.segments`).",
    ]
    batches, delay = recipe.batches, recipe.monitoring.label_delay
    late = f"{delay} batch{'es' * (delay > 1)} later" if delay else "with it"
    use = (
        f"Rows come in {batches.period} batches by {code(batches.column)}; each batch is predicted when it has come"
        + (f", and its labels are known {late}." if recipe.has_target else ".")
        if batches is not None
        else "One table, whole; predictions are made of rows with the same columns."
    )
    return paper(
        f"Problem definition: {recipe.name}",
        ("Goal", [f"{_goal(recipe)} the rows of {code(recipe.model.loader.source_uri)}."]),
        ("Task", [f"{recipe.task.capitalize()}.", use, summary(profile)]),
        ("Success", success),
        ("Constraints", constraints),
    )


def _goal(recipe: Recipe) -> str:
    named = listed((code(name) for name in recipe.targets if name != recipe.treatment), between=" and ")
    if recipe.treatment is not None:
        return f"Predict how much {code(recipe.treatment)} changes {named} of a row, from"
    return GOALS.get(recipe.task) or f"Predict {named} from"


def _search(recipe: Recipe, settings: Tuning) -> str:
    """How many points are tried, and for how long."""
    named = recipe.model.named
    if named and not any(searched(values) for *_, values in named):
        return "No search: parameters are fixed."
    if not settings.enabled:
        return "No search: the first point of each family is tried."
    endless = not named and recipe.hyperparameter_tuning.n_trials is None
    trials = f"{settings.trials:,} trial{'s' * (settings.trials > 1)}"
    limits = [trials] * (not endless or settings.timeout is None)
    limits += [f"{settings.timeout:g} seconds"] if settings.timeout is not None else []
    return f"Search: {listed(limits, between=' and ')} at most."


def _held_out(recipe: Recipe, newest: bool) -> str:
    section = recipe.evaluation.validation
    part = share(section.test_size)
    if section.method == "group_split":
        return f"all rows of some entities ({listed(recipe.entities)}), about {part} of the rows"
    return f"{'the newest' if newest else 'a random'} {part} of the rows"


def requirements(recipe: Recipe, profile: DataProfile, settings: Tuning, newest: bool) -> str:
    """What data, model, evaluation, promotion, monitoring and retraining must be like, in Markdown.

    Parameters
    ----------
    settings : Tuning
        Of the search, as it is made.
    newest : bool
        Whether the newest rows are held out.
    """
    model, quality, validation = recipe.model, recipe.quality, recipe.evaluation.validation
    features = [column for column in profile.columns if column.role == "feature"]
    rules = [
        f"{listed(map(code, rule.columns))}: {', '.join(_rule(rule))}. A row that breaks it is set aside."
        for rule in quality.rows
    ]
    leak = (
        "A feature that tells the target almost alone "
        f"{'keeps out a first model' if quality.leak == 'block' else 'is told'}."
    )
    data = [
        f"Who had what is learned: {code(recipe.ids[0])} had {code(recipe.ids[1])}."
        if recipe.recommends
        else f"{profile.features:,} feature{' is' if profile.features == 1 else 's are'} learned: "
        f"{listed((code(column.column) for column in features), 30)}.",
        f"Each row has a value in {listed(map(code, recipe.entities))}, whose rows count together."
        if recipe.entities
        else "No column names the owner of a row (`entity_cols`).",
        *rules,
        f"At most {share(quality.quarantine)} of a batch's rows are set aside; more block it.",
        *([leak] if recipe.has_target else []),
    ]
    missing = model.preprocessor.params.missing_strategy or "as the estimator takes them, else median"
    how = listed(code(path) for _, path, _ in model.named) or "an automatic search over families"
    how = how if model.ensemble is None else f"{model.ensemble.method} of {how}"
    fitted = [
        f"Estimator: {how}.",
        _search(recipe, settings),
        ("" if recipe.recommends else f"Missing values: {missing}. ")
        + "All that is learned from data is learned inside each fold and travels with the model.",
        f"Everything random begins with {validation.random_state}.",
    ]
    judged = [
        f"Hold-out: {_held_out(recipe, newest)}.",
        f"A comparison needs {recipe.promotion.min_rows} rows that neither model has seen.",
    ]
    watched = ["Drift of the inputs and the live score are reported for each batch."]
    if recipe.batches is None:
        watched = ["One table has no batches to watch."]
    elif recipe.retraining.on:
        breaches, budget = recipe.retraining.breaches, recipe.retraining.budget
        watched.append(
            f"It is trained again after {breaches.k} of {breaches.n} breaches, {counted(budget.retrains, 'time')} "
            f"in {counted(budget.batches, 'batch')} at most."
        )
    else:
        watched.append("It is not trained again by itself.")
    return paper(
        f"Requirements: {recipe.name}",
        ("Data", data), ("Model", fitted), ("Evaluation", judged), ("Monitoring", watched),
    )  # fmt: skip


def _rule(rule: RowRule) -> list[str]:
    bounds = [
        f"{word} {bound if isinstance(bound, str) else f'{bound:g}'}"
        for word, bound in (("at least", rule.min), ("at most", rule.max))
        if bound is not None
    ]
    return [
        *bounds,
        *([f"one of {listed(map(code, rule.allowed))}"] if rule.allowed else []),
        *(["never empty"] if rule.required else []),
    ]


def analysis(profile: DataProfile) -> str:
    """What the data is like, in Markdown: the page of the profile without its pictures."""
    columns = [
        (
            code(column.column), column.role, column.kind, share(column.missing), f"{column.distinct:,}",
            _spread(column), share(column.outliers), figure(column.tells, 2) if column.tells is not None else "",
        )
        for column in profile.columns
    ]  # fmt: skip
    heads = ("column", "role", "kind", "missing", "distinct", "spread", "outliers", "tells the target")
    parts: list[tuple[str, Sequence[str]]] = [
        ("In short", [summary(profile)]),
        ("Columns", [*table(heads, columns)]),
    ]
    if profile.pairs:
        pairs = [(code(p.first), code(p.second), f"{p.correlation:.2f}") for p in profile.pairs]
        parts.append(("Columns that say the same", [*table(("first", "second", "rank correlation"), pairs)]))
    if profile.batches:
        of = "mean of the target" if profile.share_of is None else f"share of {code(profile.share_of)}"
        rows = [
            (b.batch, f"{b.rows:,}", share(b.missing), f"{b.labelled:,}",
             "" if b.target is None else share(b.target) if profile.share_of is not None else figure(b.target))
            for b in profile.batches
        ]  # fmt: skip
        parts.append(("Batches", [*table(("batch", "rows", "missing", "labelled", of), rows)]))
    parts.append(("What is hardly meant", [shown(note) for note in profile.notes] or ["Nothing was found."]))
    return paper(f"Data analysis: {profile.recipe}", *parts)


def _spread(column: ColumnProfile) -> str:
    if column.kind == "number" and column.quantiles:
        return " / ".join(figure(value, 3) for value in column.quantiles)
    return ", ".join(f"{shown(level.name, 30)} {share(level.share)}" for level in column.levels[:4])


def paper(title: str, *parts: tuple[str, Sequence[str]]) -> str:
    """Lay parts out as Markdown: a line of a table as it is, anything else as an item of a list."""
    lines = [f"# {title}"]
    for head, items in parts:
        lines += ["", f"## {head}", ""]
        lines += [item if item.startswith("|") else f"* {item}" for item in items]
    return "\n".join(lines) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    r"""Lay rows out as a table of Markdown; nothing in a cell ends it.

    >>> table(("a",), [("x|y",)])
    ['| a |', '|---|', '| x\\|y |']
    """
    some = list(rows)
    written = [f"| {' | '.join(_cell(text) for text in row)} |" for row in some[:MOST]]
    more = [f"| {len(some) - MOST:,} more |"] * (len(some) > MOST)
    return [f"| {' | '.join(map(_cell, heads))} |", f"|{'---|' * len(heads)}", *written, *more]


def _cell(text: str) -> str:
    return shown(" ".join(text.split()), 200).replace("|", "\\|")


def code(value: object) -> str:
    """Write a name as code, whatever is in it.

    >>> code("a`b")
    "`a'b`"
    """
    return f"`{shown(' '.join(str(value).split()), 120).replace('`', chr(39))}`"


CELLS: Final = (
    ("markdown", "# {name}: a first look\n\nRun all cells. The rows are those that a training would learn from."),
    ("code", """\
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from ml_assets.lifecycle.looked import seen_of
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.settings import read_settings

path = Path({recipe}).resolve()
state = ModelState(load_recipe(path), path, read_settings())
seen = seen_of(state)
rows, features = seen.rows, list(seen.roles.features)
targets = list(state.recipe.targets) if state.recipe.has_target else []
print(f"{{len(rows):,}} rows, {{len(features)}} features, target {{', '.join(targets) or 'none'}}")
rows.head()"""),
    ("markdown", "## What is missing"),
    ("code", "missing = rows[[*features, *targets]].isna().mean().sort_values(ascending=False)\nmissing[missing > 0]"),
    ("markdown", "## The target"),
    ("code", """\
for target in targets:
    labels = rows[target].dropna()
    if labels.dtype == object:
        labels.value_counts(normalize=True).plot.barh()
    elif len(labels):
        labels.plot.hist(bins=40)
    plt.title(target)
    plt.show()"""),
    ("markdown", "## Features"),
    ("code", "rows[features].describe(include=\"all\").T"),
    ("code", """\
shown = features[:12]
figure, axes = plt.subplots((len(shown) + 2) // 3, 3, figsize=(12, 2.4 * ((len(shown) + 2) // 3)), squeeze=False)
for axis, name in zip(axes.flat, shown):
    column = rows[name].dropna()
    if pd.api.types.is_numeric_dtype(column):
        axis.hist(column, bins=40)
    else:
        column.astype(str).value_counts().head(10).plot.barh(ax=axis)
    axis.set_title(name)
figure.tight_layout()
plt.show()"""),
    ("markdown", "## Columns that go together"),
    ("code", """\
numbers = [name for name in features if pd.api.types.is_numeric_dtype(rows[name])]
rows[numbers].corr(method="spearman").round(2)"""),
    ("markdown", "## Batch by batch"),
    ("code", """\
if "batch__" in rows:
    counts = rows.groupby("batch__").size()
    counts.plot(title="rows of each batch", rot=45)
    plt.show()"""),
)  # fmt: skip
"""Cells of the notebook."""


def notebook(name: str, recipe: str) -> str:
    """Write a notebook (nbformat 4.5) that looks at the rows of a recipe.

    Parameters
    ----------
    recipe : str
        Path of its file from the notebook's folder.
    """
    cells: list[dict[str, Any]] = []
    for place, (kind, text) in enumerate(CELLS):
        source = text.replace("{name}", name).replace("{recipe}", json.dumps(recipe))
        source = source.replace("{{", "{").replace("}}", "}")
        own: dict[str, Any] = {"outputs": [], "execution_count": None} if kind == "code" else {}
        lines = source.splitlines(keepends=True)
        cells.append({"cell_type": kind, "id": f"cell-{place}", "metadata": {}, "source": lines, **own})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1) + "\n"
