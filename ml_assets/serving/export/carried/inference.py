"""Predictions by the model in this folder.

    from inference import ModelInference
    ModelInference("folder").predict(frame)

or `python inference.py ROWS PREDICTIONS`, each a .csv or .parquet file. It needs requirements.txt, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).resolve().parent


class ModelInference:
    """The model of a folder, verified and loaded.

    Parameters
    ----------
    folder : Path or str
        Default: the folder of this file.

    Raises
    ------
    ValueError
        If a file is not the one that was exported.
    """

    def __init__(self, folder: Path | str = HERE) -> None:
        folder = Path(folder)
        self.about: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for name, sha256 in self.about["files"].items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha256:
                raise ValueError(
                    f"{folder / name} is not the file that was exported: export the package again"
                )
        if "ml_assets" not in sys.modules:  # the copy that was saved with the model stands before any other
            sys.path.insert(0, str(folder / "library"))
        from ml_assets.registry.pipelines import answer_to_former_names
        from ml_assets.serving.standard import Predictor, cleaner

        answer_to_former_names()
        with (folder / "model" / "model.pkl").open("rb") as file:
            pipeline = pickle.load(file)  # noqa: S301 - its hash was just found to be the exported one
        self.predictor = Predictor(pipeline, cleaner(folder / "model"))

    @property
    def version(self) -> int:
        """Number of the version in its registry."""
        return int(self.about["version"])

    @property
    def columns(self) -> list[str]:
        """Columns that a row must have."""
        return list(self.predictor.known.columns)

    def read(self, source: str) -> pd.DataFrame:
        """Read a .csv or .parquet file; a CSV file as those that the model learned: 007 stays 007, None is a name.

        A column of batches holds times however they are written.

        Raises
        ------
        ValueError
            If it is no CSV file.
        """
        import pandas as pd

        if not source.endswith(".csv"):
            return pd.read_parquet(source)
        from ml_assets.failures import MendableError
        from ml_assets.sources.arrow import to_pandas
        from ml_assets.sources.csv import read_csv
        from ml_assets.sources.times import with_times
        from ml_assets.sources.wanted import columns_of

        known, recipe = self.predictor.known, self.predictor.recipe
        columns = columns_of(recipe)
        texts = columns.texts.union(name for name, kind in known.kinds.columns.items() if kind == "text")
        path, batches = Path(source), recipe.batches
        try:
            table = read_csv(path, replace(columns, texts=texts), recipe.model.loader.na_values).table
            if batches is not None and batches.column in table.column_names:
                table = with_times(table, path, batches.column)
        except MendableError as error:
            raise ValueError(str(error)) from None
        return to_pandas(table)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predict rows as they come from the source.

        Parameters
        ----------
        frame : DataFrame of shape (n_rows, n_columns)
            Further columns are not looked at.

        Returns
        -------
        DataFrame of shape (n_rows, 1 + n_classes)
            `prediction`, and for classes `probability_<class>`; the index of `frame`.

        Raises
        ------
        ValueError
            If a column is absent, or holds what it never held, or a row breaks a rule of the recipe (`quality.rows`).
        """
        import pandas as pd

        self.predictor.rows.see_rules(frame)
        answers, shares = self.predictor.answers(frame, hasattr(self.predictor.pipeline, "predict_proba"))
        if isinstance(answers, pd.DataFrame):
            made = answers.add_prefix("prediction_")
        else:
            made = pd.DataFrame({"prediction": answers})
        if shares is not None:
            made = made.join(shares.add_prefix("probability_"))
        return made.set_index(frame.index)


def main(source: str, target: str) -> None:
    """Predict the rows of a file, and write them with their predictions."""
    model = ModelInference()
    rows = model.read(source)
    made = rows.join(model.predict(rows))
    if target.endswith(".csv"):
        made.to_csv(target, index=False)
    else:
        made.to_parquet(target, index=False)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python inference.py ROWS PREDICTIONS")
    try:
        main(sys.argv[1], sys.argv[2])
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
