"""Samples in Dagster's events lose an entity's rows, and nothing else of them changes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.erasure.entity import Entity
from ml_assets.orchestration.forget import forget_events
from ml_assets.orchestration.runs import open_instance
from ml_assets.settings import Settings
from ml_assets_tests.support.databases import database
from ml_assets_tests.support.installations import KINDS, with_database


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", ["ada-lovelace", "Zoë Größe", 'Ann "A" Lee', "東京都-123"])
def test_a_sample_loses_the_rows_of_an_entity(
    kind: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", "ML_ASSETS_HOME"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with ExitStack() as stack:
        settings = Settings(home=tmp_path / "home")
        if kind == "postgresql":
            address = stack.enter_context(database(kind, tmp_path))
            settings = with_database(tmp_path / "home", address)
        instance = stack.enter_context(open_instance(settings))
        records = [dg.TableRecord({"client": name, "age": 7}) for name in (value, f"{value}2")]
        kept = dg.MetadataValue.text(f"of {value}, and of others")
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                "raw", metadata={"sample": dg.MetadataValue.table(records), "told": kept, "rows": 2}
            )
        )
        forget_events(settings, Entity("client", value))
        event = instance.get_latest_materialization_event(dg.AssetKey("raw"))
        assert event is not None and event.asset_materialization is not None
        metadata = event.asset_materialization.metadata
        assert [record.data["client"] for record in metadata["sample"].records] == [f"{value}2"]  # type: ignore[attr-defined]  # a table's
        assert metadata["told"].value == "of erased, and of others" and metadata["rows"].value == 2
