"""What the assets of one recipe have in common: keys, partitions, checks, and how a step's refusal is shown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg

from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import AS_OF_TAG, STATIC
from ml_assets.orchestration.measured import measured
from ml_assets.orchestration.partitions import batch_partitions

WARN = dg.AssetCheckSeverity.WARN


@dataclass(frozen=True)
class Graph:
    """One recipe's place in the asset graph."""

    state: ModelState

    @cached_property
    def partitions(self) -> dg.PartitionsDefinition[Any] | None:
        """One partition per batch; None for a static table."""
        return batch_partitions(self.state.recipe, self.state.known_first_batch())

    @property
    def hub(self) -> Any:
        """What every asset has: the recipe's name as prefix and group."""
        return {"key_prefix": [self.state.name], "group_name": self.state.name}

    @property
    def batched(self) -> Any:
        """What every asset of a batch has."""
        single = dg.BackfillPolicy.single_run() if self.partitions else None
        return {**self.hub, "partitions_def": self.partitions, "backfill_policy": single}

    def asset(
        self, name: str, *, of_a_batch: bool = False, **options: Any
    ) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """Decorate a function that makes an asset of this recipe; what its step costs is measured."""
        place = self.batched if of_a_batch else self.hub
        version = self.state.code_versions[name]

        def make(step: Callable[..., Any]) -> dg.AssetsDefinition:
            made: dg.AssetsDefinition = dg.asset(name=name, code_version=version, **place, **options)(
                measured(self.state, name, step)
            )
            return made

        return make

    def assets(
        self, name: str, specs: Sequence[dg.AssetSpec]
    ) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """Decorate a function whose one step makes several assets of this recipe; what it costs is measured."""

        def make(step: Callable[..., Any]) -> dg.AssetsDefinition:
            several = dg.multi_asset(name=f"{self.state.name}__{name}", specs=specs)
            return several(measured(self.state, name, step))

        return make

    def key(self, asset: str) -> dg.AssetKey:
        """Key of an asset of this recipe."""
        return dg.AssetKey([self.state.name, asset])

    def check_spec(self, name: str, asset: str, text: str, *, blocking: bool) -> dg.AssetCheckSpec:
        """Declare a check of an asset."""
        return dg.AssetCheckSpec(name, asset=self.key(asset), blocking=blocking, description=text)

    def all_batches(self, asset: str) -> dg.AssetDep:
        """Depend on every batch of an asset."""
        mapping = dg.AllPartitionMapping() if self.partitions else None
        return dg.AssetDep(self.key(asset), partition_mapping=mapping)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a step refuses into a failure with its message alone, which another attempt would not mend."""
    try:
        yield
    except StepError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def batches_of(context: dg.AssetExecutionContext) -> Sequence[str]:
    """Batches this run is about; a static table is the one batch "all"."""
    return (
        context.partition_keys if context.has_partition_key_range or context.has_partition_key else [STATIC]
    )


def partition_of(batch: str) -> str | None:
    """Partition key of a batch; None for a static table."""
    return None if batch == STATIC else batch


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


def mlflow_run_id(context: dg.AssetExecutionContext) -> str:
    """MLflow run that belongs to this Dagster run."""
    return str(context.resources.mlflow.active_run().info.run_id)


def check(name: str, passed: bool, reasons: Iterable[str], *, warn: bool = False) -> dg.AssetCheckResult:
    """Report a check with its reasons in words."""
    severity = WARN if warn else dg.AssetCheckSeverity.ERROR
    text = "\n".join(reasons) or "nothing found"
    return dg.AssetCheckResult(
        check_name=name, passed=passed, severity=severity, description=text, metadata={"findings": text}
    )
