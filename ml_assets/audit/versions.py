"""What an audit has of each version: recipe, what it learned, its figures, its files as they are now, its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ml_assets.audit.entries import gates
from ml_assets.audit.folder import AuditFolder
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import LEARNED
from ml_assets.records import DataProfile, Promotion
from ml_assets.registry import erasures
from ml_assets.registry.champions import GATE, TRAIN, VersionInfo, version_info
from ml_assets.registry.integrity import IntegrityError, sha256_of_files
from ml_assets.store.snapshots import StoreError

if TYPE_CHECKING:
    from ml_assets.registry.ledger import Entry

CLEAN: Final = "cleaned_features"
LIBRARIES: Final = ("requirements.txt", "python_env.yaml")
"""Files of a model that say what it was made with."""


@dataclass(frozen=True)
class AuditedVersion:
    """What the page tells of a version.

    Parameters
    ----------
    info : VersionInfo
        What the ledger knows of it.
    said : tuple of Entry
        What was decided on it.
    faults : list of str
        What is not as it was registered.
    replaced : list of str
        Batches that it learned with another content than they have now.
    files : list of str
        Names of what was written of it, below the folder.
    """

    info: VersionInfo
    said: tuple[Entry, ...]
    faults: list[str]
    replaced: list[str]
    files: list[str]


def write_version(folder: AuditFolder, state: ModelState, version: int, *, with_rows: bool) -> AuditedVersion:
    """Write all that is known of a version below `versions/N`.

    Raises
    ------
    UnknownVersionError
        If the ledger does not have it.
    """
    info, below = version_info(state.ledger, state.name, version), f"versions/{version}"
    said = tuple(gates(state.ledger, state.name, version))
    trained = info.trained
    if trained.recipe_text:
        folder.write(f"{below}/recipe.yaml", trained.recipe_text)
    written = _as_registered(state, version)
    folder.write_json(f"{below}/training.json", written["trained"])
    if written["evaluation"] is not None:
        folder.write_json(f"{below}/evaluation.json", written["evaluation"])
    folder.write_json(f"{below}/decisions.json", [entry.model_dump(mode="json") for entry in said])
    learned = _learned(state, info)
    folder.write_json(f"{below}/learned.json", learned)
    files = _files(folder, state, info, below)
    folder.write_json(f"{below}/files.json", files)
    _write_report(folder, state, info, said, below)
    if with_rows:
        _write_rows(folder, state, learned)
    replaced = [
        batch
        for batch, each in learned["snapshots"].items()
        if each["now"] not in (None, each["learned"], erasures.now(state.ledger, state.name, each["learned"]))
    ]
    names = sorted(path.name for path in folder.place(below).iterdir())
    return AuditedVersion(info, said, _faults(files), replaced, [f"{below}/{name}" for name in names])


def _as_registered(state: ModelState, version: int) -> dict[str, Any]:
    """Give the record of the entry that registered a version as it was written, whatever is known of more since."""
    record = state.ledger.find(state.name, [TRAIN], state="done", to_version=version)[-1].record
    trained = {key: value for key, value in record["trained"].items() if key != "recipe_text"}
    return {"trained": trained, "evaluation": record["evaluation"]}


def _learned(state: ModelState, info: VersionInfo) -> dict[str, Any]:
    """Each batch that was learned, by the hash of its clean rows then and now, and the rows that it has now."""
    snapshots = {}
    for batch, sha256 in info.trained.snapshots.items():
        there = state.store.has(CLEAN, batch)
        snapshots[batch] = {
            "learned": sha256,
            "now": state.store.sha256(CLEAN, batch) if there else None,
            "rows": state.store.rows(CLEAN, batch) if there else None,
        }
    training = info.trained.training
    return {
        "as_of": info.as_of,
        "batches": info.trained.batches,
        "rows": training.rows,
        "rows_learned": training.learned,
        "left_out": training.left_out,
        "data_sha256": info.trained.data_sha256,
        "snapshots": snapshots,
    }


def _files(folder: AuditFolder, state: ModelState, info: VersionInfo, below: str) -> dict[str, Any]:
    """Hash the files of a version as they are now, beside the hashes that were registered."""
    trained, found = info.trained, None
    try:
        with state.registry.files.copied_model(trained, f"version {info.version}") as (place, files):
            found = files
            for name in LIBRARIES:
                if (place / name).is_file():
                    folder.write(f"{below}/{name}", (place / name).read_text(encoding="utf-8"))
    except IntegrityError:
        found = None
    now, gone = state.registry.files.beside(info.run_id), erasures.deleted(state.ledger, state.name)
    since = erasures.files_of(state.ledger, state.name, info.version)
    beside = {
        name: {"registered": sha256, "found": now.get(name)}
        | ({"erased": since[name]} if name in since else {})
        for name, sha256 in sorted(info.files.items())
    }
    deleted = {"deleted": True} if info.version in gone else {}
    return {"model": {"registered": trained.sha256, "files": found}, "beside": beside, **deleted}


def _faults(files: dict[str, Any]) -> list[str]:
    model, found = files["model"], list[str]()
    if files.get("deleted"):
        return found
    if model["files"] is None:
        found.append("the files of the model cannot be read")
    elif sha256_of_files(model["files"]) != model["registered"]:
        found.append("the files of the model are not those that were registered")
    for name, each in files["beside"].items():
        if each["found"] != each.get("erased", each["registered"]):
            found.append(f"{name} is missing" if each["found"] is None else f"{name} was changed")
    return found


def _write_report(
    folder: AuditFolder, state: ModelState, info: VersionInfo, said: tuple[Entry, ...], below: str
) -> None:
    """Make the report of a training from its records, without the rows that were most wrong."""
    from ml_assets.reports.as_html import as_html
    from ml_assets.reports.as_markdown import as_markdown
    from ml_assets.reports.training import Facts, training_document

    answers = [
        entry
        for entry in said
        if entry.kind in GATE and entry.batch == info.as_of and "outcome" in entry.record
    ]
    if info.evaluation is None or not answers:
        return
    promotion = Promotion.model_validate(answers[0].record)
    before = promotion.champion_version
    learned = state.store.has(LEARNED, str(info.version))
    facts = Facts(
        info.trained,
        info.version,
        info.evaluation,
        promotion,
        champion=None if before is None else version_info(state.ledger, state.name, before).evaluation,
        profile=state.store.read_record(LEARNED, str(info.version), DataProfile) if learned else None,
        columns=info.trained.training.excluded,
    )
    document = training_document(facts)
    folder.write(f"{below}/report.html", as_html(document))
    folder.write(f"{below}/report.md", as_markdown(document))


def _write_rows(folder: AuditFolder, state: ModelState, learned: dict[str, Any]) -> None:
    """Carry the clean rows of the batches that were learned, where they are still those."""
    for batch, each in learned["snapshots"].items():
        if each["now"] != each["learned"]:
            continue
        try:
            content = state.store.content(CLEAN, batch)
        except StoreError:
            continue
        folder.write_bytes(f"rows/{each['learned']}.parquet", content)
