"""The assets of one recipe: the same graph for every recipe (docs/architecture.md)."""

from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from ml_assets.estimators.libraries import library_of
from ml_assets.lifecycle.backtest import backtest_report
from ml_assets.lifecycle.state import STATIC, ModelState
from ml_assets.lifecycle.train import champion_step, evaluate_step, split_step, train_step
from ml_assets.lifecycle.watch import (
    clean_step,
    drift_step,
    performance_step,
    predict_step,
    raw_step,
)
from ml_assets.orchestration import display
from ml_assets.orchestration.partitions import batch_partitions, labels_mapping
from ml_assets.recipe.schema import Recipe
from ml_assets.search.candidates import candidates

AS_OF_TAG = "ml_assets/as_of"
MODEL_TAG = "ml_assets/model"
DECISION_TAG = "ml_assets/decision"

WARN = dg.AssetCheckSeverity.WARN


def batches_of(context: dg.AssetExecutionContext) -> Sequence[str]:
    """Batches this run is about; a static table is the one batch "all"."""
    return (
        context.partition_keys if context.has_partition_key_range or context.has_partition_key else [STATIC]
    )


def as_of(context: dg.AssetExecutionContext, state: ModelState, asset: str) -> str:
    """Batch a training speaks for: the run's tag, else the newest batch that `asset` has."""
    if tagged := context.run.tags.get(AS_OF_TAG):
        return tagged
    known = state.store.batches(asset)
    if not known:
        raise dg.Failure(
            f"{state.name}: there is no {asset} yet. Materialize {state.name}/{asset} first.",
            allow_retries=False,
        )
    return known[-1]


def check(name: str, passed: bool, reasons: Iterable[str], *, warn: bool = False) -> dg.AssetCheckResult:
    """Report a check with its reasons in words."""
    severity = WARN if warn else dg.AssetCheckSeverity.ERROR
    text = "\n".join(reasons) or "nothing found"
    return dg.AssetCheckResult(
        check_name=name, passed=passed, severity=severity, description=text, metadata={"findings": text}
    )


def recipe_assets(state: ModelState) -> list[dg.AssetsDefinition]:
    """Build the assets of one recipe.

    Parameters
    ----------
    state : ModelState
        The recipe and its state.

    Returns
    -------
    list of AssetsDefinition
        `raw_data cleaned_features training_set test_set trained_model evaluation_report champion predictions
        drift_report performance_report backtest`, all with the recipe's name as prefix and group.
    """
    recipe, name = state.recipe, state.name
    partitions = batch_partitions(recipe, state.known_first_batch())
    hub: Any = {"key_prefix": [name], "group_name": name}
    batched: Any = {
        **hub,
        "partitions_def": partitions,
        "backfill_policy": dg.BackfillPolicy.single_run() if partitions else None,
    }

    def key(asset: str) -> dg.AssetKey:
        return dg.AssetKey([name, asset])

    def spec(check_name: str, asset: str, *, blocking: bool, text: str) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(check_name, asset=key(asset), blocking=blocking, description=text)

    @dg.asset(
        name="raw_data",
        kinds={"parquet"},
        code_version=state.recipe_sha256[:12],
        check_specs=[
            spec("contract", "raw_data", blocking=True, text="Columns, types, emptiness, target present.")
        ],
        **batched,
    )
    def raw_data(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Rows as they came, one content-hashed snapshot per batch; late ones are read again."""
        problems: list[str] = []
        for batch in batches_of(context):
            result = raw_step(state, batch)
            problems += result.problems
            for snapshot_batch, metadata in result.snapshots.items():
                if snapshot_batch in batches_of(context):
                    context.add_asset_metadata(metadata, partition_key=_partition(snapshot_batch))
                else:  # labels that have arrived since
                    context.log_event(
                        dg.AssetMaterialization(key("raw_data"), partition=snapshot_batch, metadata=metadata)
                    )
        return dg.MaterializeResult(check_results=[check("contract", not problems, problems)])

    @dg.asset(
        name="cleaned_features",
        deps=[raw_data],
        kinds={"pandas", "parquet"},
        **batched,
    )
    def cleaned_features(context: dg.AssetExecutionContext) -> None:
        """Types converted, exact duplicates dropped, each row named; nothing is learned here."""
        for batch in batches_of(context):
            for cleaned_batch, metadata in clean_step(state, batch).items():
                if cleaned_batch in batches_of(context):
                    context.add_asset_metadata(metadata, partition_key=_partition(cleaned_batch))
                else:
                    context.log_event(
                        dg.AssetMaterialization(
                            key("cleaned_features"), partition=cleaned_batch, metadata=metadata
                        )
                    )

    @dg.multi_asset(
        name=f"{name}__split",
        specs=[
            dg.AssetSpec(
                key("training_set"),
                deps=[_all_batches(cleaned_features, partitions)],
                group_name=name,
                kinds={"pandas", "parquet"},
                description="Rows the model learns from: the training window without its hold-out.",
            ),
            dg.AssetSpec(
                key("test_set"),
                deps=[_all_batches(cleaned_features, partitions)],
                group_name=name,
                kinds={"pandas", "parquet"},
                description="The hold-out: no part of training sees it.",
            ),
        ],
    )
    def split(context: dg.AssetExecutionContext) -> Iterable[dg.MaterializeResult]:
        by_sensor = DECISION_TAG in context.run.tags
        metadata = split_step(state, as_of(context, state, "cleaned_features"), healthy=by_sensor)
        for asset in ("training_set", "test_set"):
            yield dg.MaterializeResult(asset_key=key(asset), metadata=metadata[asset])

    @dg.asset(
        name="trained_model",
        deps=[key("training_set")],
        kinds=_estimator_kinds(recipe),
        required_resource_keys={"mlflow"},
        pool=f"{name}_training",
        code_version=state.recipe_sha256[:12],
        **hub,
    )
    def trained_model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """One Pipeline, from imputation to estimator, searched within the training set."""
        parent = context.resources.mlflow.active_run().info.run_id
        trained = train_step(state, as_of(context, state, "training_set"), parent, context.log.info)
        return dg.MaterializeResult(
            metadata=display.training_metadata(trained.training)
            | {"mlflow_run": run_link(state, trained.run_id), "model_uri": trained.model_uri}
        )

    @dg.asset(
        name="evaluation_report",
        deps=[trained_model, key("test_set")],
        kinds={"scikitlearn"},
        required_resource_keys={"mlflow"},
        check_specs=[
            spec("targets", "evaluation_report", blocking=True, text="The recipe's `evaluation.targets`.")
        ],
        **hub,
    )
    def evaluation_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Scores on the hold-out with 95 % intervals, beside a baseline that looks at no feature."""
        evaluation, png = evaluate_step(state, as_of(context, state, "trained_model"))
        missed = evaluation.targets_missed
        return dg.MaterializeResult(
            metadata=display.evaluation_metadata(evaluation) | {"picture": display.picture(png)},
            check_results=[check("targets", not missed, missed)],
        )

    @dg.asset(
        name="champion",
        deps=[evaluation_report],
        kinds={"mlflow"},
        required_resource_keys={"mlflow"},
        **hub,
    )
    def champion(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The gate: whether the challenger becomes champion, judged on rows that neither has seen."""
        parent = context.resources.mlflow.active_run().info.run_id
        actor = context.run.tags.get("ml_assets/actor", "dagster")
        result = champion_step(state, as_of(context, state, "trained_model"), parent, actor, context.log.info)
        return dg.MaterializeResult(
            metadata={
                "version": result.version,
                "champion_version": result.champion_version or 0,
                "as_of": result.as_of,
                **display.promotion_metadata(result.promotion),
                "mlflow_run": run_link(state, result.run_id),
            }
        )

    @dg.asset(
        name="predictions",
        deps=[cleaned_features],
        kinds={"mlflow", "parquet"},
        required_resource_keys={"mlflow"},
        **batched,
    )
    def predictions(context: dg.AssetExecutionContext) -> None:
        """The champion's predictions for a batch; the champion comes from the registry."""
        for batch in batches_of(context):
            context.add_asset_metadata(predict_step(state, batch), partition_key=_partition(batch))

    @dg.asset(
        name="drift_report",
        deps=[cleaned_features],
        kinds={"evidently"},
        required_resource_keys={"mlflow"},
        check_specs=[
            spec("drift", "drift_report", blocking=False, text="Share of drifted columns, and faults.")
        ],
        **batched,
    )
    def drift_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The batch's columns against the rows that the champion was trained on."""
        parent = context.resources.mlflow.active_run().info.run_id
        found: list[str] = []
        for batch in batches_of(context):
            result = drift_step(state, batch, parent)
            found += [f"{batch}: {text}" for text in result.alarms]
            context.add_asset_metadata(display.record_last(result.metadata), partition_key=_partition(batch))
        return dg.MaterializeResult(check_results=[check("drift", not found, found, warn=True)])

    @dg.asset(
        name="performance_report",
        deps=[
            dg.AssetDep(asset, partition_mapping=labels_mapping(recipe))
            for asset in (cleaned_features, predictions)
        ],
        kinds={"scikitlearn"},
        required_resource_keys={"mlflow"},
        check_specs=[
            spec(
                "performance",
                "performance_report",
                blocking=False,
                text="Live score against the threshold, or against the hold-out.",
            )
        ],
        **batched,
    )
    def performance_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The live score of the newest batch whose labels are known when this batch arrives."""
        parent = context.resources.mlflow.active_run().info.run_id
        found: list[str] = []
        for batch in batches_of(context):
            result = performance_step(state, batch, parent)
            found += [f"{batch}: {text}" for text in result.alarms]
            context.add_asset_metadata(display.record_last(result.metadata), partition_key=_partition(batch))
        return dg.MaterializeResult(check_results=[check("performance", not found, found, warn=True)])

    @dg.asset(
        name="backtest", deps=[_all_batches(cleaned_features, partitions)], kinds={"scikitlearn"}, **hub
    )
    def backtest(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What other retraining policies would have gained so far, and their cost; `recipe` is the one in force."""
        return dg.MaterializeResult(metadata=backtest_report(state, context.log.info))

    return [
        raw_data,
        cleaned_features,
        split,
        trained_model,
        evaluation_report,
        champion,
        predictions,
        drift_report,
        performance_report,
        backtest,
    ]


def run_link(state: ModelState, run_id: str) -> dg.MetadataValue[Any]:
    """Link to a run in MLflow's own web page."""
    base = state.settings.mlflow_url.rstrip("/")
    return dg.MetadataValue.url(f"{base}/#/experiments/{state.registry.experiment_id(run_id)}/runs/{run_id}")


def _partition(batch: str) -> str | None:
    return None if batch == STATIC else batch


def _all_batches(asset: dg.AssetsDefinition, partitions: dg.PartitionsDefinition[Any] | None) -> dg.AssetDep:
    return dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping() if partitions else None)


def _estimator_kinds(recipe: Recipe) -> set[str]:
    return {"optuna", *(library_of(choice.class_path).tag for choice in candidates(recipe).values())}
