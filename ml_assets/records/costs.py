"""What work costs: of one step of an asset, and of many together."""

from __future__ import annotations

from ml_assets.records.base import Record


class Spent(Record):
    """What was spent, on one step or on many.

    Attributes
    ----------
    seconds : float
        Wall time.
    cpu_seconds : float
        Time of CPUs, of the step's process and of those it began and saw end.
    peak_bytes : int or None
        Most memory that the step's process had at once; of many steps the largest. None where it was not measured.
    rows_read, rows_written : int
        Rows of frames that were read from the store, and given to it.
    bytes_written : int
        Bytes that were kept, in the store or beside a version; what lay there already is not written again.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int | None = None
    rows_read: int = 0
    rows_written: int = 0
    bytes_written: int = 0


class StepCost(Spent):
    """One step of an asset, whether it did its work or failed."""

    recipe: str
    asset: str
    batch: str
    """What it was about: a batch, a span of batches, or empty."""
    run: str
    """Dagster's run."""
    at: str
    """When it ended, ISO, UTC."""
    ok: bool = True
    version: int | None = None
    """Version that the gate was asked about, of the step that asked."""


class AssetCost(Spent):
    """Steps of one asset of one model together."""

    recipe: str
    asset: str
    steps: int
    failed: int


class TrainingCost(Spent):
    """Steps of one run that trained."""

    run: str
    at: str
    """When its last step ended, ISO, UTC."""
    batch: str
    failed: int
    version: int | None = None
    """None where it did not come to the gate."""
    promoted: bool = False
    """Whether its version was ever put in charge."""


class Spending(Spent):
    """What one model has cost since a time, in sum, by asset and by training."""

    name: str
    since: str
    """ISO, UTC."""
    steps: int
    failed: int
    assets: tuple[AssetCost, ...]
    """Those that took most CPU first."""
    trainings: tuple[TrainingCost, ...]
    """The newest first."""
    training_cpu_seconds: float
    """Of all trainings."""
    lost_cpu_seconds: float
    """Of those whose version was not put in charge, so far."""
