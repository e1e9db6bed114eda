"""Requests as messages: what is asked for comes out as it went in, and nothing that the contract refuses does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendscript.contracts.rows import Rejected
from trendscript.envelopes import to_json
from trendscript.transcription_requests import (
    TranscriptionRequest,
    new_request_id,
    parse_request,
    to_request_message,
)

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples" / "transcription_request"
REQUEST = TranscriptionRequest(
    request_id="0123456789abcdef0123456789abcdef",
    video_id="dQw4w9WgXcQ",
    captured_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
    model=None,
    again=False,
    reason="asked",
    source="request_transcription",
)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.pass.json")), ids=lambda path: path.stem)
def test_a_message_is_what_the_contract_shows(example: Path) -> None:
    """An example of the contract, read and written again, has the same fields and values."""
    request = parse_request(example.read_bytes())
    assert isinstance(request, TranscriptionRequest)
    message = to_request_message(request)
    assert orjson.loads(message.value or b"") == orjson.loads(example.read_bytes())
    assert (message.topic, message.key) == ("transcription_request", b"dQw4w9WgXcQ")


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.fail.json")), ids=lambda path: path.stem)
def test_what_the_contract_refuses_is_refused_for_the_same_reason(example: Path) -> None:
    """The transcriber works on nothing that the load would quarantine, and says why in the same words."""
    _, code, *column = example.name.removesuffix(".fail.json").replace("--", "\0").replace("-", "\0", 1).split("\0")
    assert parse_request(example.read_bytes()) == Rejected(":".join([code, *column]))


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(
            REQUEST, request_id=new_request_id(), video_id="--exec_rm-r", model="models/mein Größtes 模型", again=True
        ),
        replace(REQUEST, captured_at=datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), reason="audio_changed"),
    ],
    ids=["plain", "unusual", "old"],
)
def test_a_request_comes_back_as_it_went(request_: TranscriptionRequest) -> None:
    """Nothing is lost between who asks and who works."""
    assert parse_request(to_request_message(request_).value) == request_


@given(st.none() | st.binary() | st.recursive(st.none() | st.text(), st.lists).map(orjson.dumps))
def test_any_bytes_are_read_without_a_crash(value: bytes | None) -> None:
    """Whatever somebody put on the topic is a request or is refused."""
    assert isinstance(parse_request(value), Rejected)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.booleans() | st.integers() | st.text() | st.just("2026-11-20T10:00:00Z")
            for name in ("source", "captured_at", "request_id", "video_id", "model", "again", "reason", "item")
        },
    )
)
def test_a_request_with_other_values_is_read_without_a_crash(changes: dict[str, object]) -> None:
    """Fields of any type: a request comes out only where its video is one."""
    envelope = orjson.loads(to_request_message(REQUEST).value or b"") | changes
    outcome = parse_request(to_json(envelope))
    assert isinstance(outcome, Rejected) or outcome.video_id == changes.get("video_id", REQUEST.video_id)


def test_every_request_has_an_id_of_its_own() -> None:
    """32 hexadecimal digits, another each time."""
    assert len({new_request_id() for _ in range(100)}) == 100
