"""A fitted network as one program in PyTorch's own file, which wants neither scikit-learn nor ml_assets.

It takes the matrix of prepared rows, categories as the numbers of their levels, and answers with shares or numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml_assets.networks.columns import FARTHEST

ROWS: Final = 7
"""Rows that the program is written down by: more than one, and no number that a network has by itself."""


class Whole(nn.Module):  # type: ignore[misc]  # torch is not there where types are checked
    """A network with what stands before it and behind: from the matrix to shares, or to numbers of the target's size.

    Parameters
    ----------
    model : Learner
        Fitted.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        columns = model.columns_
        self.network = model.network_.build(double=True).eval()
        self.network.load_state_dict(
            {name: torch.from_numpy(np.asarray(value)) for name, value in model.weights_.items()}
        )
        self.numbers, self.categories = list(columns.numbers), list(columns.categories)
        self.levels, self.gaps = list(columns.levels), list(columns.gaps)
        self.register_buffer("mean", torch.from_numpy(columns.mean))
        self.register_buffer("scale", torch.from_numpy(columns.scale))
        self.classes = len(model.classes_) if hasattr(model, "classes_") else 0
        self.away: Any = 0.0 if self.classes else model.mean_
        self.size: Any = 1.0 if self.classes else model.scale_

    def forward(self, X: Tensor) -> Any:
        """Answer rows X of shape (n_rows, n_columns), in double precision; see `networks.columns.taken`."""
        values = X[:, self.numbers]
        missing = ~torch.isfinite(values)
        sized = torch.clamp((values - self.mean) / self.scale, -FARTHEST, FARTHEST)
        sized = torch.where(missing, torch.zeros_like(sized), sized)
        numbers = torch.cat([sized, missing[:, self.gaps].double()], dim=1).float().double()
        found = X[:, self.categories]
        unknown = (found < 0) | (found >= torch.tensor(self.levels, dtype=torch.float64)) | found.isnan()
        answers = self.network(numbers, torch.where(unknown, torch.zeros_like(found), found).long())
        return torch.softmax(answers, dim=1) if self.classes else answers * self.size + self.away


def write(model: Any, path: Path) -> None:
    """Write a fitted network as a program (`torch.export`), for any number of rows.

    Raises
    ------
    Exception
        Of whatever kind, if PyTorch cannot tell the network as a program.
    """
    rows = torch.zeros((ROWS, model.n_features_in_), dtype=torch.float64)
    shapes = ({0: torch.export.Dim("rows", min=1)},)
    program = torch.export.export(Whole(model).eval(), (rows,), dynamic_shapes=shapes, strict=True)
    torch.export.save(program, path)


def answers(path: Path, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a program in a file answers to a matrix of shape (n_rows, n_columns)."""
    with torch.inference_mode():
        found = torch.export.load(path).module()(torch.from_numpy(np.asarray(matrix, dtype=np.float64)))
    return np.asarray(found.numpy())
