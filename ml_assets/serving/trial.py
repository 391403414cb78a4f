"""An experiment as a server knows it: which version answers which row, and whether an arm must go."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_assets.records.experiments import CHAMPION
from ml_assets.registry.experiments import Running
from ml_assets.serving.guard import Guard

if TYPE_CHECKING:
    from ml_assets.serving.live import Served


class Trial:
    """An experiment, and the versions of its arms, loaded.

    Parameters
    ----------
    running : Running
    versions : mapping of str to Served
        Of each arm by its name, the champion's too.
    """

    def __init__(self, running: Running, versions: Mapping[str, Served]) -> None:
        self.running, self.versions = running, versions
        self.experiment = running.experiment
        self.guard = Guard(versions[CHAMPION].way.recipe.promotion.max_latency_ratio)
        self.shadows = tuple(arm.name for arm in running.experiment.shadows)
        """Names of the arms that answer beside the champion."""

    @property
    def champion(self) -> Served:
        """The version in charge."""
        return self.versions[CHAMPION]

    def arms(self, rows: Sequence[Mapping[str, Any]], number: str) -> list[str]:
        """Name the arm of each row: by its entity, or by the request where the row or the recipe has none."""
        hours, entity = self.running.hours(time.time()), self.experiment.entity
        return [self.experiment.arm_of(key_of(row, entity) or number, hours) for row in rows]


def key_of(row: Mapping[str, Any], entity: Sequence[str]) -> str | None:
    """Key of a row: the values of its entity, whereby 7, 7.0 and "7" are one; None where one is absent.

    >>> key_of({"customer": 7.0, "age": 3}, ["customer"]) == key_of({"customer": "7"}, ["customer"])
    True
    >>> key_of({"customer": None}, ["customer"]) is None
    True
    """
    values = [row.get(name) for name in entity]
    if not values or any(value is None for value in values):
        return None
    whole = (int(v) if isinstance(v, float) and v.is_integer() else v for v in values)
    return "\x1f".join(str(value) for value in whole)
