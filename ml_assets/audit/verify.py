"""Verify the folder of an audit, by itself: every file, the chain of the ledger's entries, and what rests on them.

`python verify.py` needs Python 3.9 and its standard library alone, and reads nothing outside its folder. It exits with
0 where all is as it was written, else with 1, and names what is not. Somebody who rewrites the whole folder can make it
agree with itself: `python verify.py HEAD SHA256` also asks for what was noted when the audit was made, the head of the
chain and the sha256 of the manifest, which stands for every page.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MANIFEST = "MANIFEST"
VERIFIER = "verify.py"
ENTRIES = "ledger/entries.jsonl"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
BEGINNING = "0" * 64


def sha256_of(path: Path) -> str:
    """Hash a file piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while piece := handle.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def listed(folder: Path) -> dict[str, str]:
    """Read the manifest: hash by name; a line that is none is an error."""
    found = {}
    text = (folder / MANIFEST).read_bytes().decode("utf-8")
    for line in text.removesuffix("\n").split("\n"):
        parts = LINE.fullmatch(line)
        if parts is None:
            raise ValueError(f"{MANIFEST}: {line[:100]!r} is no line of it")
        found[parts[2]] = parts[1]
    return found


def faults_of_files(folder: Path) -> Iterator[str]:
    """Say which files are changed, missing, or not of the audit."""
    try:
        known = listed(folder)
    except (OSError, ValueError) as error:
        yield f"{MANIFEST} cannot be read: {error}"
        return
    there = {
        Path(root, name).relative_to(folder).as_posix()
        for root, folders, names in os.walk(folder)
        for name in [*names, *(each for each in folders if Path(root, each).is_symlink())]
    }
    for name in sorted(there - {MANIFEST, *known}):
        yield f"{name}: is not in {MANIFEST}"
    for name in sorted(known):
        path = folder / name
        if name not in there or path.is_symlink() or not path.is_file():
            yield f"{name}: is missing"
        elif sha256_of(path) != known[name]:
            yield f"{name}: was changed"


def entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Read the lines of the ledger's part: the columns, the entries, the head."""
    with (folder / ENTRIES).open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)


def faults_of_chain(folder: Path, told: dict[str, Any]) -> Iterator[str]:
    """Follow the chain: each entry's hash covers the entry and the hash before it. `told` takes what was found."""
    before, columns, count, recomputed, ended = BEGINNING, None, 0, 0, False
    registered: dict[str, Any] = {}
    whole: dict[str, str | None] = {}
    erased: list[dict[str, Any]] = []
    try:
        for line in entries(folder):
            if columns is None:
                columns = line["columns"]
            elif ended:
                yield f"{ENTRIES}: it goes on after its end"
                return
            elif "head" in line:
                ended = True
                if (line["head"], line["entries"]) != (before, count):
                    yield f"{ENTRIES}: it ends otherwise than it says, after {count} entries"
            else:
                count += 1
                whole[line["id"]] = None
                if "left_out" not in line:
                    recomputed += 1
                    texts = [line[name] for name in columns]
                    hashed = hashlib.sha256(json.dumps([before, *texts]).encode()).hexdigest()
                    if hashed != line["hash"]:
                        yield f"ledger: entry {line['id']} ({line['kind']}) is not what was written"
                    told_whole = {name: line[name] for name in columns}
                    whole[line["id"]] = hash_of_json({**told_whole, "record": json.loads(line["record"])})
                    if line["kind"] == "train" and line["to_version"] is not None:
                        registered[line["to_version"]] = json.loads(line["record"])
                    elif line["kind"] == "erase" and line["state"] == "done":
                        erased.append(json.loads(line["record"]))
                before = line["hash"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield f"{ENTRIES} cannot be followed: {type(error).__name__} {error}"
        return
    if not ended:
        yield f"{ENTRIES}: its end is missing"
    told.update(
        head=before,
        entries=count,
        recomputed=recomputed,
        registered=registered,
        erased=erased,
        whole=whole,
    )


def faults_of_versions(
    folder: Path, registered: dict[str, Any], erased: list[dict[str, Any]]
) -> Iterator[str]:
    """Hold what is told of each version against its entry of the ledger, and against what was found on the disk."""
    for place in sorted((folder / "versions").glob("*/files.json")):
        version, name = place.parent.name, f"version {place.parent.name}"
        try:
            told = json.loads(place.read_text(encoding="utf-8"))
            yield from (f"{name}: {text}" for text in _unlike(told))
            yield from (f"{name}: {text}" for text in _erased_otherwise(told, version, erased))
            record = registered.get(version)
            if record is not None and "trained" in record:
                yield from (f"{name}: {text}" for text in _against(record, told, place.parent))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            yield f"{name}: {place.name} cannot be read: {type(error).__name__} {error}"


def _unlike(told: dict[str, Any]) -> Iterator[str]:
    """Say which files were not those that were registered when the audit was made."""
    model = told["model"]
    if told.get("deleted"):
        return
    if model["files"] is None:
        yield "the files of the model could not be read"
    elif (found := hash_of_files(model["files"])) != model["registered"]:
        yield f"the files of the model have {found[:12]}…, registered was {model['registered'][:12]}…"
    for file, each in told["beside"].items():
        if each["found"] != each.get("erased", each["registered"]):
            yield f"{file} {'is missing' if each['found'] is None else 'was changed after training'}"


def _erased_otherwise(told: dict[str, Any], version: str, erased: list[dict[str, Any]]) -> Iterator[str]:
    """Say what is told of an erasure otherwise than the ledger's entries have it."""
    since: dict[str, str] = {}
    for each in erased:
        since.update(each["files"].get(version, {}))
    if {file: each["erased"] for file, each in told["beside"].items() if "erased" in each} != since:
        yield "files.json names other files that were rewritten by an erasure than the ledger"
    if bool(told.get("deleted")) != any(int(version) in each["deleted"] for each in erased):
        yield "files.json and the ledger do not agree whether it was deleted"


def _against(record: dict[str, Any], told: dict[str, Any], folder: Path) -> Iterator[str]:
    """Say what is told otherwise than the ledger's entry has it."""
    trained = record["trained"]
    if told["model"]["registered"] != trained["sha256"]:
        yield "files.json names another hash of the model than the ledger"
    if {file: each["registered"] for file, each in told["beside"].items()} != record["files"]:
        yield "files.json names other files than the ledger"
    told_of = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    if told_of != {key: value for key, value in trained.items() if key != "recipe_text"}:
        yield "training.json is not what the ledger's entry says of the training"
    figures = folder / "evaluation.json"
    if (json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else None) != record[
        "evaluation"
    ]:
        yield "evaluation.json has other figures than the ledger's entry"
    recipe = trained.get("recipe_text")
    if recipe and (folder / "recipe.yaml").read_bytes() != recipe.encode():
        yield "recipe.yaml is not the recipe of the ledger's entry"
    learned = json.loads((folder / "learned.json").read_text(encoding="utf-8"))
    if {batch: each["learned"] for batch, each in learned["snapshots"].items()} != trained.get(
        "snapshots", {}
    ):
        yield "learned.json names other snapshots than the ledger"


def hash_of_json(value: Any) -> str:
    """Hash what JSON says, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def faults_of_decisions(folder: Path, whole: dict[str, str | None]) -> Iterator[str]:
    """Say which decision on a version is told otherwise than its entry of the ledger, or has none."""
    for place in sorted((folder / "versions").glob("*/decisions.json")):
        name = f"version {place.parent.name}: {place.name}"
        try:
            for told in json.loads(place.read_text(encoding="utf-8")):
                texts = {key: None if value is None else str(value) for key, value in told.items()}
                found = hash_of_json({**texts, "record": told["record"]})
                if (written := whole.get(texts["id"] or "", "")) is not None and written != found:
                    yield f"{name} tells entry {told['id']} otherwise than the ledger"
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            yield f"{name} cannot be read: {type(error).__name__} {error}"


def hash_of_files(files: dict[str, str]) -> str:
    """Hash the files of a model together, as it was hashed when it was registered."""
    digest = hashlib.sha256()
    for name, sha256 in sorted(files.items()):
        digest.update(f"{len(name.encode())}:{name}:{sha256}\n".encode())
    return digest.hexdigest()


def verify(folder: Path, noted: Sequence[str] = ()) -> tuple[list[str], dict[str, Any]]:
    """Find all that does not match, and what was followed: head of the chain, entries, how many were recomputed."""
    told: dict[str, Any] = {}
    found = [*faults_of_files(folder), *faults_of_chain(folder, told)]
    if noted:
        known = {told.get("head"), sha256_of(folder / MANIFEST)}
        found += [
            f"{text}: neither the head of the chain nor the sha256 of {MANIFEST}"
            for text in set(noted) - known
        ]
    found += faults_of_decisions(folder, told.pop("whole", {}))
    found += faults_of_versions(folder, told.pop("registered", {}), told.pop("erased", []))
    return found, told


def main(arguments: list[str]) -> None:
    """Verify the folder that this file lies in; say what was found."""
    found, told = verify(Path(__file__).resolve().parent, arguments)
    for text in found:
        print(f"DOES NOT MATCH  {text}")  # noqa: T201 - it runs without ml_assets
    if told:
        left = told["entries"] - told["recomputed"]
        rest = f", {left} taken as linked, which are left out" if left else ""
        print(f"{told['recomputed']} entries recomputed{rest}; head of the chain {told['head']}")  # noqa: T201 - as above
    if found:
        raise SystemExit("NOT as it was written")  # with 1, whatever byte of this line is changed
    print("all as it was written")  # noqa: T201 - as above


if __name__ != "ml_assets.audit.verify":  # so put, no changed byte keeps it from being called
    main(sys.argv[1:])
