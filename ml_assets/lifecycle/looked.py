"""What a look at the data of a model tells before anything is trained: what fails, and what is hardly meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ml_assets.lifecycle.accepted import Accepted
from ml_assets.lifecycle.accounting import TWICE
from ml_assets.lifecycle.erased import of_sample
from ml_assets.lifecycle.joined import sample_with_features
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import BATCH, ROW_ID, STATIC
from ml_assets.records import BatchFacts, Finding, Quarantine

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.features.cleaning import CleanResult
    from ml_assets.quality.hints import Seen
    from ml_assets.sources.sampled import Sampled

CALENDAR_BATCHES = 26
"""Newest batches by which columns are taken for calendars."""
CALENDAR_ROWS = 200_000
SHOWN = 5
"""Batches of many that are named."""
Passing = tuple[str, "CleanResult | None", list[Finding], Quarantine]
"""A batch, its clean rows or what blocks it, and its rows that break a row rule."""
RARE = 0.2
"""Share of the rows from which on a class is not rare."""


@dataclass(frozen=True)
class Looked:
    """What was found.

    Parameters
    ----------
    findings : tuple of (str, Finding)
        Batches that `train` and `backfill` would refuse, with the reason.
    notes : tuple of str
        What was set aside or read otherwise than it is written.
    hints : tuple of str
        What is hardly meant.
    words : str
        What was looked at.
    whole : bool
        Whether these are all rows.
    columns : dict
        Kinds of columns by name, where the source tells them without its rows.
    """

    findings: tuple[tuple[str, Finding], ...] = ()
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    words: str = ""
    whole: bool = True
    columns: dict[str, str | None] = field(default_factory=dict)


def look(state: ModelState) -> Looked | None:
    """Look at all batches, or at some of many, in their order; None where there are no rows.

    Raises
    ------
    SourceError
        If a file cannot be read, or the feature store not be asked.
    """
    from ml_assets.quality.contract import check_names

    told = state.source.columns()
    wrong_names = [] if told is None else check_names(told, state.recipe)
    if wrong_names:  # a query is not run for a column that it does not have
        return Looked(findings=tuple(("", finding) for finding in wrong_names), columns=told or {})
    found = sample_with_features(state, of_sample(state, state.source.sample()))
    if not found.batches and not found.refused:
        return None
    findings = [
        (batch, Finding(rule="unreadable", message=message)) for batch, message in found.refused.items()
    ]
    frames: dict[str, pd.DataFrame] = {}
    twice = 0
    aside = []
    for batch, cleaned, wrong, quarantine in _passing(state, found):
        findings += [(batch, finding) for finding in wrong]
        if cleaned is not None:
            frames[batch] = cleaned.frame
            aside += [quarantine.words if batch == STATIC else f"batch {batch}: {quarantine.words}"] * (
                quarantine.rows > 0
            )
            twice += cleaned.dropped.get("duplicate", 0)
    notes = [*found.account.told, *([f"{twice:,} rows {TWICE} left out"] if twice else [])]
    notes += [f"{text} would be set aside" for text in aside[:SHOWN]]
    notes += [f"and rows of {len(aside) - SHOWN:,} other batches"] * (len(aside) > SHOWN)
    looked = Looked(notes=tuple(notes), words=found.words, whole=found.whole, columns=told or {})
    if frames:
        seen = _seen(state, frames, whole=found.whole)
        looked = replace(
            looked,
            notes=(*looked.notes, *_calendars(seen, frames)),
            hints=(*hints_of(seen), *(_unlike_others(state, frames) if found.whole else ())),
        )
        findings += [] if findings else _cannot_train(seen)
    return replace(looked, findings=tuple(sorted(findings, key=lambda pair: pair[0])))


def seen_of(state: ModelState) -> Seen | None:
    """Clean rows of the batches that pass, with the roles of their columns; None where none does.

    Raises
    ------
    SourceError
        If a file cannot be read, or the feature store not be asked.
    """
    found = sample_with_features(state, of_sample(state, state.source.sample()))
    frames = {batch: clean.frame for batch, clean, *_ in _passing(state, found) if clean is not None}
    return _seen(state, frames, whole=found.whole) if frames else None


def _passing(state: ModelState, found: Sampled) -> Iterator[Passing]:
    """Hold each batch against those before it, as they are taken in: clean rows, or what is wrong with them."""
    from ml_assets.features.cleaning import clean
    from ml_assets.features.history import past_of
    from ml_assets.quality.quarantine import held

    accepted = Accepted(state)
    known: dict[str, pd.DataFrame] = {}
    for batch, raw in found.batches.items():
        schema = accepted.schema(batch, raw.columns)
        after = held(raw, state.recipe, batch, schema)
        raw = after.frame
        if after.findings:
            yield batch, None, after.findings, after.quarantine
        else:
            accepted.add(batch, raw, schema)
            cleaned = clean(
                raw, state.recipe, batch, schema, past_of(known, batch, state.recipe), state.functions
            )
            known[batch] = cleaned.frame
            yield batch, cleaned, [], after.quarantine


def _seen(state: ModelState, frames: dict[str, pd.DataFrame], *, whole: bool) -> Seen:
    import pandas as pd

    from ml_assets.features.columns import roles
    from ml_assets.quality.hints import Seen
    from ml_assets.tasks.several import has_labels

    recipe = state.recipe
    rows = pd.concat([frame.assign(**{BATCH: batch}) for batch, frame in frames.items()], ignore_index=True)
    if recipe.batches is None:
        rows = rows.drop(columns=BATCH)
    labelled = rows[has_labels(rows[recipe.target])]
    return Seen(rows, roles(labelled if len(labelled) else rows, recipe), recipe, whole)


def hints_of(seen: Seen) -> list[str]:
    """What is hardly meant, a suspected leak among it."""
    from ml_assets.lifecycle.idle import idle
    from ml_assets.promotion.leaks import suspected, told
    from ml_assets.quality.hints import hints
    from ml_assets.quality.leak import suspected_leaks

    leaks = suspected(suspected_leaks(seen.rows, seen.roles.features, seen.recipe), seen.recipe.quality)
    return [
        *idle(seen.recipe),
        *hints(seen),
        *([told(leaks)] if leaks else []),
        *_holdout(seen),
        *_emptied(seen),
        *_small(seen),
        *_rare(seen),
    ]


def _unlike_others(state: ModelState, frames: dict[str, pd.DataFrame]) -> Iterator[str]:
    """Batches that are missing between others, and the newest that are unlike all before them."""
    from ml_assets.lifecycle.due import missing
    from ml_assets.monitoring.usual import REMEMBERED, facts_of, unusual

    batches, labels = state.recipe.batches, sorted(frames)
    if batches is None:
        return
    gaps = [each for each in missing(state, labels, labels[0], labels[-1]) if each.first < labels[-1]]
    named = [each.first if each.first == each.last else f"{each.first} to {each.last}" for each in gaps]
    if named:
        more = f" and {len(named) - SHOWN:,} other stretches" if len(named) > SHOWN else ""
        yield f"there is no row of batch {', '.join(named[:SHOWN])}{more}: was a file not sent?"
    earlier: list[BatchFacts] = []
    words: list[str] = []
    for label in labels:
        facts = facts_of(frames[label].drop(columns=ROW_ID), state.recipe, label)
        found = unusual(facts, earlier, batches.period)
        earlier.append(facts.model_copy(update={"told": tuple(found)}))
        words += [f"batch {label}: {text}" for text in found.values() if label in labels[-REMEMBERED:]]
    yield from words[-SHOWN:]


def _calendars(seen: Seen, frames: dict[str, pd.DataFrame]) -> list[str]:
    """Name the columns that tell the time of their batch, as far as the newest batches show."""
    from ml_assets.monitoring.calendars import calendar_columns
    from ml_assets.monitoring.past import Past

    if seen.recipe.batches is None:
        return []
    newest = list(frames)[-CALENDAR_BATCHES:]
    rows = seen.rows[seen.rows[BATCH].isin(newest)].iloc[-CALENDAR_ROWS:]
    told = calendar_columns(Past(rows), seen.roles.numeric, seen.roles.categorical)
    return [
        f"column '{name}' tells the time of its batch ({what}): its new values are neither fault nor drift"
        for name, what in told.items()
    ]


def _small(seen: Seen) -> list[str]:
    """Batches that are judged together with others, and what that can show."""
    from ml_assets.monitoring.detectable import small_batches

    recipe = seen.recipe
    if recipe.batches is None or not seen.whole:
        return []
    usual = int(seen.rows[BATCH].value_counts().median())
    if usual >= recipe.monitoring.min_rows:
        return []
    known = len(seen.labels)
    return [
        small_batches(
            usual,
            max(known, 1),
            round(recipe.evaluation.validation.test_size * known),
            len(seen.roles.features),
            recipe.monitoring.min_rows,
            recipe.retraining.breaches.k,
        )
    ]


def _rare(seen: Seen) -> list[str]:
    """What batches can show of which few rows are of a class that the metric speaks of."""
    from ml_assets.monitoring.detectable import few_of_a_class
    from ml_assets.monitoring.rare import ENOUGH
    from ml_assets.tasks.all import task_of
    from ml_assets.tasks.metrics import metric_named

    if len(seen.recipe.targets) > 1:
        return [
            f"target '{one.recipe.target}': {told}" for one in seen.of_each_target() for told in _rare(one)
        ]
    recipe, counts = seen.recipe, seen.labels.value_counts()
    if recipe.batches is None or not seen.whole or not task_of(recipe).classes or len(counts) != 2:
        return []
    metric = recipe.hyperparameter_tuning.metric or task_of(recipe).default_metric(2)
    share = float(counts.iloc[-1] / counts.sum())
    usual = int(seen.rows[BATCH].value_counts().median())
    held = round(recipe.evaluation.validation.test_size * len(seen.labels))
    if not metric_named(metric).by_class or share > RARE or share * min(usual, held) >= ENOUGH:
        return []
    name, k = str(counts.index[-1]), recipe.retraining.breaches.k
    return [few_of_a_class(name, share, usual, held, recipe.monitoring.min_rows, k)]


def _emptied(seen: Seen) -> list[str]:
    """Columns without a value in a batch, which usually have some."""
    from ml_assets.features.engineered import names_made
    from ml_assets.monitoring.past import Past, usually_as_empty

    past, found = Past(seen.rows), []
    made = names_made(seen.recipe)  # the first rows have no past
    features = [name for name in seen.roles.features if name not in made]
    for name in features if seen.recipe.batches is not None else ():
        filled = past.filled(name)
        labels = past.batches[len(past.batches) - len(filled) :]
        empty = [label for label, share in zip(labels, filled, strict=True) if not share]
        usual = [share for share in filled if share]
        if empty and not usually_as_empty(usual, 0.0):
            more = f" and {len(empty) - SHOWN:,} others" if len(empty) > SHOWN else ""
            found.append(
                f"column '{name}' has no value in {', '.join(empty[:SHOWN])}{more}: a fault of the feed?"
            )
    return found


def _cannot_train(seen: Seen) -> list[tuple[str, Finding]]:
    """What would stop a training on these rows."""
    from ml_assets.training.splits import split

    if not seen.whole or seen.labels.empty:
        return []
    newest = str(seen.rows[BATCH].iloc[-1]) if seen.recipe.batches is not None else STATIC
    if seen.recipe.model.threshold is not None and (classes := int(seen.labels.nunique())) > 2:
        key = "model.threshold"
        told = f"{key}: is for two classes, and the target has {classes:,}; leave it out"
        return [(newest, Finding(rule="threshold", message=told, key=key))]
    try:
        split(seen.rows, seen.recipe)
    except ValueError as error:
        return [(newest, Finding(rule="holdout", message=str(error)))]
    return []


def _holdout(seen: Seen) -> list[str]:
    """Whether the hold-out of a training on these rows can judge."""
    from ml_assets.promotion.gate import FIRST_ROWS
    from ml_assets.tasks.all import task_of
    from ml_assets.training.splits import split

    recipe = seen.recipe
    if not seen.whole or _cannot_train(seen) or seen.labels.empty:
        return []
    training, test = split(seen.rows, recipe)
    fewest = min(FIRST_ROWS, recipe.promotion.min_rows)
    if len(test) < fewest:
        return [
            f"the hold-out has {len(test)} labelled rows, and a first model is judged on {fewest} at least: collect "
            "more rows, or hold more of them out (evaluation.validation.test_size)"
        ]
    task = task_of(recipe)
    if (
        task.joint
        and (lacking := task.lacks(test[recipe.target]))
        and not task.lacks(training[recipe.target])
    ):
        return [f"the hold-out cannot judge: {lacking} No first model is promoted"]
    return [
        f"the hold-out, {len(test):,} rows, has class '{test[target].iloc[0]}' only{of}: how well classes are told "
        "apart cannot be measured on it, and no first model is promoted"
        for target in (recipe.targets if task_of(recipe).classes else ())
        if test[target].nunique() == 1 < training[target].nunique()
        for of in [f" in '{target}'" if len(recipe.targets) > 1 else ""]
    ]
