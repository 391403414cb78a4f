"""What is written in one place and read in another: columns of ours, the static batch, tags of runs."""

from __future__ import annotations

import unicodedata
from typing import Final


def composed(text: str) -> str:
    """
    Write a name with é as one character: macOS and some databases write two, and both look alike.

    >>> composed("Ku\u0308ndigung") == "K\u00fcndigung"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


ROW_ID: Final = "row_id__"
"""Column: identity of a row, unique in its batch."""

BATCH: Final = "batch__"
"""Column: label of the batch a row came with."""

POINT: Final = "point__"
"""Column: what a row is measured by, in the place of a target, where there is none."""

RESERVED: Final = (ROW_ID, BATCH, POINT)
"""Columns of ours, which no data may have."""

WITHOUT: Final = "without"
"""Column of rows to predict, and key of those of a request: items that are not recommended to the row's user."""

STATIC: Final = "all"
"""Label of the one batch of a table without batches."""

LEARNED: Final = "learned_profile"
"""Record: profile of what a version has learned, by its number."""

AS_OF_TAG: Final = "ml_assets/as_of"
MODEL_TAG: Final = "ml_assets/model"
TRAINING_TAG: Final = "ml_assets/training"
DECISION_TAG: Final = "ml_assets/decision"
RULE_TAG: Final = "ml_assets/rule"
REASON_TAG: Final = "ml_assets/reason"
ACTOR_TAG: Final = "ml_assets/actor"
PROCESS_TAG: Final = "ml_assets/process"
"""Tags of a run: its batch, its model, the model it trains, what asked for it and why, who, and its process."""

ARRIVAL_TAG: Final = "ml_assets/arrival"
CONTENT_TAG: Final = "ml_assets/content"
"""Tags of a run that takes in a batch by itself: its model, and the batch with the identity of its content."""

Z_95: Final = 1.959964
"""Half the width of a 95 % interval in standard errors."""

KEPT_OUT: Final = (
    "target",
    "left out by the recipe",
    "identifies the entity",
    "protected",
    "identifies the item",
    "rates the item",
    "tells the batch",
    "reserved",
    "not in the",
)
"""Beginnings of the reasons of columns that the recipe itself keeps out."""
