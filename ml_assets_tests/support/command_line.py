"""The `ml-assets` command as a person meets it: what it prints, where, and how it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from ml_assets_tests.support.processes import Program

SMALL = """\
name: {name}
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {{C: 1.0}}
  loader: {{source_uri: {data}}}
  data_interface: {{task_type: classification, target_col: bought}}
hyperparameter_tuning: {{enabled: false, metric: roc_auc, direction: maximize}}
evaluation: {{metrics: [roc_auc, accuracy]}}
training: {{window: all}}
"""
"""A recipe that trains in a second."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object that `--json` puts on the last line of stdout, and only there."""
        objects = list(json_objects(self.out))
        assert len(objects) == 1, self.out
        last = self.out.splitlines()[-1]
        assert json.loads(last) == objects[0]
        return objects[0]

    @property
    def message(self) -> str:
        """The message of a command that failed, without a traceback."""
        assert self.code != 0, self.out
        assert "Traceback" not in self.out + self.err, self.err
        assert 'File "' not in self.out + self.err, self.err
        return str(self.result["error"])


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """Lines that are a JSON object."""
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            yield value


def ml_assets(*arguments: str | Path) -> Outcome:
    """Run the command in this process: the same code, without the seconds of a new interpreter."""
    from ml_assets.cli.app import app

    # Four processes a run, which mirror stdout and stderr: those of the runner are no files that they could mirror.
    with patch("dagster._core.execution.compute_logs.tail_to_stream", lambda *_: nullcontext()):
        ended = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Outcome(ended.exit_code, ended.stdout, ended.stderr)


def ml_assets_process(*arguments: str | Path, folder: Path | None = None) -> Outcome:
    """Run the command as a process of its own."""
    with Program(
        "ml-assets", *map(str, arguments), folder=folder or Path.cwd(), environ=os.environ
    ) as process:
        out, err = process.output()
        return Outcome(process.wait(0), out, err)


def shoppers(rows: int = 200, random_state: int = 0) -> pd.DataFrame:
    """Rows of a shop: two numbers, a category, and whether something was bought."""
    random = np.random.default_rng(random_state)
    age = random.integers(18, 80, rows)
    spent = random.gamma(2.0, 30.0, rows).round(2)
    channel = random.choice(["web", "shop", "phone"], rows)
    chance = 1 / (1 + np.exp(-(age - 45) / 8 - (channel == "web") + spent / 60 - 1))
    return pd.DataFrame(
        {"age": age, "spent": spent, "channel": channel, "bought": (random.random(rows) < chance).astype(int)}
    )
