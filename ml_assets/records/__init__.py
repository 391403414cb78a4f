"""What the steps return: frozen records that travel as JSON (assets, ledger, event log, command line)."""

from ml_assets.records.base import Direction, Finding, Kind, Record, Schema, Score
from ml_assets.records.monitoring import (
    ColumnDrift,
    DriftReport,
    Estimate,
    Expected,
    JointDrift,
    LossSummary,
    MaturedEstimate,
    PerformanceReport,
    Profile,
    SequentialTest,
)
from ml_assets.records.promotion import Comparison, Costs, GateCheck, Probation, Promotion, SegmentGain
from ml_assets.records.quality import BatchProfile, ColumnProfile, DataProfile, Level, Pair
from ml_assets.records.retraining import Attempt, BatchEvidence, Champion, History, RetrainDecision
from ml_assets.records.training import (
    Evaluation,
    Leak,
    TrainedModel,
    TrainingResult,
    Trial,
    TuningResult,
    Window,
)

__all__ = [
    "Attempt",
    "BatchEvidence",
    "BatchProfile",
    "Champion",
    "ColumnDrift",
    "ColumnProfile",
    "Comparison",
    "Costs",
    "DataProfile",
    "Direction",
    "DriftReport",
    "Estimate",
    "Evaluation",
    "Expected",
    "Finding",
    "GateCheck",
    "History",
    "JointDrift",
    "Kind",
    "Leak",
    "Level",
    "LossSummary",
    "MaturedEstimate",
    "Pair",
    "PerformanceReport",
    "Probation",
    "Profile",
    "Promotion",
    "Record",
    "RetrainDecision",
    "Schema",
    "Score",
    "SegmentGain",
    "SequentialTest",
    "TrainedModel",
    "TrainingResult",
    "Trial",
    "TuningResult",
    "Window",
]
