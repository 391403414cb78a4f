"""The compiled way and the pipeline's give one answer, for rows as JSON or as columns; nothing is unpickled."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings

from ml_assets.registry.standard import RAW_ROWS
from ml_assets.serving.arrow import read_table, written
from ml_assets.serving.body import Asked, RequestError, read
from ml_assets.serving.decode import Decoder
from ml_assets.serving.standard import Predictor, RowError
from ml_assets.serving.ways import Arrayed, Piped, way_of
from ml_assets_tests.compiled.test_compiled import DATES, Saved

GIVEN = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
GOOD = {"count": 3, "share": 0.5, "member": True, "region": "north", "when": "2024-03-01T12:00:00"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    folder = tmp_path_factory.mktemp("model")
    model = {"hyperparameters": {"n_estimators": 20}, "feature_engineering": DATES}
    made = Saved(folder, "classification", "xgboost.XGBClassifier", **model)
    (folder / RAW_ROWS).write_text(made.known.model_dump_json())
    (folder / "model.pkl").write_bytes(pickle.dumps(Bomb()))
    return made


class Bomb:
    def __reduce__(self) -> Any:
        return __import__, ("antigravity_never_imported",)


def ways(saved: Saved) -> tuple[Arrayed, Piped]:
    way = way_of(saved.folder, ())
    assert isinstance(way, Arrayed) and way.name == "compiled"
    assert "antigravity_never_imported" not in sys.modules
    return way, Piped(Predictor(saved.pipeline, way.cleaner), "for comparison")


NUMBER = (
    st.none()
    | st.integers(-9, 99)
    | st.floats(-1e30, 1e30)
    | st.sampled_from(["7", "n/a", "", " 5 ", "-99", True])
)
TEXT = st.none() | st.sampled_from(["north", "NA land", "", "-99", "é", True, 3, 0.5]) | st.text(max_size=5)
TIME = st.none() | st.sampled_from(
    ["2024-03-01", "2024-03-01 10:11", "2024-03-01T12:00:00+02:00", "2024-02-29T23:59:59.5Z", "20240501"]
)
ROW = st.fixed_dictionaries(
    {"count": NUMBER, "share": NUMBER, "member": TEXT, "region": TEXT, "when": TIME},
    optional={"unused": st.text(max_size=3)},
)


def test_an_odd_row_gets_one_answer_from_both_ways(saved: Saved) -> None:
    compiled, piped = ways(saved)
    decoder = Decoder(saved.known, 50)

    @GIVEN
    @given(st.lists(ROW, min_size=1, max_size=6))
    def holds(rows: list[dict[str, Any]]) -> None:
        content = json.dumps({"rows": rows, "probabilities": True}, ensure_ascii=False).encode(
            "utf-8", "replace"
        )
        for row in rows:  # each alone: the pipeline's cleaning looks at a column of a request as a whole
            body = json.dumps({"rows": [row], "probabilities": True}).encode()
            found, expected = (answered(way, read(body, saved.known, 50)) for way in (compiled, piped))
            assert type(found) is type(expected)
            if isinstance(found, tuple):
                assert found[0] == expected[0]
                for one, other in zip(found[1], expected[1], strict=True):
                    assert one == pytest.approx(other, abs=1e-6)
        alone = [
            read(json.dumps({"rows": [row], "probabilities": len(row) > 5}).encode(), saved.known, 50)
            for row in rows
        ]
        together = compiled.together(alone)
        if together is not None:  # else one of them is written in an unusual way
            assert together == [compiled.answers(asked) for asked in alone]
        fast = decoder.read(content)
        if fast is not None:
            strict = read(content, saved.known, 50)
            assert fast.probabilities == strict.probabilities
            assert answered(compiled, fast) == answered(compiled, strict)

    holds()


SAME = [
    ("member", True, "true"), ("member", True, "TRUE"), ("member", True, 1), ("member", True, "1"),
    ("member", True, 1.0), ("member", False, "false"), ("member", False, 0), ("count", 1, True), ("count", 1, "1"),
    ("count", 1, " 1.0 "), ("count", 0, -0.0), ("count", None, ""), ("share", None, "nan"), ("region", None, ""),
    ("when", "2024-03-01T12:00:00", "2024-03-01T14:00:00+02:00"), ("when", "2024-03-01", "20240301"),
]  # fmt: skip
"""Values that mean one thing, however a client writes them."""


@pytest.mark.parametrize(("column", "value", "written"), SAME)
def test_one_value_written_in_two_ways_gets_one_answer(
    saved: Saved, column: str, value: Any, written: Any
) -> None:
    for way in ways(saved):
        one, other = (
            way.answers(
                read(
                    json.dumps({"rows": [GOOD | {column: each}], "probabilities": True}).encode(),
                    way.known,
                    1,
                )
            )
            for each in (value, written)
        )
        assert one == other


def frames(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Rows as programs hold them, which mean the same."""
    text = rows.astype(object).where(rows.notna(), None)
    return {
        "in another order": rows.iloc[:, ::-1],
        "with more columns": rows.assign(more=1, target="?"),
        "as objects": text,
        "as texts": rows.astype(str).where(rows.notna(), None),
        "with types for missing values": rows.convert_dtypes(),
        "with pd.NA": rows.astype(object).where(rows.notna(), pd.NA),
        "as categories": rows.assign(region=rows["region"].astype("category")),
        "in UTC": rows.assign(when=rows["when"].dt.tz_localize("UTC")),
        "elsewhere": rows.assign(when=rows["when"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")),
        "in nanoseconds": rows.assign(when=rows["when"].astype("datetime64[ns]")),
        "small": rows.assign(count=rows["count"].astype("uint8")),
        "truths as numbers": rows.assign(member=(rows["member"] == "True").astype(int)),
        "bools among numbers": rows.assign(count=[bool(k == 1) if k < 2 else k for k in rows["count"]]),
    }


def test_one_frame_held_in_two_ways_gets_one_answer(saved: Saved) -> None:
    compiled, piped = ways(saved)
    rows = saved.rows[list(saved.known.columns)].head(40).reset_index(drop=True)
    rows["member"], rows.loc[:3, "count"] = rows["member"].astype(object), [1.0, 0.0, 1.0, 2.0]
    asked = {"probabilities": True}
    expected = piped.predictor.predict(rows, asked)
    for name, frame in frames(rows).items():
        assert piped.predictor.predict(frame, asked).equals(expected), name
        if name != "bools among numbers":  # of which Arrow makes no column
            table = pa.Table.from_pandas(frame, preserve_index=False)
            found = compiled.table(table, True)
            assert list(found["probability_0"]) == pytest.approx(list(expected["0"]), abs=1e-6), name
    beyond = rows.assign(share=pd.Series([float("inf"), -float("inf"), 1e39, 10**400] * 10, dtype=object))
    none = piped.predictor.predict(rows.assign(share=None), asked)
    assert piped.predictor.predict(beyond, asked).equals(none)
    for wrong, words in (
        (pd.concat([rows, rows[["share"]]], axis=1), "have share twice"),
        (rows.head(0), "no row to predict"),
        (rows.assign(when="01/03/2024"), "row 0: a time is wanted"),
    ):
        with pytest.raises(RowError, match=words):
            piped.predictor.predict(wrong)


def answered(way: Any, asked: Asked) -> Any:
    try:
        return way.answers(asked)
    except RowError as error:
        return str(error)


@pytest.mark.parametrize(
    "content",
    [
        b'{"rows": [{"count": 1, "count": 2, "share": 0, "member": null, "region": null, "when": null}]}',
        b'{"rows": [], "rows": [{"count": 2, "share": 0, "member": null, "region": null, "when": null}]}',
        b'{"rows": [{"count": 2, "share": 0, "member": null, "region": "\\u0041", "when": null}]}',
        b'{"rows": [{"count": 2, "share": 0, "member": null, "region": null}]}',
        b'{"rows": [{"count": 1e39, "share": 0, "member": [], "region": null, "when": null}]}',
        b'{"rows": [{"count": NaN, "share": 0, "member": null, "region": null, "when": null}]}',
        b'{"rows": []}',
        b"[" * 5_000,
        b"\xff",
    ],
)
def test_what_is_unusual_is_left_to_the_careful_reader(saved: Saved, content: bytes) -> None:
    assert Decoder(saved.known, 50).read(content) is None
    good = Decoder(saved.known, 50).read(json.dumps({"rows": [GOOD]}).encode())
    assert good is not None and good.came[0] == GOOD | {"count": 3.0}


def stream(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_a_row_with_its_entity_is_read_in_one_pass_and_kept_as_it_came(saved: Saved) -> None:
    decoder, strict = Decoder(saved.known, 50, ("customer",)), Decoder(saved.known, 50)
    for customer in (7, "c 7", None, 0.5):
        content = json.dumps({"rows": [GOOD | {"customer": customer}] * 2}).encode()
        found, slow = decoder.read(content), read(content, saved.known, 50)
        assert strict.read(content) is None and found is not None
        assert (list(found.values[0]), list(found.came)) == (list(strict_values(strict)), list(slow.came))
    assert decoder.read(json.dumps({"rows": [GOOD, GOOD | {"customer": 7}]}).encode()) is None
    twice = json.dumps({"rows": [GOOD | {"customer": 7}]}).replace(
        '"customer": 7', '"customer": 7, "customer": 8'
    )
    assert decoder.read(twice.encode()) is None


def strict_values(decoder: Decoder) -> tuple[Any, ...]:
    """What a row without more is read as."""
    found = decoder.read(json.dumps({"rows": [GOOD]}).encode())
    assert found is not None
    return found.values[0]


def test_columns_get_the_answers_that_rows_get(saved: Saved) -> None:
    compiled, piped = ways(saved)
    frame = saved.rows[list(saved.known.columns)]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    asked = read_table(stream(table.append_column("more", pa.array(range(len(frame))))), saved.known, 1000)
    rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]
    plain = [
        {k: None if v != v else v.isoformat() if k == "when" else v for k, v in row.items()} for row in rows
    ]
    body = json.dumps({"rows": plain, "probabilities": True}, default=str).encode()
    labels, shares = compiled.answers(read(body, saved.known, 1000))
    for way, close in ((compiled, 1e-12), (piped, 1e-6)):
        found = way.table(asked, True)
        assert pa.array(found["prediction"]).to_pylist() == labels and shares is not None
        for name in shares[0]:
            assert list(found[f"probability_{name}"]) == pytest.approx(
                [one[name] for one in shares], abs=close
            )
    answer = pa.ipc.open_stream(written(pa.table(compiled.table(asked, False)), {"version": "3"})).read_all()
    assert answer["prediction"].to_pylist() == labels and answer.schema.metadata[b"version"] == b"3"


@GIVEN
@given(st.text("0129_.,eE+- ()%$xnaf\u0663", max_size=6))
@example("1_000")
@example("1e3")
@example("0x10")
def test_a_number_in_words_is_one_number_in_a_row_and_in_a_column(saved: Saved, words: str) -> None:
    way, _ = ways(saved)
    body = json.dumps({"rows": [GOOD | {"share": words}], "probabilities": True}).encode()
    table = pa.Table.from_pylist([GOOD | {"share": words, "member": "True"}])

    def by_row() -> float:
        _, shares = way.answers(read(body, saved.known, 1))
        return shares[0]["1"]

    def by_column() -> float:
        return float(way.table(read_table(stream(table), saved.known, 1), True)["probability_1"][0])

    found: list[float | None] = []
    for each in (by_row, by_column):
        try:
            found.append(each())
        except (RequestError, RowError) as refused:
            if "finite number" in str(refused):  # in a column it is missing, as in a batch
                return
            found.append(None)
    assert found[0] == pytest.approx(found[1], abs=1e-12)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda table: stream(table)[:-200], 400),
        (lambda table: b"PAR1" + stream(table), 400),
        (lambda table: stream(table.drop_columns(["count"])), 422),
        (lambda table: stream(table.slice(0, 0)), 422),
        (lambda table: stream(pa.concat_tables([table] * 40)), 413),
        (lambda table: stream(table, compression="zstd"), 415),
        (lambda table: stream(table, compression="lz4"), 415),
    ],
)
def test_columns_that_cannot_be_read_are_refused(saved: Saved, change: Any, status: int) -> None:
    frame = saved.rows[list(saved.known.columns)]
    with pytest.raises(RequestError) as refused:
        read_table(change(pa.Table.from_pandas(frame, preserve_index=False)), saved.known, 1000)
    assert refused.value.status == status


def test_a_version_without_a_compiled_model_says_why(saved: Saved, tmp_path: Path) -> None:
    (tmp_path / RAW_ROWS).write_text(saved.known.model_dump_json())
    with pytest.raises(Exception, match="MLmodel"):  # there it would unpickle, if there was a model
        way_of(tmp_path, ())
