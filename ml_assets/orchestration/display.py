"""What a person sees in the web UI: records turned into tables, pictures and numbers that plot."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from ml_assets.orchestration.event_seal import SHOWN, with_seal
from ml_assets.records import DriftReport, Evaluation, PerformanceReport, Promotion, TrainingResult

if TYPE_CHECKING:
    from pathlib import Path

    from ml_assets.backtest.backtest import Backtest
    from ml_assets.lifecycle.accounting import TrainingRows
    from ml_assets.lifecycle.intake import Cleaned, Predicted, TakenIn
    from ml_assets.lifecycle.pictured import Pictured
    from ml_assets.lifecycle.split import Part

Metadata = dict[str, Any]

RECORD = "record"
"""Key of a whole record: the retrain sensor and commands read it, and it stands last."""


def table(records: Iterable[Mapping[Any, Any]]) -> dg.TableMetadataValue:
    """Show records as a table; missing cells are empty, and a column without any value is left out."""
    rows = [dict(record) for record in records]
    columns = list(
        dict.fromkeys(key for row in rows for key, value in row.items() if _cell(value) not in (None, ""))
    )
    schema = dg.TableSchema(columns=[dg.TableColumn(str(c), _column_type(rows, c)) for c in columns])
    cells = [dg.TableRecord({str(c): _cell(row.get(c)) for c in columns}) for row in rows]
    return dg.MetadataValue.table(cells, schema=schema)


def _cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _column_type(rows: list[dict[Any, Any]], column: Any) -> str:
    values = [row[column] for row in rows if row.get(column) is not None]
    if values and all(isinstance(v, bool) for v in values):
        return "bool"
    return "float" if values and all(isinstance(v, int | float) for v in values) else "string"


def picture(image: bytes) -> dg.MarkdownMetadataValue:
    """Show a small PNG or SVG inline."""
    kind = "svg+xml" if image.startswith(b"<svg") else "png"
    return dg.MetadataValue.md(f"![picture](data:image/{kind};base64,{base64.b64encode(image).decode()})")


def rounded(value: float) -> float:
    """Keep four digits, as many as a person compares: a wider table is cut off at the edge of the page.

    >>> rounded(0.12345678), rounded(1234567.0)
    (0.1235, 1234567.0)
    """
    return float(f"{value:.4g}") if abs(value) < 1000 else float(round(value))


def score_table(records: Iterable[Mapping[Any, Any]]) -> dg.TableMetadataValue:
    """Show scores as a table."""
    return table(
        {k: rounded(v) if isinstance(v, float) and math.isfinite(v) else v for k, v in record.items()}
        for record in records
    )


def numbers(values: Mapping[str, float | int | None]) -> Metadata:
    """Keep the finite numbers, as plain floats and ints: these keys plot over time."""
    known = {k: v for k, v in values.items() if v is not None and math.isfinite(v)}
    return {k: rounded(v) if isinstance(v, float) else v for k, v in known.items()}


def shown(result: Pictured, words: Metadata) -> Metadata:
    """Show what is said of a step's result, then its pictures, and last `record`, a page of JSON, and the seal."""
    told = {key: value for key, value in words.items() if key != RECORD}
    pictures = {name: picture(png) for name, png in result.pictures.items()}
    return with_seal(told | pictures | {key: value for key, value in words.items() if key == RECORD})


def taken_metadata(taken: TakenIn) -> Metadata:
    """Show the rows as they came."""
    told: Metadata = {"told": taken.told} if taken.told else {}
    if taken.quarantine is not None:
        told["quarantine"] = table(
            {"rows": each.rows, "rule": each.rule, "column": each.column, "what": each.words}
            for each in taken.quarantine.rules
        )
        told["quarantine_examples"] = table(taken.set_aside)
    return {
        "rows": taken.rows,
        "columns": taken.columns,
        "sha256": taken.sha256[:SHOWN],
        "changed": taken.changed,
        "quarantined": taken.quarantine.rows if taken.quarantine is not None else 0,
        "sample": turned(taken.sample),
        **told,
    }


SAMPLE = 3
"""Rows of a sample that are shown: more would be wider than the page."""


def turned(rows: Sequence[Mapping[Any, Any]]) -> dg.TableMetadataValue:
    """Show the first rows, each a column of the table, so that every one of their columns is seen, however many."""
    names = dict.fromkeys(name for row in rows[:SAMPLE] for name in row)
    return table(
        {"column": name, **{f"row {place + 1}": row.get(name) for place, row in enumerate(rows[:SAMPLE])}}
        for name in names
    )


def cleaned_metadata(cleaned: Cleaned) -> Metadata:
    """Show the clean rows, and how many were dropped why."""
    waiting = {"new_columns": ", ".join(cleaned.waiting)} if cleaned.waiting else {}
    return {
        "rows": cleaned.rows,
        "labelled_rows": cleaned.labelled_rows,
        "missing_share": cleaned.missing_share,
        "sha256": cleaned.sha256[:SHOWN],
        "dropped": table({"reason": reason, "rows": rows} for reason, rows in cleaned.dropped.items()),
        **{f"dropped_{reason}": rows for reason, rows in cleaned.dropped.items()},
        **waiting,
    }


def predicted_metadata(predicted: Predicted) -> Metadata:
    """Show whose predictions they are, and their means."""
    if predicted.sha256 is None:
        return {"champion_version": 0, "rows": 0, "summary": "no champion yet: nothing to predict with"}
    return {
        "champion_version": predicted.champion_version,
        "rows": predicted.rows,
        "sha256": predicted.sha256[:SHOWN],
        **numbers(predicted.means),
    }


def part_metadata(part: Part, home: Path) -> Metadata:
    """Show a part of a training window."""
    told = {"rows": part.rows, "as_of": part.as_of, "batches": part.batches, "sha256": part.sha256[:SHOWN]}
    return told | page_metadata("data_profile", part.page, home)


def page_metadata(name: str, page: Path | None, home: Path) -> Metadata:
    """Tell where in the home a page lies, if there is one: a whole path pushes the ends of sentences out of sight."""
    if page is None:
        return {}
    return {name: dg.MetadataValue.path(str(page.relative_to(home) if page.is_relative_to(home) else page))}


def training_metadata(training: TrainingResult) -> Metadata:
    """Show a fit: its size, its cross-validation and its search."""
    shown: Metadata = {
        "class_path": training.class_path,
        "rows": training.rows,
        "features": len(training.features),
        "seconds": rounded(training.seconds),
        "params": dg.MetadataValue.json(training.params),
        "columns_set_aside": table({"column": c, "why": w} for c, w in training.excluded.items()),
    }
    if training.notes:
        shown["notes"] = "\n".join(training.notes)
    if scores := training.cv_scores:
        std = {f"cv_{training.metric}_std": training.over_folds.deviation} if training.over_folds else {}
        shown |= numbers({f"cv_{training.metric}": sum(scores) / len(scores)} | std)
    if training.choice is not None:
        shown |= {
            "families": table(each.model_dump(mode="json") for each in training.choice.standings),
            "why": training.choice.why,
        }
    if training.tuning is not None:
        shown |= {
            "trials": training.tuning.total_trials,
            "pruned_trials": training.tuning.pruned_trials,
            "search": table(
                {
                    "trial": t.number,
                    training.metric: t.value,
                    "state": t.state,
                    "parameters": ", ".join(f"{key} {_cell(value)}" for key, value in t.params.items()),
                }
                for t in training.tuning.history
            ),
        }
    return shown


def evaluation_metadata(evaluation: Evaluation) -> Metadata:
    """Show every metric with its interval beside the baseline; the values plot over retrains."""
    targets = [{"target": name, **scores} for name, scores in evaluation.per_target.items()]
    return {
        "rows": evaluation.rows,
        **({"targets": score_table(targets)} if targets else {}),
        "scores": score_table(
            {
                "metric": name,
                "hold-out": score.value,
                "low": score.low,
                "high": score.high,
                "baseline": evaluation.baseline.get(name),
            }
            for name, score in evaluation.scores.items()
        ),
        **numbers({f"holdout_{name}": s.value for name, s in evaluation.scores.items()}),
        "suspected_leaks": "; ".join(" + ".join(leak.columns) for leak in evaluation.leaks) or "none",
    }


def rows_metadata(rows: TrainingRows | None) -> Metadata:
    """Show what became of every row of the source, and last the record of it, with the columns."""
    if rows is None:
        return {}
    return {
        "rows_of_the_source": table({"rows": count, "what": what} for what, count in rows.parts.items()),
        RECORD: dg.MetadataValue.json(rows.model_dump(mode="json")),
    }


def promotion_metadata(promotion: Promotion) -> Metadata:
    """Show the gate's answer, and every check and segment it looked at."""
    return {
        "outcome": promotion.outcome,
        "reason": promotion.reason,
        **numbers(
            {
                "challenger_score": promotion.challenger_score,
                "champion_score": promotion.champion_score,
                "gain": promotion.gain,
            }
        ),
        "rows_compared": promotion.rows,
        "earlier_looks": promotion.looks,
        # One column: a wider table pushes the ends of all sentences of the page out of sight.
        "checks": table(
            {"check": f"{'passed' if c.passed else 'FAILED'}: {c.text}"} for c in promotion.checks
        ),
        "segments": score_table(
            {
                "segment": part.segment,
                "rows": part.rows,
                "champion": part.champion_score,
                "challenger": part.challenger_score,
                "p": part.p_value,
                "worse": part.worse,
            }
            for part in promotion.segments
        ),
    }


def drift_metadata(report: DriftReport) -> Metadata:
    """Show a drift report."""
    from ml_assets.monitoring.wording import found

    worst = sorted(report.columns, key=lambda c: (c.drifted, c.effect), reverse=True)
    return {
        "status": report.status,
        "summary": report.text,
        "rows": report.rows,
        "drift_share": report.share,
        "drifted_columns": sum(c.drifted for c in report.columns),
        "faults": len(report.faults),
        "champion_version": report.champion_version or 0,
        **numbers({"drifted_importance": report.weight, "estimated_loss": report.estimated_loss}),
        **numbers({"joint_auc": report.joint.auc if report.joint else None}),
        "columns": score_table(
            {"column": c.column, "found": found(c), "importance": c.importance}
            for c in (*worst, *report.predictions)
        ),
        RECORD: dg.MetadataValue.json(report.model_dump(mode="json")),
    }


def performance_metadata(report: PerformanceReport) -> Metadata:
    """Show a performance report."""
    from ml_assets.monitoring.wording import chance

    shown: Metadata = {
        "status": report.status,
        "summary": report.text,
        "rows": report.rows,
        "coverage": report.coverage,
        "champion_version": report.champion_version or 0,
    }
    if report.scored_batch is not None:
        shown["scored_batch"] = report.scored_batch
    if report.score is not None:
        shown |= numbers({f"live_{report.metric}": report.score.value, "live_low": report.score.low})
    if report.holdout is not None:
        shown |= numbers({f"holdout_{report.metric}": report.holdout.value})
    if report.p_value is not None:
        shown["p of no worse"] = chance(report.p_value)
    return (
        shown | _findings_metadata(report) | {RECORD: dg.MetadataValue.json(report.model_dump(mode="json"))}
    )


def _findings_metadata(report: PerformanceReport) -> Metadata:
    """Show gaps between groups, the estimate before labels, the sequential test and the labels beside those learned."""
    from ml_assets.monitoring.wording import found

    shown: Metadata = {"gaps": score_table(report.gap_rows)} if report.gap_rows else {}
    if (estimate := report.estimate) is not None:
        shown |= {"estimate": estimate.text, "estimate_method": estimate.method or estimate.reason}
        shown |= numbers(
            {f"estimated_{estimate.metric}": estimate.value, "estimate_error": estimate.mean_error}
        )
        if estimate.matured is not None:
            shown["estimate_matured"] = score_table([estimate.matured.model_dump()])
    if (concept := report.concept) is not None:
        shown |= {"concept": concept.text, "concept_alarm": concept.alarm}
        shown |= numbers({"loss_cusum": concept.statistic, "loss_cusum_threshold": concept.threshold})
    if (target := report.target) is not None:
        shown["target"] = found(target)
        shown |= numbers({"target_effect": target.effect}) | {"target_drifted": target.drifted}
    return shown


def backtest_metadata(result: Backtest) -> Metadata:
    """Show every policy in a table, and what is recommended; `recipe` is the policy in force."""
    return {
        "recommended": result.recommended,
        "summary": result.reason,
        "in the recipe": result.section or "",
        "batches": result.batches,
        "policies": score_table(
            {
                "policy": row.policy,
                f"{result.metric} (95 %)": f"{row.score:.4g} ({' to '.join(f'{limit:.3g}' for limit in row.interval)})",
                "gain": row.gain.value,
                "retrains": f"{row.retrains}, {row.promoted} won"
                + (f", {row.undone} undone" if row.undone else ""),
                "over calendar": row.against_calendar.value if row.against_calendar else None,
            }
            for row in result.policies
        ),
        "note": f"Gain: over never; won: promoted; over calendar: over as many retrains, evenly spaced. {result.note}",
        "dates": dg.MetadataValue.json({row.policy: list(row.dates) for row in result.policies}),
    }
