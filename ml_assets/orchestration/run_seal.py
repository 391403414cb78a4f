"""The seal of a run: what decisions read of its tags is covered by a hash, which it carries from its first moment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final

import dagster as dg
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX, PARTITION_NAME_TAG

from ml_assets.names import ARRIVAL_TAG, AS_OF_TAG, CONTENT_TAG, DECISION_TAG, MODEL_TAG, TRAINING_TAG

SEAL_TAG: Final = f"{HIDDEN_TAG_PREFIX}ml_assets_seal"
"""Dagster's UI shows none of these: a hash says nothing to a person."""
SHOWN_TAG: Final = "ml_assets/seal"
"""Of runs of before, where it was shown."""
SEALED: Final = (
    ARRIVAL_TAG,
    AS_OF_TAG,
    CONTENT_TAG,
    DECISION_TAG,
    MODEL_TAG,
    PARTITION_NAME_TAG,
    TRAINING_TAG,
)
"""Tags that decisions read."""


def seal(run_id: str, job: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Make the tag that seals a run's tags.

    Dagster copies the tags of a run to the run that repeats it: by the run's id such a copy is known.
    """
    return {SEAL_TAG: f"{run_id}:{_hash(run_id, job, tags)}"}


def is_changed(run: dg.DagsterRun) -> bool:
    """Whether the tags are not what was sealed; a run that has not begun, or of before there were seals, has none."""
    run_id, _, sealed = run.tags.get(SEAL_TAG, run.tags.get(SHOWN_TAG, "")).partition(":")
    return run_id == run.run_id and sealed != _hash(run_id, run.job_name, run.tags)


def _hash(run_id: str, job: str, tags: Mapping[str, str]) -> str:
    facts = [run_id, job, {name: tags[name] for name in SEALED if name in tags}]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
