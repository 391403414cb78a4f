"""The recipe with every key, and without those that only a recipe of another task may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

EVERY: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "every_key.yaml").read_text())
OF_EFFECTS = ("treatment_col", "control")


def _without_effects() -> dict[str, Any]:
    model = EVERY["model"]
    interface = {name: value for name, value in model["data_interface"].items() if name not in OF_EFFECTS}
    return EVERY | {"model": model | {"data_interface": interface}}


FULL = _without_effects()
