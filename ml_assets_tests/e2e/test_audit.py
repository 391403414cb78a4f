"""`ml-assets audit` as a person meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ml_assets.cli.models import known_state
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.places import BATCH_RECIPE, day, rows

RARE = "zanzibar-4711"
"""A value that one row has."""


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_training_is_audited_without_its_rows(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    frame = shoppers()
    frame.loc[17, "channel"] = RARE
    recipe = shop.recipe("good", frame)
    assert ml_assets("audit", "good", "--json").message.startswith("good: the ledger has no entry of it")
    assert ml_assets("train", "--recipe-file", recipe, "--json").code == 0
    monkeypatch.chdir(tmp_path)
    said = ml_assets("audit", "good", "--json")
    assert said.code == 0, said.err
    folder = Path(said.result["folder"])
    assert folder.parent == tmp_path and folder.name.startswith("audit-good-2")
    assert (said.result["champion"], said.result["versions"], said.result["faults"]) == (1, [1], [])
    assert (
        subprocess.run(
            [sys.executable, "-I", "-S", folder / "verify.py", said.result["chain"]["head"]], check=False
        ).returncode
        == 0
    )
    for name in ("recipe.yaml", "report.html", "decisions.json", "requirements.txt", "learned.json"):
        assert (folder / "versions" / "1" / name).stat().st_size
    assert RARE.encode() not in content_of(folder)
    assert "is there already" in ml_assets("audit", "good", "--json").message
    told = ml_assets("audit", "good", "--with-rows", "--out", tmp_path / "rows")
    assert told.code == 0 and "head of the chain" in told.out
    (rows,) = (tmp_path / "rows" / "rows").iterdir()
    assert RARE in pq.read_table(rows)["channel"].to_pylist()
    unknown = ml_assets("audit", "goood", "--json")
    assert unknown.code == 2 and "Did you mean 'good'?" in unknown.message


def test_the_gate_is_asked_again(shop: Shop, tmp_path: Path) -> None:
    """A first model, and one that took its place; then rows that are not those of the training."""
    (shop.folder / "good.yaml").unlink()
    shop.write("tide.yaml", BATCH_RECIPE.replace('"*.csv"', '"tide/*.csv"'))
    (shop.folder / "tide").mkdir()
    for number in range(4):
        rows(number, number >= 2).to_csv(shop.folder / "tide" / f"{day(number)}.csv", index=False)
    walked = ml_assets("backfill", "tide", "--json")
    assert walked.code == 0 and walked.result["batches"][-1]["champion_version"] == 2, walked.err
    said = ml_assets("audit", "tide", "--recompute", "--out", tmp_path / "again", "--json")
    assert said.code == 0, said.err
    same = {"same": True, "words": "same decision, same figures"}
    assert said.result["decided_again"] == {"1": same, "2": same}
    state = known_state("tide")
    batch = state.registry.version("tide", 2).as_of
    held_out = state.store.read_frame("test_set", batch)
    held_out["y"] = held_out["y"].to_numpy()[::-1]
    state.store.write_frame("test_set", batch, held_out)
    other = ml_assets("audit", "tide", "--recompute", "--out", tmp_path / "other", "--json")
    assert other.code == 1
    assert other.result["decided_again"]["2"]["words"].startswith("OTHER")
    state.store.write_frame("training_set", batch, held_out)
    gone = ml_assets("audit", "tide", "--recompute", "--out", tmp_path / "gone", "--json")
    assert gone.code == 0 and "its rows were replaced" in gone.result["decided_again"]["2"]["words"]
