"""A champion made of a frame, and a batch compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ml_assets.features.columns import Roles
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.reference import InMemory, Reference
from ml_assets.recipe.schema import Monitoring
from ml_assets.records import DriftReport, LossSummary, Profile

NOBODY = InMemory(pd.DataFrame(), Roles((), ()))


def champion(
    kept: InMemory = NOBODY,
    *,
    losses: LossSummary | None = None,
    profile: Profile | None = None,
    **known: Any,
) -> Reference:
    """Version 1 of a classifier of `y`, unless told otherwise."""
    kept = replace(kept, losses=losses, profile=profile)
    plain = Reference.of_rows(kept, Monitoring().min_rows, version=1)
    return replace(plain, **{"targets": ("y",), "task": "classification"} | known)


def compared(
    batch: str,
    current: pd.DataFrame,
    reference: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    monitoring: Monitoring,
    profile: Profile | None = None,
    **known: Any,
) -> DriftReport:
    """Compare a batch with the training rows of version 1."""
    kept = InMemory(reference, Roles(tuple(numeric), tuple(categorical)), profile=profile)
    return drift_report(batch, current, Reference.of_rows(kept, monitoring.min_rows, version=1), **known)
