"""Enforcing a contract on Arrow batches of raw messages."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.enforce import REJECTS_SCHEMA, Enforcer, arrow_schema
from spark_jobs.raw_messages import RAW_SCHEMA
from tests.builders import a_bare_chart_message, a_chart_message, a_raw_batch, to_bytes
from tests.series import a_season, a_series, a_series_contract
from trendscript.contracts import load_contract, load_contracts

if TYPE_CHECKING:
    from collections.abc import Sequence

TRENDING = load_contract("youtube_trending")


def test_a_bad_message_leaves_its_neighbours_alone() -> None:
    """Rows keep the offset of their message; the reject keeps its own."""
    batch = a_raw_batch(
        [to_bytes(a_chart_message("a" * 11)), b"{", to_bytes(a_chart_message("b" * 11))], first_offset=7
    )
    enforced = Enforcer(TRENDING).enforce(batch)
    assert enforced.read == 3
    assert enforced.rows["video"].select(["video_id", "source_offset"]).to_pylist() == [
        {"video_id": "a" * 11, "source_offset": 7},
        {"video_id": "b" * 11, "source_offset": 9},
    ]
    assert enforced.rejects.select(["source_offset", "reason"]).to_pylist() == [
        {"source_offset": 8, "reason": "not_json"}
    ]


@pytest.mark.parametrize("bad", [[], [0], [599], [3, 4, 250, 251, 400], range(600), range(0, 600, 7)])
def test_bad_messages_among_many_leave_the_others_alone(bad: Sequence[int]) -> None:
    """Each message ends in one of the two, in its place, however many are read at once."""
    values = [to_bytes(a_chart_message(f"{number:011}")) for number in range(600)]
    for number in bad:
        values[number] = b"{"
    enforced = Enforcer(TRENDING).enforce(a_raw_batch(values, first_offset=10))
    good = sorted(set(range(600)) - set(bad))
    assert (enforced.read, enforced.accepted) == (600, len(good))
    assert enforced.rejects.column("source_offset").to_pylist() == [10 + number for number in bad]
    for rows in enforced.rows.values():
        assert rows.column("source_offset").to_pylist() == [10 + number for number in good]
    if good:
        assert enforced.rows["video"].column("video_id").to_pylist() == [f"{number:011}" for number in good]


def test_a_rejected_message_is_kept_byte_for_byte() -> None:
    """Key, value, headers and time of a message that nobody could read."""
    enforced = Enforcer(TRENDING).enforce(a_raw_batch([b"\xff\x00{"]))
    (reject,) = enforced.rejects.to_pylist()
    assert (reject["message_key"], reject["message_value"]) == (b"key", b"\xff\x00{")
    assert orjson.loads(reject["headers"]) == [{"key": "origin", "value": base64.b64encode(b"\xff\x00").decode()}]
    assert enforced.rejects.column("message_timestamp").cast(pa.int64()).to_pylist() == [1_700_000_000_000_000]


def a_raw_message(**fields: Any) -> pa.RecordBatch:
    """One raw message with other fields."""
    (message,) = a_raw_batch([b"{"]).to_pylist()
    return pa.RecordBatch.from_pylist([{**message, **fields}], schema=RAW_SCHEMA)


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        (None, None),
        ([], []),
        ([{"key": "k", "value": None}], [{"key": "k", "value": None}]),
        ([{"key": "a\0", "value": b"1"}], [{"key_base64": "YQA=", "value": "MQ=="}]),
        ([{"key": "k", "value": b""}, {"key": "k", "value": b""}], [{"key": "k", "value": ""}] * 2),
    ],
)
def test_headers_are_kept_in_a_form_that_jsonb_takes(headers: Any, kept: Any) -> None:
    """Order and repetition stay; a name with U+0000 is written in base64."""
    found = Enforcer(TRENDING).enforce(a_raw_message(headers=headers)).rejects.column("headers")[0].as_py()
    assert (None if found is None else orjson.loads(found)) == kept


def test_a_message_without_key_or_value_is_kept_as_that() -> None:
    """A tombstone's absent value isn't an empty one."""
    (reject,) = Enforcer(TRENDING).enforce(a_raw_message(key=None, value=None)).rejects.to_pylist()
    assert (reject["reason"], reject["message_key"], reject["message_value"]) == ("tombstone", None, None)


def test_tables_without_rows_are_left_out() -> None:
    """Nothing is copied where nothing is."""
    enforced = Enforcer(TRENDING).enforce(a_raw_batch([to_bytes(a_bare_chart_message())]))
    assert set(enforced.rows) == {"chart_entry", "chart_reading"}


def test_an_empty_batch_gives_nothing() -> None:
    """Spark may hand over a batch without rows."""
    enforced = Enforcer(TRENDING).enforce(a_raw_batch([]))
    assert (enforced.read, enforced.rows, enforced.rejects.num_rows) == (0, {}, 0)
    assert enforced.rejects.schema == REJECTS_SCHEMA


def test_rows_have_the_schema_of_their_table() -> None:
    """Whatever a batch holds, the Arrow types are those the contract gives, also where all values are NULL."""
    contract = a_series_contract()
    message = {
        **a_series(extras={"a": 1}, seasons=[a_season(1, "a")], genres=["noir"]),
        "ratings": [{"series_id": "s2", "stars": 4}],
        "review": {"body": "good"},
    }
    rows = Enforcer(contract).enforce(a_raw_batch([to_bytes(message)])).rows
    assert {name: batch.schema for name, batch in rows.items()} == {
        table.name: arrow_schema(table) for table in contract.tables
    }
    assert rows["rating"].column("stars").to_pylist() == [4.0]


@pytest.mark.parametrize("topic", sorted(load_contracts()))
def test_every_table_has_an_arrow_schema(topic: str) -> None:
    """The contract's columns in its order, then digest and offset."""
    for table in load_contract(topic).tables:
        assert arrow_schema(table).names == [*table.column_names, "row_digest", "source_offset"]


GOOD, BARE = to_bytes(a_chart_message()), to_bytes(a_bare_chart_message())


@given(st.lists(st.binary(max_size=5) | st.none() | st.sampled_from([GOOD, BARE])))
def test_every_message_ends_in_exactly_one_outcome(values: list[bytes | None]) -> None:
    """A chart message always gives a reading: readings and rejects number the messages, offset by offset."""
    enforced = Enforcer(TRENDING).enforce(a_raw_batch(values))
    readings = enforced.rows["chart_reading"].column("source_offset").to_pylist() if enforced.rows else []
    rejects = enforced.rejects.column("source_offset").to_pylist()
    assert sorted(readings + rejects) == list(range(len(values)))
    assert [values[offset] for offset in rejects] == enforced.rejects.column("message_value").to_pylist()
