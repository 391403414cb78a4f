"""The log of predictions: rows come back as they came, nothing waits for it, and each answer is there once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings

from ml_assets.records import Schema
from ml_assets.registry.standard import RawRows
from ml_assets.serving import log as log_module
from ml_assets.serving import segments as segments_module
from ml_assets.serving.body import RequestError, read
from ml_assets.serving.handed import packed, unpacked
from ml_assets.serving.log import PredictionLog, new_number
from ml_assets.serving.log_search import find
from ml_assets.serving.log_writer import WriterError
from ml_assets.serving.logged import OURS, Answered, request_of, table_of, taken
from ml_assets.serving.segments import Segment, segments
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Sql, Wanted
from ml_assets.store.places import Folder
from ml_assets_tests.support.places import wait_for
from ml_assets_tests.support.registry_workers import recipe_named

KNOWN = RawRows(
    recipe=recipe_named("churn").model_dump(mode="json", exclude_none=True),
    kinds=Schema(columns={"age": "number", "seen": "time", "colour": "text"}, classes={}),
    columns=("age", "seen", "colour", "free"),
    answer="text",
    features=("age",),
)
ANY = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
MORE = st.dictionaries(st.text(max_size=8), ANY | st.lists(ANY, max_size=2), max_size=2)
ROW = st.builds(
    lambda more, row: more | row,
    MORE,
    st.fixed_dictionaries(
        {
            "age": ANY | st.floats(-1e30, 1e30).map(str),
            "seen": st.none()
            | st.datetimes().map(str)
            | st.datetimes().map(lambda at: f"{at.isoformat()}+02:00"),
            "colour": ANY,
            "free": ANY,
        }
    ),
)


def answered(rows: list[dict[str, Any]], at: float | None = None, **more: Any) -> Answered:
    labels = [f"label {place}" for place in range(len(rows))]
    return Answered(new_number(), time.time() if at is None else at, 1, KNOWN, rows, labels, **more)


def plain(number: int, age: float = 1.0) -> list[dict[str, Any]]:
    return [{"age": age, "seen": None, "colour": "red", "free": None, "customer": f"c{number}"}]


@settings(max_examples=300, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=4))
def test_a_row_from_the_log_is_to_the_model_what_came(rows: list[dict[str, Any]]) -> None:
    came = json.loads(json.dumps(rows))
    logged = request_of([table_of([unpacked(packed(answered(came)), taken(KNOWN))])])
    assert logged is not None
    for back, row in zip(logged.rows, came, strict=True):
        assert {name: back[name] for name in row if name not in KNOWN.columns and name not in OURS} == {
            name: value for name, value in row.items() if name not in KNOWN.columns and name not in OURS
        }
    first = asked(came)
    if isinstance(first, str):
        return
    assert asked(logged.rows) == first


def asked(rows: list[dict[str, Any]]) -> str:
    """What the model is given of rows, exactly; or why it is given nothing."""
    try:
        return repr(read(json.dumps({"rows": rows}).encode(), KNOWN, 10).frame().to_dict("list"))
    except RequestError as error:
        return f"refused: {error.kind}"


def test_numbers_come_back_bit_for_bit() -> None:
    made = Answered(
        "a",
        1e9,
        3,
        KNOWN,
        plain(1) * 2,
        [0.1 + 0.2, 1e-320],
        [{"yes": 1 / 3, "no": 2 / 3}] * 2,
        "blue",
        "onnx",
    )
    logged = request_of([table_of([made])])
    assert logged is not None
    assert (logged.predictions, logged.probabilities) == (
        [0.1 + 0.2, 1e-320],
        [{"yes": 1 / 3, "no": 2 / 3}] * 2,
    )
    assert logged[:5] == ("a", "2001-09-09T01:46:40.000+00:00", 3, "blue", "onnx")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.datetimes(),
            st.none() | st.text(),
            st.none() | st.text(),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.floats(0, 1),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_columns_are_logged_as_the_same_rows_are(values: list[tuple[Any, ...]]) -> None:
    names = (*KNOWN.columns, "customer")
    kinds = (pa.float64(), pa.timestamp("us"), pa.string(), pa.string(), pa.int64())
    given_columns = {
        name: pa.array([row[k] for row in values], kind)
        for k, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    shares = {name: [row[5] for row in values] for name in ("no", 'y"es')}
    made = pa.table(
        {
            "prediction": ["a\u00e9", *["b"] * (len(values) - 1)],
            **{f"probability_{n}": s for n, s in shares.items()},
        }
    )
    as_rows = answered([dict(zip(names, row[:5], strict=True)) for row in values])._replace(
        predictions=made["prediction"].to_pylist(),
        probabilities=[dict(zip(shares, each, strict=True)) for each in zip(*shares.values(), strict=True)],
    )
    as_columns = as_rows._replace(rows=pa.table(given_columns), predictions=made, probabilities=None)
    found = [request_of([table_of([unpacked(packed(each), taken(KNOWN))])]) for each in (as_columns, as_rows)]
    assert found[0] is not None and repr(found[0]) == repr(found[1])


def test_segments_become_few_and_each_answer_stays_there_once(tmp_path: Path) -> None:
    log = PredictionLog(Folder(tmp_path))
    sent = []
    for number in range(2 * segments_module.TOGETHER + 5):
        sent.append(answered(plain(number)))
        log.note(sent[-1])
        log.flush()
    files = list(tmp_path.glob("*/*.parquet"))
    assert len(files) == 2 + 5 and log.written == len(sent) and log.dropped == log.waiting == 0
    for answer in sent[::17]:
        found = find(Folder(tmp_path), answer.number)
        assert found is not None and found.rows == answer.rows and found.predictions == answer.predictions
    kept = [name for file in files for name in pq.read_table(file)["request__"].to_pylist()]
    assert sorted(kept) == sorted(answer.number for answer in sent)
    assert find(Folder(tmp_path), new_number()) is None and find(Folder(tmp_path), "unknown") is None


def test_what_a_kill_leaves_double_counts_once_and_goes_at_the_next_start(tmp_path: Path) -> None:
    place, log = Folder(tmp_path), PredictionLog(Folder(tmp_path))
    for number in range(segments_module.TOGETHER - 1):
        log.note(answered(plain(number)))
        log.flush()
    small = {path: path.read_bytes() for path in tmp_path.glob("*/*.parquet")}
    log.note(answered(plain(0)))
    log.flush()
    for path, content in small.items():  # killed before they were removed
        path.write_bytes(content)
    (day,) = place.folders()
    (whole,) = segments(place, day)
    assert (whole.first, whole.last) == (1, segments_module.TOGETHER)
    again = PredictionLog(place)
    again.start()
    again.close()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*.parquet")] == [whole.key]


def test_old_days_go_and_others_stay(tmp_path: Path) -> None:
    place, now = Folder(tmp_path), time.time()
    before = PredictionLog(place)
    for days in (0, 6, 8, 400):
        before.note(answered(plain(days), at=now - days * 86_400))
    before.flush()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("kept")
    assert len([day for day in place.folders() if segments(place, day)]) == 4
    log = PredictionLog(place, days=7)
    log.start()
    log.close()
    assert len([day for day in place.folders() if segments(place, day)]) == 2
    assert (tmp_path / "notes" / "mine.txt").exists()


def test_what_is_too_much_is_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MOST_ROWS", 10)
    log = PredictionLog(Folder(tmp_path))
    for number in range(25):
        log.note(answered(plain(number)))
    assert (log.waiting, log.dropped) == (10, 15)
    log.flush()
    assert (log.waiting, log.dropped, log.written) == (0, 15, 10)
    monkeypatch.setattr(log_module, "MOST_BYTES", 10)
    log.note(answered(plain(0)))
    assert log.dropped == 16


def test_a_disk_that_comes_back_gets_what_waited(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "log"
    folder.write_text("no folder")
    log = PredictionLog(Folder(folder))
    log.start()
    answer = answered(plain(1))
    log.note(answer)
    time.sleep(2.5 * log_module.EVERY)
    assert log.waiting == 1 and len([line for line in caplog.messages if "not logged" in line]) >= 1
    folder.unlink()
    log.close()
    assert (log.waiting, log.written, log.dropped) == (0, 1, 0)
    assert find(Folder(folder), answer.number) is not None


def test_an_answer_that_cannot_be_laid_out_keeps_no_other_from_the_log(tmp_path: Path) -> None:
    log = PredictionLog(Folder(tmp_path))
    log.note(answered(plain(1))._replace(rows=plain(1) * 3))  # three rows, one answer
    log.note(answered(plain(2))._replace(version=2))
    log.flush()
    assert (log.written, log.dropped, log.waiting) == (1, 1, 0)


def writers() -> list[psutil.Process]:
    """Processes of logs among the children of this one, which may have others."""
    running = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in running if "log_writer" in " ".join(each.cmdline())]


def test_a_writer_that_is_killed_loses_nothing_and_leaves_nothing_twice(tmp_path: Path) -> None:
    log = PredictionLog(Folder(tmp_path), apart=True)
    sent = []
    for number in range(3):
        sent.append(answered(plain(number)))
        log.note(sent[-1])
        log.flush()
        (writer,) = writers()
        writer.kill()
        writer.wait(10)
    log.close()
    assert (log.written, log.dropped, log.waiting) == (3, 0, 0) and not writers()
    kept = [
        name for file in tmp_path.glob("*/*.parquet") for name in pq.read_table(file)["request__"].to_pylist()
    ]
    assert sorted(kept) == sorted(answer.number for answer in sent)


def test_a_writer_has_what_it_needs_before_the_first_rows_come(tmp_path: Path) -> None:
    log = PredictionLog(Folder(tmp_path), apart=True)
    log.start()
    try:
        (writer,) = writers()
        loaded = {Path(each.path).name for each in writer.memory_maps()}
    finally:
        log.close()
    assert any(name.startswith("_parquet.") for name in loaded)
    assert any(name.startswith("_compute.") for name in loaded)


def test_a_writer_tells_what_it_could_not_write_and_what_the_disk_did(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.write_text("no folder")
    log = PredictionLog(Folder(folder), apart=True)
    log.note(answered(plain(1)))
    log.flush()
    wait_for(lambda: log._writes.heard() == [] and log._writes.fault, 30, "word of the disk")
    log.note(answered(plain(1))._replace(rows=plain(1) * 3))  # three rows, one answer
    with pytest.raises(WriterError, match="log"):
        log.flush()
    assert (log.waiting, log.written, log.dropped) == (2, 0, 0)
    folder.unlink()
    log.close()
    assert (log.waiting, log.written, log.dropped) == (0, 1, 1)


def test_what_is_written_slowly_is_with_its_writer_when_the_server_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from ml_assets.serving import log_writer, segments;"
        "write = segments.Segments.write;"
        "segments.Segments.write = lambda *given: (time.sleep(0.7), write(*given))[1];"
        "log_writer.main()"
    )
    log = PredictionLog(Folder(tmp_path), apart=True)
    assert log._apart is not None
    log._apart._command[3] = code  # a disk that takes its time
    log.start()
    sent = [answered(plain(number)) for number in range(4)]
    for answer in sent:
        log.note(answer)
        time.sleep(
            1.2 * log_module.EVERY
        )  # each a parcel of its own, handed on while the first is being written
    (writer,) = writers()
    log._stopped.set()
    log._thread.join(10)
    assert log.written < len(sent)
    log._apart._process.stdin.close()  # as the end of a server that is killed does
    writer.wait(30)
    assert all(find(Folder(tmp_path), answer.number) is not None for answer in sent)
    log.close()


def test_names_of_segments_tell_what_they_hold() -> None:
    whole, part = Segment("2026-11-27", "1", "a", 1, 60), Segment("2026-11-27", "2", "a", 7, 7)
    assert whole.holds(part) and not part.holds(whole) and not whole.holds(whole)
    assert Segment.of(whole.key) == whole


def test_the_log_is_a_source_with_late_labels_as_the_docs_have_it(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    loader = yaml.safe_load(text.split("<!-- log -->")[1].split("```")[1].removeprefix("yaml"))["model"][
        "loader"
    ]
    folder = tmp_path / ".ml_assets" / "predictions"
    log = PredictionLog(Folder(folder / "churn"))
    for number in range(6):
        log.note(answered(plain(number, age=20.0 + number)))
        log.flush()
    (folder / "labels.csv").write_text("customer,churned\nc1,1\nc4,0\n")
    wanted = Wanted(loader["source_uri"], tmp_path, sql=Sql(loader["connection_uri"]))
    rows = open_source(wanted).read().frame.sort_values("age")
    assert rows["age"].tolist() == [20.0, 21.0, 22.0, 23.0, 24.0, 25.0] and rows["asked_at"].notna().all()
    assert rows["churned"].fillna(-1).tolist() == [-1, 1, -1, -1, 0, -1]
