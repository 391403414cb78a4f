"""A champion made of a frame, and a batch compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ml_assets.features.columns import Roles
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.reference import Reference
from ml_assets.recipe.schema import Monitoring
from ml_assets.records import DriftReport, Profile


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
    roles = Roles(tuple(numeric), tuple(categorical))
    champion = Reference(1, reference, roles, monitoring.min_rows, profile=profile)
    return drift_report(batch, current, champion, **known)
