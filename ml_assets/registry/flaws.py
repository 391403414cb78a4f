"""What is known to be wrong with a version because of a fault of the ml_assets that trained it, by its record."""

from __future__ import annotations

from contextlib import suppress

from ml_assets.registry import champions
from ml_assets.registry.champions import VersionInfo
from ml_assets.registry.ledger import Ledger
from ml_assets.shown import listed, shown


def flaws(info: VersionInfo | None) -> tuple[str, ...]:
    """Say what is wrong with a version, and what to do; nothing of none.

    Monotone constraints by name were once about the class that is last in the alphabet. Where the positive one is
    first, its share was let go the wrong way. Since then a record says whose share they are about (`constrained`).
    """
    if info is None:
        return ()
    training = info.trained.training
    classes = training.target_classes.values() or [training.classes]
    turned = [two[-1] for two in classes if two is not None and len(two) == 2 and two[-1] == min(two)]
    columns = [name for name, way in training.constraints.items() if way]
    if training.constrained is not None or not turned or not columns:
        return ()
    said = (
        f"version {info.version} was trained by an older ml_assets, which turned monotone constraints round: the share "
        f"of {listed([shown(name, 60) for name in turned])} may only go the wrong way with "
        f"{listed([shown(name, 60) for name in columns])}. Train it again"
    )
    return (said,)


def flaws_in_charge(ledger: Ledger, name: str) -> tuple[str, ...]:
    """Say it of the version in charge."""
    with suppress(champions.UnknownVersionError):
        return flaws(champions.champion(ledger, name))
    return ()
