"""A network that begins from a fitted one: its weights, and the state of columns and target that they depend on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ml_assets.networks import columns as known

if TYPE_CHECKING:
    from ml_assets.networks.training import Network

Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class Start:
    """What a fitted network gives to the next: it is data alone.

    Parameters
    ----------
    version : int
        Registered version that it is of.
    network : Network
    weights : dict of str to ndarray
    columns : Columns
    mean, scale : float
        Of the target, where it is a number.
    """

    version: int
    network: Network
    weights: Weights
    columns: known.Columns
    mean: float = 0.0
    scale: float = 1.0

    def __repr__(self) -> str:
        return f"version {self.version}"

    def learned(self, X: Any) -> known.Columns:
        """Carry its knowledge of columns on to X of shape (n_rows, n_columns), which may have more levels.

        Raises
        ------
        ValueError
            If numbers or categories are in other places.
        """
        found = known.learned(X, alike=False)
        if (found.numbers, found.categories) != (self.columns.numbers, self.columns.categories):
            raise ValueError(
                f"start_from: version {self.version} learned {_told(self.columns)}, and there are {_told(found)}: "
                "leave start_from out"
            )
        levels = tuple(map(max, self.columns.levels, found.levels))
        return replace(self.columns, levels=levels)

    def continued(self, made: Network) -> Network:
        """Let a network like this one have its sizes of embeddings, which more levels do not change.

        Raises
        ------
        ValueError
            If the network is another one, with what differs.
        """
        from ml_assets.networks.modules import size_of

        former = self.network
        differing = [
            f"{name}: {_shown(old)}, not {_shown(new)}"
            for name, old, new in (
                ("the network", former.name, made.name),
                ("library", former.library, made.library),
                ("outputs", former.outputs, made.outputs),
                *((name, former.arguments.get(name), value) for name, value in made.arguments.items()),
            )
            if name != "dropout" and old != new
        ]
        if differing:
            raise ValueError(
                f"start_from: version {self.version} is another network ({'; '.join(differing)}): write what it has, "
                "or leave start_from out"
            )
        return replace(made, sizes=former.sizes or tuple(map(size_of, former.levels)))


def start_of(model: Any, version: int) -> Start:
    """Take from a fitted network what another may begin from.

    Raises
    ------
    ValueError
        If it is no network.
    """
    if not hasattr(model, "network_"):
        raise ValueError(f"start_from: version {version} is no network: leave start_from out")
    target = {"mean": model.mean_, "scale": model.scale_} if hasattr(model, "mean_") else {}
    return Start(version, model.network_, model.weights_, model.columns_, **target)


def _told(columns: known.Columns) -> str:
    return f"{len(columns.numbers)} numbers and {len(columns.categories)} categories"


def _shown(value: Any) -> str:
    return str(list(value) if isinstance(value, tuple) else value)
