"""The recipe with every key, and without those that only another recipe may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

EVERY: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "every_key.yaml").read_text())
OF_OTHERS = ("treatment_col", "control", "user_col", "item_col", "top_k", "relevant_from")
OF_FILES, OF_SEVERAL_MODELS = "where", "foreach"
IN_PLACE_OF_FOLDS = "validation_size"


def _of_one_task() -> dict[str, Any]:
    model = EVERY["model"]
    interface = {name: value for name, value in model["data_interface"].items() if name not in OF_OTHERS}
    loader = {name: value for name, value in model["loader"].items() if name != OF_FILES}
    judged = EVERY["evaluation"]
    parted = {name: value for name, value in judged["validation"].items() if name != IN_PLACE_OF_FOLDS}
    of_one_model = {name: value for name, value in EVERY.items() if name != OF_SEVERAL_MODELS}
    return of_one_model | {
        "model": model | {"data_interface": interface, "loader": loader},
        "evaluation": judged | {"validation": parted},
    }


FULL = _of_one_task()
