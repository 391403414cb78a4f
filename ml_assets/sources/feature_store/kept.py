"""What an online store of Feast keeps of some entities, without what holds no longer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ml_assets.sources.feature_store.namespaces import Namespace
from ml_assets.sources.feature_store.quiet import told


def kept(
    feast: Any,
    place: str,
    namespace: Namespace,
    features: list[str],
    keys: list[dict[str, Any]],
    now: datetime,
) -> dict[str, list[Any]]:
    """Ask for the newest values, all entities in one call.

    Feast gives values that hold no longer (its `ttl`), too: they are left out here, as the join leaves them out.

    Parameters
    ----------
    feast : feast.FeatureStore
    place : str
        Where the repository is, for a message.
    namespace : Namespace
    features : list of str
    keys : list of dict, of n_entities
        Keys of the namespace; no entity twice.
    now : datetime
        In UTC, without a zone.

    Returns
    -------
    dict of str to list of n_entities
        By feature; None where nothing is kept.

    Raises
    ------
    SourceError
        The store does not answer.
    """
    name = namespace.name
    with told(place):
        answer: dict[str, list[Any]] = feast.get_online_features(
            [f"{name}:{feature}" for feature in features], keys, full_feature_names=True
        ).to_dict(include_event_timestamps=True)
    oldest = (now - namespace.ttl).replace(tzinfo=UTC).timestamp() if namespace.ttl else float("-inf")
    return {
        feature: [
            value if since >= oldest else None
            for value, since in zip(
                answer[f"{name}__{feature}"], answer[f"{name}__{feature}__ts"], strict=True
            )
        ]
        for feature in features
    }
