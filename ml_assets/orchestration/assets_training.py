"""The assets of a training: training_set, test_set, trained_model, evaluation_report, champion; and backtest."""

from typing import Any

import dagster as dg

from ml_assets.backtest.errors import TooShortError
from ml_assets.estimators.libraries import library_of
from ml_assets.lifecycle.backtest import backtest_report
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.train import champion_step, evaluate_step, train_step
from ml_assets.names import ACTOR_TAG, DECISION_TAG
from ml_assets.orchestration import display
from ml_assets.orchestration.graph import Graph, as_of, check, mlflow_run_id, refusals
from ml_assets.orchestration.history import newest_number_told
from ml_assets.promotion.leaks import suspected, told
from ml_assets.search.candidates import candidates

OF_MODELS = "?workflowType=machine_learning"
"""What an address of MLflow's page ends with, for its side that is not about language models."""
PARTS = {
    "training_set": "Rows the model learns from: the training window without its hold-out.",
    "test_set": "The hold-out: no part of training sees it.",
}


def split(graph: Graph) -> dg.AssetsDefinition:
    """Make `training_set` and `test_set`."""
    state = graph.state

    specs = [
        dg.AssetSpec(
            graph.key(part),
            deps=[graph.all_batches("cleaned_features")],
            group_name=state.name,
            kinds={"pandas", "parquet"},
            description=text,
            code_version=state.code_versions[part],
        )
        for part, text in PARTS.items()
    ]

    @graph.assets("split", specs)
    def split(context: dg.AssetExecutionContext) -> tuple[dg.MaterializeResult, dg.MaterializeResult]:
        by_sensor = DECISION_TAG in context.run.tags
        with refusals():
            parts = split_step(state, as_of(context, state, "cleaned_features"), healthy=by_sensor)

        def told(asset: str) -> dg.MaterializeResult:
            words = display.part_metadata(parts[asset], state.settings.home)
            return dg.MaterializeResult(
                asset_key=graph.key(asset), metadata=display.shown(parts[asset], words)
            )

        return told("training_set"), told("test_set")

    return split


def trained_model(graph: Graph) -> dg.AssetsDefinition:
    """Make `trained_model`."""
    state = graph.state
    converged = "Whether the fit ended where its library says that it has converged."
    libraries = {library_of(choice.class_path).tag for choice in candidates(state.recipe).values()}

    @graph.asset(
        "trained_model",
        deps=[graph.key("training_set")],
        kinds={"optuna", *libraries},
        required_resource_keys={"mlflow"},
        check_specs=[graph.check_spec("converged", "trained_model", converged, blocking=False)],
        pool=f"{state.name}_training",
    )
    def trained_model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """One Pipeline, from imputation to estimator, searched within the training set."""
        from ml_assets.evaluation.soundness import not_converged

        with refusals():
            batch = as_of(context, state, "training_set")
            trained = train_step(state, batch, mlflow_run_id(context), context.log.info)
        words = display.training_metadata(trained.model.training)
        words |= {
            "mlflow_run": run_link(state, trained.model.run_id),
            "model_uri": trained.model.model_uri,
        }
        short = not_converged(trained.model.training)
        return dg.MaterializeResult(
            metadata=display.shown(trained, words),
            check_results=[check("converged", not short, short, warn=True)],
        )

    return trained_model


def evaluation_report(graph: Graph) -> dg.AssetsDefinition:
    """Make `evaluation_report`."""
    state = graph.state
    targets = "The recipe's `evaluation.targets`."
    sound = (
        "Whether predictions are numbers, and the hold-out no surely worse than cross-validation promised."
    )
    leak = "Whether features tell the target almost perfectly, alone or a few together."

    @graph.asset(
        "evaluation_report",
        deps=[graph.key("trained_model"), graph.key("test_set")],
        kinds={"scikitlearn"},
        required_resource_keys={"mlflow"},
        check_specs=[
            graph.check_spec("targets", "evaluation_report", targets, blocking=True),
            graph.check_spec("leak", "evaluation_report", leak, blocking=False),
            graph.check_spec("sound", "evaluation_report", sound, blocking=False),
        ],
    )
    def evaluation_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Scores on the hold-out with 95 % intervals, beside a baseline that looks at no feature."""
        with refusals():
            result = evaluate_step(state, as_of(context, state, "trained_model"))
        evaluation = result.evaluation
        missed, leaks = evaluation.targets_missed, suspected(evaluation.leaks, state.recipe.quality)
        return dg.MaterializeResult(
            metadata=display.shown(result, display.evaluation_metadata(evaluation) | sent(result.wandb)),
            check_results=[
                check("targets", not missed, missed),
                check("leak", not leaks, [told(leaks)] if leaks else [], warn=True),
                check("sound", not evaluation.unsound, evaluation.unsound, warn=True),
            ],
        )

    return evaluation_report


def champion(graph: Graph) -> dg.AssetsDefinition:
    """Make `champion`."""
    state = graph.state

    @graph.asset(
        "champion",
        deps=[graph.key("evaluation_report")],
        kinds={"mlflow"},
        required_resource_keys={"mlflow"},
        metadata=model_link(state),
    )
    def champion(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The gate: whether the challenger becomes champion, judged on rows that neither has seen."""
        from ml_assets.search.cluster import one_cluster

        actor = context.run.tags.get(ACTOR_TAG, "dagster")
        with refusals(), one_cluster():  # the gate fits several times
            batch = as_of(context, state, "trained_model")
            told = newest_number_told(context.instance, state)
            result = champion_step(state, batch, mlflow_run_id(context), actor, context.log.info, told)
        words = {
            "version": result.version,
            "champion_version": result.champion_version or 0,
            "as_of": result.as_of,
            **display.promotion_metadata(result.promotion),
            **display.rows_metadata(result.rows),
            **display.page_metadata("report", result.page, state.settings.home),
            "mlflow_run": run_link(state, result.run_id),
            **sent(result.wandb),
        }
        return dg.MaterializeResult(metadata=display.shown(result, words))

    return champion


def backtest(graph: Graph) -> dg.AssetsDefinition:
    """Make `backtest`."""
    state = graph.state

    @graph.asset("backtest", deps=[graph.all_batches("cleaned_features")], kinds={"scikitlearn"})
    def backtest(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What other retraining policies would have gained so far, and their cost; `recipe` is the one in force."""
        try:
            tried = backtest_report(state, context.log.info)
        except TooShortError as error:
            return dg.MaterializeResult(metadata={"policies": 0, "summary": str(error)})
        return dg.MaterializeResult(metadata=display.shown(tried, display.backtest_metadata(tried.result)))

    return backtest


def sent(wandb: str | None) -> dict[str, str]:
    """Show what became of a training at Weights & Biases; nothing where nobody asked for it."""
    return {} if wandb is None else {"wandb": wandb}


def run_link(state: ModelState, run_id: str) -> dg.MetadataValue[Any]:
    """Link to a run in MLflow's own web page; its id alone where nobody knows yet at which port that will be."""
    if state.settings.mlflow_url is None:
        return dg.MetadataValue.text(run_id)
    page = f"#/experiments/{state.registry.experiment_id(run_id)}/runs/{run_id}{OF_MODELS}"
    return dg.MetadataValue.url(f"{state.settings.mlflow_url.rstrip('/')}/{page}")


def model_link(state: ModelState) -> dict[str, Any]:
    """Link to the registered model, where MLflow's web page is served now."""
    base = state.settings.mlflow_url
    if base is None:
        return {}
    return {"mlflow_model": dg.MetadataValue.url(f"{base.rstrip('/')}/#/models/{state.name}")}
