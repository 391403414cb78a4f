"""The report of a training: what came of it and why, for who has not seen it made; all of it from the records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ml_assets.names import ROW_ID, STATIC
from ml_assets.records import (
    Curve,
    DataProfile,
    Evaluation,
    Promotion,
    TrainedModel,
    WrongRows,
)
from ml_assets.reports.checks import checks
from ml_assets.reports.chosen import gate_parts, search_parts
from ml_assets.reports.document import (
    Bars,
    Chart,
    Checklist,
    Document,
    Dots,
    Notes,
    Part,
    Ranges,
    Table,
    document,
    fit,
    interval,
    number,
    sentence,
    table,
    value,
)
from ml_assets.reports.groups import group_parts
from ml_assets.reports.holdout import curve_charts, error_charts
from ml_assets.reports.learned import data_parts, left_parts
from ml_assets.shown import counted, figure
from ml_assets.tasks.over_folds import folds_words

PARTS: Final = 20
"""Parts of the hold-out that are shown."""
LEANS: Final = 15
"""Features in the picture of the importance."""
CLASS_SCORES: Final = ("precision", "recall", "f1")
TOGETHER: Final = 1.05
"""Rows that count as one, from which that is told."""
OUTCOMES: Final = {
    "promote": "is champion now",
    "waits": "has passed, and waits for a person's approval",
    "keep": "did not become champion",
    "inconclusive": "did not become champion: too little is known",
}


@dataclass(frozen=True)
class Facts:
    """The records that a report of a training is made of; what is not known is left out of it."""

    trained: TrainedModel
    version: int
    evaluation: Evaluation
    promotion: Promotion
    champion: Evaluation | None = None
    """Of the version that was in charge, on its own hold-out."""
    importance: Mapping[str, float] = field(default_factory=dict)
    """What the score loses without a feature."""
    profile: DataProfile | None = None
    wrong: WrongRows | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    """What became of the rows of the source: all of them first."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Why columns are not learned."""
    epochs: tuple[Curve, ...] = ()
    """How a network learned."""


def training_document(facts: Facts) -> Document:
    """Say what a training came to: the outcome first, what speaks for and against it, and how it was made."""
    trained, evaluation, promotion = facts.trained, facts.evaluation, facts.promotion
    training = trained.training
    first = f" {summary(evaluation)}" if promotion.champion_version is not None else ""
    of = "" if trained.as_of == STATIC else f" as of {trained.as_of}"
    batches = ""
    if len(trained.batches) > 1:
        batches = f" of {len(trained.batches):,} batches, {trained.batches[0]} to {trained.batches[-1]}"
    when = trained.trained_at[:16].replace("T", " ")
    return document(
        f"{trained.recipe}, version {facts.version}, {OUTCOMES[promotion.outcome]}",
        f"{sentence(promotion.reason)}{first}",
        f"Trained {when} UTC{of} with {training.class_path} on {counted(training.learned, 'row')}{batches} and "
        f"{len(training.features):,} features.",
        (
            ("What to look at", [Checklist(checks(evaluation, training, promotion))]),
            ("Scores", list(_scores(facts))),
            ("The gate", list(gate_parts(facts.promotion))),
            ("Why this model", list(search_parts(training))),
            ("How good it is on rows that it had not seen", curve_charts(evaluation, facts.epochs)),
            ("Where it is wrong", [*error_charts(evaluation), *_parts(evaluation), *_wrong(facts)]),
            ("How it treats groups of people", group_parts(evaluation)),
            ("What it leans on", list(_leans(facts))),
            ("What it learned from", data_parts(facts.profile)),
            ("What was left out, and why", left_parts(facts.rows, facts.columns)),
            ("How it was made", list(_made(trained))),
        ),
    )


def summary(evaluation: Evaluation) -> str:
    """Say the score that decides, beside that of a model which looks at no feature."""
    score = evaluation.scores.get(evaluation.metric)
    if score is None:
        return f"{evaluation.metric} is not defined on these {evaluation.rows:,} rows."
    beside = evaluation.baseline.get(evaluation.metric)
    least = "" if beside is None else f"; {figure(beside)} {evaluation.baseline_is}"
    return (
        f"On {evaluation.rows:,} rows that it had not seen, {evaluation.metric} is {figure(score.value)} "
        f"(95 % interval {figure(score.low)} to {figure(score.high)}){least}."
    )


def _scores(facts: Facts) -> Iterator[Part | None]:
    evaluation, champion = facts.evaluation, facts.champion
    score, base = evaluation.scores.get(evaluation.metric), evaluation.baseline.get(evaluation.metric)
    before = None if champion is None else champion.scores.get(evaluation.metric)
    title = f"{evaluation.metric}: {'more' if evaluation.direction == 'maximize' else 'less'} is better"
    if score is not None:
        named: list[tuple[str, tuple[float, float | None, float | None]]] = [
            (f"version {facts.version}", (score.value, score.low, score.high))
        ]
        if before is not None:
            named.append(
                (f"version {facts.promotion.champion_version}", (before.value, before.low, before.high))
            )
        if base is not None:
            named.append(("no features", (base, None, None)))
        yield Chart(
            title,
            "The dot is the score, the bar its 95 % interval."
            + (
                f" Rows that belong together tell as much as one: of these {figure(evaluation.design, 2)}."
                if evaluation.design > TOGETHER
                else ""
            )
            + (
                " Each version is on its own hold-out; on the same rows the gate compares them."
                if before
                else ""
            ),
            Ranges(tuple(name for name, _ in named), tuple(ends for _, ends in named)),
            table(
                ("", evaluation.metric, "95 % from", "to"),
                ((n, *map(number, e)) for n, e in named),
                numbers=(1, 2, 3),
            ),
        )
    heads = ["metric", "score", "95 % from", "to", "without features"]
    heads += [] if champion is None else [f"version {facts.promotion.champion_version}", "95 % from", "to"]
    rows = (
        (
            name,
            *interval(found),
            number(evaluation.baseline.get(name)),
            *(() if champion is None else interval(champion.scores.get(name))),
        )
        for name, found in evaluation.scores.items()
    )
    theirs = "; the version in charge before on its own hold-out" if champion is not None else ""
    yield table(
        heads,
        rows,
        f"On {evaluation.rows:,} rows that it had not seen; without features: a score {evaluation.baseline_is}{theirs}",
        range(1, 8),
    )
    names = list(evaluation.scores)
    yield table(
        ("target", *names),
        (
            (fit(t), *(number(found.get(name)) for name in names))
            for t, found in evaluation.per_target.items()
        ),
        "Each target by itself: the scores above are the means",
        range(1, len(names) + 1),
    )
    yield _classes(evaluation)
    yield _clusters(evaluation)


def _classes(evaluation: Evaluation) -> Table:
    def told(label: str, name: str) -> tuple[str, str]:
        ends = evaluation.class_intervals.get(label, {}).get(name)
        return figure(evaluation.per_class[label][name], 3), "" if ends is None else " to ".join(
            figure(end, 3) for end in ends
        )

    return table(
        ("class", "rows", *(head for name in CLASS_SCORES for head in (name, "95 %"))),
        (
            (
                fit(label, 60),
                f"{found['rows']:,.0f}",
                *(cell for name in CLASS_SCORES for cell in told(label, name)),
            )
            for label, found in evaluation.per_class.items()
        ),
        "Each class among these rows, with 95 % intervals",
        range(1, 8),
    )


def _clusters(evaluation: Evaluation) -> Table:
    return table(
        ("cluster", "rows", "of all", "silhouette", "most unlike all rows in"),
        (
            (part.name, f"{part.rows:,}", f"{part.share:.1%}", number(part.silhouette), part.told)
            for part in evaluation.clusters
        ),
        "Each cluster among these rows, and the columns in which it is most unlike all of them",
        range(1, 4),
    )


def _parts(evaluation: Evaluation) -> Iterator[Part | None]:
    order = sorted(evaluation.parts, key=lambda part: (not part.worse, part.others - part.loss))[:PARTS]
    numbers = table(
        (
            "part of the rows",
            "rows",
            evaluation.metric,
            "95 % from",
            "to",
            "loss of a row",
            "of the others",
            "it is",
        ),
        (
            (
                fit(part.name, 120),
                f"{part.rows:,}",
                *interval(part.score),
                figure(part.loss),
                figure(part.others),
                ("▼ " if part.worse else "") + part.told,
            )
            for part in order
        ),
        "Segments that the recipe names and the worst part that was found, each against all other rows; “surely” "
        "allows 5 % of error over all together",
        range(1, 7),
    )
    yield numbers


def _wrong(facts: Facts) -> Iterator[Part | None]:
    wrong = facts.wrong
    if wrong is None or not wrong.rows:
        return
    names = list(wrong.rows[0].values)
    shares = any(row.share is not None for row in wrong.rows)
    batched = any(row.batch != STATIC for row in wrong.rows)
    heads = [
        "true",
        "predicted",
        *(["said of the true one"] if shares else []),
        "loss",
        *map(fit, names),
        *(["batch"] if batched else []),
        "row",
    ]
    rows = (
        (
            value(row.truth),
            value(row.predicted),
            *([number(row.share, 3)] if shares else []),
            figure(row.loss, 3),
            *(value(row.values[name]) for name in names),
            *([row.batch] if batched else []),
            row.row,
        )
        for row in wrong.rows
    )
    yield table(
        heads,
        rows,
        f"The rows of the hold-out that it got most wrong, with {len(names)} of {wrong.features:,} features, those "
        "that it leans on most. Columns that name a row, and values that few rows share, are not shown (–); numbers "
        f"have four digits. `ml-assets explain-prediction {facts.trained.recipe} {ROW_ID}=ROW` tells why",
    )


def _leans(facts: Facts) -> Iterator[Part | None]:
    order = sorted(facts.importance.items(), key=lambda pair: -pair[1])[:LEANS]
    metric = facts.trained.training.metric
    if order and order[0][1] > 0:
        yield Chart(
            "Importance",
            f"What {metric} loses when the values of a feature are those of other rows (permutation).",
            Bars(tuple(fit(name, 60) for name, _ in order), tuple(loss for _, loss in order)),
            table(
                ("feature", f"loss of {metric}"), ((fit(n, 60), figure(v, 3)) for n, v in order), numbers=(1,)
            ),
        )
    swarms = facts.evaluation.swarms
    if swarms:
        of = fit(facts.evaluation.swarms_of)
        yield Chart(
            "What the columns add",
            f"To the {of}, a dot for each of some rows: dark a large value, light a small one (Shapley values).",
            Dots(swarms, of),
            table(
                ("feature", f"mean size of what it adds to the {of}"),
                ((fit(each.column, 60), figure(each.mean, 3)) for each in swarms),
                numbers=(1,),
            ),
        )


def _made(trained: TrainedModel) -> Iterator[Part | None]:
    training = trained.training
    folds = training.over_folds
    told: Sequence[tuple[str, str]] = [
        ("run", trained.run_id),
        ("recipe, hash", trained.recipe_sha256[:12]),
        ("rows learned, hash", trained.data_sha256[:12]),
        ("model, hash", trained.sha256[:12]),
        ("seed", f"{training.random_state}"),
        ("seconds", figure(training.seconds, 3)),
        (f"{training.metric} of each fold", ", ".join(figure(score) for score in training.cv_scores)),
        (f"{training.metric} over the folds", folds_words(folds) if folds else ""),
    ]
    yield table(("what", "which"), [pair for pair in told if pair[1]])
    if training.threshold is not None:
        found = training.threshold
        yield f"A row is taken for {fit(found.positive, 60)} from a share of {figure(found.value)} on."
    if training.calibration is not None:
        found_maps = training.calibration
        yield (
            f"Shares are calibrated ({found_maps.method}) on {found_maps.rows:,} rows: log loss "
            f"{figure(found_maps.after)} after, {figure(found_maps.before)} before."
        )
    yield table(
        ("parameter", "value"),
        ((fit(name), fit(each, 120)) for name, each in training.params.items()),
        "Parameters",
    )
    yield Notes(tuple(fit(note, 400) for note in training.notes))
