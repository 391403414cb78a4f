"""Weights & Biases, where the operator asks for it: each training is told there too."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from pydantic import BaseModel, ConfigDict

from ml_assets.settings.errors import SettingsError
from ml_assets.settings.layered import named

MODES: Final = ("online", "offline", "disabled")


class WandB(BaseModel):
    """Where trainings are told; the key for it W&B itself takes from the environment."""

    model_config = ConfigDict(frozen=True)

    project: str
    """`ML_ASSETS_WANDB_PROJECT`."""
    entity: str | None = None
    """Team or user; None: that of the key. `WANDB_ENTITY`."""
    offline: bool = False
    """Whether runs are kept and not sent. `WANDB_MODE`."""


def read_wandb(environ: Mapping[str, str]) -> WandB | None:
    """Read whether trainings are told to Weights & Biases, and where.

    Raises
    ------
    SettingsError
        W&B has no such mode.
    """
    project, mode = environ.get("ML_ASSETS_WANDB_PROJECT"), environ.get("WANDB_MODE") or "online"
    if not project or mode == "disabled":
        return None
    if mode not in MODES:
        raise SettingsError(
            f"{named(environ, 'WANDB_MODE')}: found {mode!r}; allowed: {', '.join(MODES)}, or leave it unset"
        )
    return WandB(project=project, entity=environ.get("WANDB_ENTITY") or None, offline=mode == "offline")


def lacks_wandb(wanted: WandB | None) -> str | None:
    """Say that the library is missing, and how it is installed; None where it is there, or not wanted."""
    if wanted is None or find_spec("wandb") is not None:
        return None
    return (
        "Weights & Biases (ML_ASSETS_WANDB_PROJECT) is not installed. Install it: pip install "
        '"ml_assets[wandb]", or unset the variable'
    )
