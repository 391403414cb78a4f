"""What an audit says can be held against itself, and nothing in it changes unnoticed."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from ml_assets.audit import verify
from ml_assets.audit.entries import period, write_entries
from ml_assets.audit.folder import AuditFolder, audit_folder
from ml_assets.audit.made import NothingToAuditError, Wanted, write_audit
from ml_assets.audit.told import Audited
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.state import ModelState
from ml_assets.records import Promotion, TrainedModel
from ml_assets.registry import chain, charge
from ml_assets.registry.integrity import file_sha256
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.table import decisions, links
from ml_assets.registry.versions import Registry
from ml_assets.settings import Settings
from ml_assets.settings.alerts import Alerts
from ml_assets_tests.support.homes import copy_home
from ml_assets_tests.support.registry_workers import (
    evaluation,
    open_registry,
    promote,
    recipe_named,
    register,
    train,
)

BATCH = "2024-01-01"
AT = datetime(2025, 1, 1, tzinfo=UTC)
SECRET = "https://hooks.example.org/T0p/S3cret"


def audit(registry: Registry, target: Path, **more: Any) -> Audited:
    settings = registry.settings.model_copy(update={"alerts": Alerts(webhook=SecretStr(SECRET))})
    state = ModelState(recipe_named("churn"), Path("churn.yaml"), settings).beside(registry.ledger)
    when = period(more.pop("start", None), more.pop("end", None))
    say = more.pop("say", lambda _text: None)
    return write_audit(state, Wanted(target, when, "always", **more), AT, "a person", say)


def with_history(registry: Registry) -> None:
    """Two versions, of which the first is in charge again; entries of another model between."""
    registry.ledger.append("other", "alert", actor="x", reason="not of this model")
    one, two = (registry.register(trained(registry, c), evaluation=evaluation()) for c in (0.1, 0.2))
    first = Promotion(outcome="promote", reason="first", metric="roc_auc", direction="maximize", rows=20)
    charge.promote(
        registry,
        "churn",
        one,
        expected_champion=None,
        reason="first",
        actor="gate",
        record=first,
        batch=BATCH,
    )
    registry.ledger.append("other", "alert", actor="x", reason="between")
    registry.ledger.append("other", "alert", actor="x", reason="and another")
    promote(registry, two, one)
    charge.rollback(registry, "churn", actor="a person", reason="bétter before")


def trained(registry: Registry, c: float) -> TrainedModel:
    made = train(registry, c)
    return made.model_copy(update={"recipe_text": f"name: churn # {c}", "snapshots": {BATCH: "a" * 64}})


def verified(folder: Path, *head: str) -> tuple[int, str]:
    """Run the folder's own verifier, as somebody does who has no ml_assets."""
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *head],
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def rewrite_manifest(folder: Path) -> None:
    """Make the manifest agree with what is there now, as somebody does who wants to hide a change."""
    names = [name for name in verify.listed(folder) if (folder / name).exists()]
    (folder / "MANIFEST").write_text(
        "".join(f"{file_sha256(folder / name)}  {name}\n" for name in names), encoding="utf-8"
    )


def test_it_is_verified_by_its_folder_alone(registry: Registry, tmp_path: Path) -> None:
    with_history(registry)
    found = audit(registry, tmp_path / "audit")
    code, said = verified(tmp_path / "audit")
    assert code == 0, said
    with registry.ledger._engine.connect() as connection:
        head = connection.execute(sa.select(links.c.hash).order_by(links.c.id.desc()).limit(1)).scalar()
    assert found.followed.head == head and f"head of the chain {head}" in said
    assert verified(tmp_path / "audit", str(head))[0] == 0 and verified(tmp_path / "audit", "0" * 64)[0] == 1
    text = (tmp_path / "audit" / "ledger" / "entries.jsonl").read_text(encoding="utf-8")
    assert "not of this model" not in text and text.count("of another model") == 3
    page, markdown = ((tmp_path / "audit" / name).read_text() for name in ("index.html", "audit.md"))
    for entry in registry.ledger.entries("churn"):
        assert entry.reason in (tmp_path / "audit" / "ledger" / "story.md").read_text()
        assert entry.reason in page
    assert "Version 1 is in charge" in page and "Version 1 is in charge" in markdown
    named = {found[1] for found in re.finditer(r"href=\"([^#\"]+)\"", page)}
    assert {"versions/1/report.html", "versions/2/recipe.yaml", "ledger/story.md"} <= named
    assert all((tmp_path / "audit" / name).is_file() for name in named), named


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Path:
    """A folder with a home that has such a history, and its audit."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "home").mkdir()
    shutil.copyfile(mlflow_template, folder / "home" / "mlflow.db")
    registry = open_registry(Settings(home=folder / "home"))
    with_history(registry)
    audit(registry, folder / "audit")
    return folder


@pytest.fixture
def made(made_once: Path, mlflow_home: Path, tmp_path: Path) -> tuple[Registry, Path]:
    shutil.rmtree(mlflow_home)
    home = copy_home(made_once / "home", mlflow_home)
    shutil.copytree(made_once / "audit", tmp_path / "audit")
    return open_registry(Settings(home=home)), tmp_path / "audit"


def test_any_one_byte_that_is_changed_is_found(made: tuple[Registry, Path]) -> None:
    _, folder = made
    draw = random.Random(0)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        content = path.read_bytes()
        for place in {0, len(content) - 1, *(draw.randrange(len(content)) for _ in range(4))}:
            for bit in (1, 1 << draw.randrange(8)):
                changed = bytearray(content)
                changed[place] ^= bit
                path.write_bytes(changed)
                assert verify.verify(folder)[0], f"{path.name}, byte {place}, {bit}"
        path.write_bytes(content)
    assert verify.verify(folder)[0] == []


def test_the_folders_own_verifier_finds_that_it_was_changed(made: tuple[Registry, Path]) -> None:
    _, folder = made
    path, draw = folder / "verify.py", random.Random(1)
    content = path.read_bytes()
    called = content.rindex(b"\nif __name__")
    for place in [*draw.sample(range(called), 6), *range(called + 4, len(content), 11)]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :])
        assert verified(folder)[0] != 0, place


def test_what_is_missing_or_new_is_named(made: tuple[Registry, Path]) -> None:
    _, folder = made
    (folder / "versions" / "1" / "training.json").unlink()
    (folder / "ledger" / "more.jsonl").write_text("{}")
    said = verified(folder)[1]
    assert "versions/1/training.json: is missing" in said and "ledger/more.jsonl: is not in MANIFEST" in said


def change_entry(folder: Path) -> None:
    path = folder / "ledger" / "entries.jsonl"
    path.write_text(
        path.read_text(encoding="utf-8").replace("bétter before", "worse before"), encoding="utf-8"
    )


def drop_entry(folder: Path) -> None:
    path = folder / "ledger" / "entries.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:3], *lines[4:]]), encoding="utf-8")


def cut_off(folder: Path) -> None:
    path = folder / "ledger" / "entries.jsonl"
    path.write_text(
        "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8"
    )


def swap_model(folder: Path) -> None:
    path = folder / "versions" / "2" / "files.json"
    told = json.loads(path.read_text())
    told["model"]["files"]["MLmodel"] = "0" * 64
    path.write_text(json.dumps(told))


def swap_both(folder: Path) -> None:
    path = folder / "versions" / "2" / "files.json"
    told = json.loads(path.read_text())
    told["model"]["files"]["MLmodel"] = "0" * 64
    told["model"]["registered"] = verify.hash_of_files(told["model"]["files"])
    path.write_text(json.dumps(told))


def other_rows(folder: Path) -> None:
    path = folder / "versions" / "1" / "learned.json"
    told = json.loads(path.read_text())
    told["snapshots"][BATCH]["learned"] = "b" * 64
    path.write_text(json.dumps(told))


def other_recipe(folder: Path) -> None:
    (folder / "versions" / "1" / "recipe.yaml").write_text("name: churn # 0.3")


def better_score(folder: Path) -> None:
    path = folder / "versions" / "2" / "evaluation.json"
    path.write_text(path.read_text().replace("0.8", "0.9"))


def other_parameters(folder: Path) -> None:
    path = folder / "versions" / "2" / "training.json"
    path.write_text(path.read_text().replace('"C": 1.0', '"C": 2.0'))


def other_gate(folder: Path) -> None:
    path = folder / "versions" / "1" / "decisions.json"
    path.write_text(path.read_text().replace('"rows": 20', '"rows": 2000'))


def other_actor(folder: Path) -> None:
    path = folder / "versions" / "1" / "decisions.json"
    path.write_text(path.read_text().replace('"actor": "', '"actor": "not ', 1))


@pytest.mark.parametrize(
    "change",
    [
        *(other_recipe, change_entry, drop_entry, cut_off, swap_model, swap_both, other_rows),
        *(better_score, other_parameters, other_gate, other_actor),
    ],
)
def test_a_change_is_found_though_the_manifest_was_made_to_agree(
    made: tuple[Registry, Path], change: Callable[[Path], None]
) -> None:
    _, folder = made
    change(folder)
    rewrite_manifest(folder)
    code, said = verified(folder)
    assert code == 1 and "DOES NOT MATCH" in said and "was changed\n" not in said, said


def test_a_page_that_was_rewritten_is_found_by_what_was_noted(made: tuple[Registry, Path]) -> None:
    _, folder = made
    noted = file_sha256(folder / "MANIFEST")
    assert verified(folder, noted)[0] == 0
    page = folder / "index.html"
    page.write_text(page.read_text().replace("Version 1 is in charge", "Version 2 is in charge"))
    rewrite_manifest(folder)
    assert verified(folder)[0] == 0 and verified(folder, noted)[0] == 1


def test_files_of_a_version_that_were_changed_are_told(made: tuple[Registry, Path], tmp_path: Path) -> None:
    registry, _ = made
    version = registry.version("churn", 2)
    place = Path(registry.files.location(version.model_uri).removeprefix("file://").replace("%20", " "))
    (place / "MLmodel").write_bytes((place / "MLmodel").read_bytes() + b" ")
    found = audit(registry, tmp_path / "again")
    assert found.faults == ["version 2: the files of the model are not those that were registered"]
    code, said = verified(tmp_path / "again")
    assert code == 1 and "version 2: the files of the model have" in said
    assert "NOT all is as it was" in (tmp_path / "again" / "audit.md").read_text()
    shutil.rmtree(place)
    assert audit(registry, tmp_path / "gone").faults == ["version 2: the files of the model cannot be read"]
    assert "could not be read" in verified(tmp_path / "gone")[1]


def test_no_secret_is_in_it(made: tuple[Registry, Path], tmp_path: Path) -> None:
    registry, _ = made
    registry.ledger.append("churn", "alert", actor="x", reason=f"{SECRET} does not answer")
    registry.ledger.append(
        "churn", "alert", actor="x", reason="no answer from postgresql://me:opensesame@host/db"
    )
    found = audit(registry, tmp_path / "clean")
    content = b"".join(path.read_bytes() for path in (tmp_path / "clean").rglob("*") if path.is_file())
    assert b"S3cret" not in content and b"opensesame" not in content and found.followed.hidden == 2
    assert verified(tmp_path / "clean")[0] == 0


def test_it_is_there_whole_or_not_at_all(made: tuple[Registry, Path], tmp_path: Path) -> None:
    registry, folder = made
    with pytest.raises(WrongUsageError, match="is there already"):
        audit(registry, folder)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place, words in (
        (tmp_path / "file" / "audit", "a part of the path is a file"),
        (Path("/proc/audit"), "cannot be written"),
        (tmp_path / "link", "is there already"),
    ):
        said: list[str] = []
        with pytest.raises(WrongUsageError, match=f"--out {place}: .*{words}"):
            audit(registry, place, say=said.append)
        assert not said, "begun before the place was tried"
    with pytest.raises(RuntimeError), audit_folder(tmp_path / "half") as half:
        half.write("audit.md", "half")
        raise RuntimeError("killed")
    assert not [path for path in tmp_path.iterdir() if "half" in path.name]


def test_a_time_tells_its_own_decisions_and_keeps_the_chain(
    made: tuple[Registry, Path], tmp_path: Path
) -> None:
    registry, _ = made
    registry.ledger.append(
        "churn", "pause", actor="a person", reason="long ago", at=datetime(2020, 5, 1, tzinfo=UTC)
    )
    found = audit(registry, tmp_path / "may", start="2020-05-01", end="2020-05-01")
    assert (found.followed.of_model, len(found.versions)) == (1, 0)
    code, said = verified(tmp_path / "may")
    assert code == 0 and "long ago" in (tmp_path / "may" / "audit.md").read_text(), said
    with pytest.raises(NothingToAuditError, match="no entry"):
        audit(registry, tmp_path / "june", start="2020-06-01", end="2020-06-30")
    with pytest.raises(WrongUsageError, match="no day"):
        period("yesterday", None)
    with pytest.raises(WrongUsageError, match="--from 2025-03-02 is not before the end of --to 2025-03-01"):
        period("2025-03-02", "2025-03-01")


def test_a_model_without_a_champion(mlflow_home: Path, tmp_path: Path) -> None:
    registry = open_registry(Settings(home=mlflow_home))
    with pytest.raises(NothingToAuditError):
        audit(registry, tmp_path / "none")
    register(registry)
    assert audit(registry, tmp_path / "one").champion is None
    assert "No version is in charge" in (tmp_path / "one" / "audit.md").read_text()
    assert verified(tmp_path / "one")[0] == 0


def peak_of(folder: Path, count: int) -> int:
    """Bytes that the ledger's part takes at most, of a ledger that was written at once."""
    ledger = Ledger(folder / f"{count}.db")
    row = {
        "at": "2024-01-01T00:00:00.000000+00:00", "recipe": "churn", "decision_id": "d", "state": "done",
        "kind": "retrain_decision", "actor": "sensor", "reason": "quiet " * 20, "record": {"rule": "k_of_n"},
    }  # fmt: skip
    with ledger._engine.begin() as connection:
        connection.execute(sa.insert(decisions), [{**row, "key": f"k{number}"} for number in range(count)])
        before, told = chain.BEGINNING, []
        for number, _, *texts in connection.execute(chain.following(0)).all():
            before = chain.link(before, texts)
            told.append({"id": number, "hash": before})
        connection.execute(sa.insert(links), told)
    (folder / str(count)).mkdir()
    tracemalloc.start()
    found = write_entries(AuditFolder(folder / str(count)), ledger, "churn", period(None, None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.entries == found.of_model == found.quiet["k_of_n"] == count
    return peak


def test_a_long_ledger_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    peak_of(tmp_path, 400)  # imports and caches
    assert peak_of(tmp_path, 6_000) < 1.2 * peak_of(tmp_path, 1_500)
