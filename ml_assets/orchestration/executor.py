"""The executor: the steps of a run in the run's own process, whose name the run carries from its first moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

from ml_assets.names import PROCESS_TAG
from ml_assets.orchestration.reaper import process_tag
from ml_assets.orchestration.run_seal import seal

if TYPE_CHECKING:
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.plan import ExecutionPlan


class TaggingExecutor(InProcessExecutor):
    """Names the process of every run, whatever asked for it and whatever assets it holds, so that it is reaped."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Write the tags, then execute the steps."""
        run, run_id = plan_context.dagster_run, plan_context.run_id
        own = {PROCESS_TAG: process_tag(run_id), **seal(run_id, run.job_name, run.tags)}
        plan_context.instance.add_run_tags(run_id, own)
        yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process")
def executor(_context: dg.InitExecutorContext) -> dg.Executor:
    """Execute all steps in one process: a process per step costs more than most of the steps."""
    return TaggingExecutor(RetryMode.ENABLED)
