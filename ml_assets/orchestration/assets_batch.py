"""The assets of a batch: raw_data, cleaned_features, predictions, drift_report, performance_report."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ml_assets.lifecycle.accepted import Accepted
from ml_assets.lifecycle.intake import clean_step, predict_step, raw_step
from ml_assets.lifecycle.watch import drift_step, performance_step, scored_with
from ml_assets.orchestration import display
from ml_assets.orchestration.champion_event import champion_event
from ml_assets.orchestration.graph import Graph, batches_of, check, mlflow_run_id, partition_of, refusals
from ml_assets.orchestration.partitions import labels_mapping


def raw_data(graph: Graph) -> dg.AssetsDefinition:
    """Make `raw_data`."""
    state = graph.state
    contract = "Columns, types, emptiness, target present."
    usual = "Rows, missing values, repeated rows, classes and arrival beside the batches before."

    @graph.asset(
        "raw_data",
        kinds={"parquet"},
        check_specs=[
            graph.check_spec("contract", "raw_data", contract, blocking=True),
            graph.check_spec("usual", "raw_data", usual, blocking=False),
        ],
        of_a_batch=True,
    )
    def raw_data(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Rows as they came, one content-hashed snapshot per batch; late ones are read again."""
        problems: list[str] = []
        unusual: list[str] = []
        accepted = Accepted(state)
        for batch in batches_of(context):
            with refusals():
                reading = raw_step(state, batch, accepted)
            problems += reading.problems
            unusual += [f"{batch}: {text}" for text in reading.unusual]
            shown = {
                each: display.shown(taken, display.taken_metadata(taken))
                for each, taken in reading.snapshots.items()
            }
            _show(context, graph.key("raw_data"), shown)
        return dg.MaterializeResult(
            check_results=[
                check("contract", not problems, problems),
                check("usual", not unusual, unusual, warn=True),
            ]
        )

    return raw_data


def cleaned_features(graph: Graph) -> dg.AssetsDefinition:
    """Make `cleaned_features`."""
    state = graph.state

    @graph.asset(
        "cleaned_features", deps=[graph.key("raw_data")], kinds={"pandas", "parquet"}, of_a_batch=True
    )
    def cleaned_features(context: dg.AssetExecutionContext) -> None:
        """Types converted, exact duplicates dropped, each row named; nothing is learned here."""
        for batch in batches_of(context):
            with refusals():
                cleaned = clean_step(state, batch)
            shown = {
                each: display.shown(done, display.cleaned_metadata(done)) for each, done in cleaned.items()
            }
            _show(context, graph.key("cleaned_features"), shown)

    return cleaned_features


def _show(context: dg.AssetExecutionContext, key: dg.AssetKey, shown: Mapping[str, dict[str, Any]]) -> None:
    """Show what was made for each batch; the run may not be about one whose labels have arrived since."""
    for batch, metadata in shown.items():
        if batch in batches_of(context):
            context.add_asset_metadata(metadata, partition_key=partition_of(batch))
        else:
            context.log_event(dg.AssetMaterialization(key, partition=batch, metadata=metadata))


def predictions(graph: Graph) -> dg.AssetsDefinition:
    """Make `predictions`."""
    state = graph.state

    @graph.asset(
        "predictions",
        deps=[graph.key("cleaned_features")],
        kinds={"mlflow", "parquet"},
        required_resource_keys={"mlflow"},
        of_a_batch=True,
    )
    def predictions(context: dg.AssetExecutionContext) -> None:
        """The champion's predictions for a batch; the champion comes from the registry."""
        for batch in batches_of(context):
            with refusals():
                predicted = predict_step(state, batch)
            metadata = display.shown(predicted, display.predicted_metadata(predicted))
            context.add_asset_metadata(metadata, partition_key=partition_of(batch))

    return predictions


def drift_report(graph: Graph) -> dg.AssetsDefinition:
    """Make `drift_report`."""
    state = graph.state
    drift = "Share of drifted columns, and faults."

    @graph.asset(
        "drift_report",
        deps=[graph.key("cleaned_features")],
        kinds={"evidently"},
        required_resource_keys={"mlflow"},
        check_specs=[graph.check_spec("drift", "drift_report", drift, blocking=False)],
        of_a_batch=True,
    )
    def drift_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The batch's columns against the rows that the champion was trained on."""
        from ml_assets.monitoring.wording import without_alarm

        found: list[str] = []
        calm: list[str] = []
        for batch in batches_of(context):
            with refusals():
                result = drift_step(state, batch, mlflow_run_id(context))
            found += [f"{batch}: {text}" for text in result.alarms]
            calm.append(f"{batch}: {without_alarm(result.report)}")
            words = display.drift_metadata(result.report)
            for name, page in {"evidently": result.page, "report": result.told}.items():
                words |= display.page_metadata(name, page, state.settings.home)
            metadata = display.shown(result, words)
            context.add_asset_metadata(metadata, partition_key=partition_of(batch))
        return dg.MaterializeResult(check_results=[check("drift", not found, found or calm, warn=True)])

    return drift_report


def performance_report(graph: Graph) -> dg.AssetsDefinition:
    """Make `performance_report`."""
    state = graph.state
    live = "Live score against the threshold, or against the hold-out."

    @graph.asset(
        "performance_report",
        deps=[
            dg.AssetDep(graph.key(asset), partition_mapping=labels_mapping(state.recipe))
            for asset in ("cleaned_features", "predictions")
        ],
        kinds={"scikitlearn"},
        required_resource_keys={"mlflow"},
        check_specs=[graph.check_spec("performance", "performance_report", live, blocking=False)],
        of_a_batch=True,
    )
    def performance_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The live score of the newest batch whose labels are known when this batch arrives."""
        from ml_assets.monitoring.wording import labels_without_alarm

        found: list[str] = []
        calm: list[str] = []
        for batch in [each for known in batches_of(context) for each in scored_with(state, known)]:
            with refusals():
                result = performance_step(state, batch, mlflow_run_id(context))
            found += [f"{batch}: {text}" for text in result.alarms]
            calm.append(f"{batch}: {labels_without_alarm(result.report)}")
            metadata = display.performance_metadata(result.report)
            if result.probation is not None:
                metadata["probation"] = result.probation
            if result.rolled_back:
                context.log_event(champion_event(state))
            _show(context, graph.key("performance_report"), {batch: display.shown(result, metadata)})
        return dg.MaterializeResult(check_results=[check("performance", not found, found or calm, warn=True)])

    return performance_report
