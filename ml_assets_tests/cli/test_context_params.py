"""Values for queries, by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.cli.context_params import use
from ml_assets.failures import WrongUsageError
from ml_assets.settings import SettingsError

RECIPE = """name: sales
model:
  loader: {source_uri: "SELECT * FROM sales WHERE shop = {{ shop }}"}
  data_interface: {task_type: regression, target_col: sold}
foreach: {column: shop, values: [berlin, paris]}
"""


def test_a_value_of_foreach_cannot_be_set_for_all_of_its_models(tmp_path: Path) -> None:
    path = tmp_path / "sales.yaml"
    path.write_text(RECIPE)
    with pytest.raises(WrongUsageError, match=r"shop is set by foreach in .*sales.yaml, value by value"):
        use('{"shop": "rome"}', path)


def test_what_is_no_json_is_told_by_the_option() -> None:
    with pytest.raises(SettingsError, match=r"^context parameters \(--context-params\): no JSON"):
        use("{shop")
