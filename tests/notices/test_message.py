"""What people read: every kind of news in words, and what strangers wrote made harmless."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendscript.notices.message import harmless, to_message
from trendscript.notices.news import News, NumberOne, Quarantined, Recovery, ToldTrouble, Trouble

if TYPE_CHECKING:
    from typing import Any

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def a_number_one(**changes: Any) -> NumberOne:
    """The French chart's."""
    known = {"region_code": "FR", "category": None, "captured_at": NOON, "video_id": "dQw4w9WgXcQ"}
    return NumberOne(**(known | {"title": "Slow Tide", "channel": "Paper Lanterns"} | changes))


def test_everything_in_one_message() -> None:
    """What, where, how many, what to do; the gravest first, and a subject that says it in one line."""
    failure = Trouble("failure", "load youtube_trending", "OffsetsExpired", "Kafka forgot.\nPublish again.", 78)
    news = News(
        (
            ToldTrouble(failure, NOON, again=False),
            ToldTrouble(Trouble("stale", "US", "", "3 h 10 min"), NOON, again=False),
        ),
        (Recovery("failure", "ingest charts FR", ("QuotaExceeded",), NOON),),
        (Quarantined("youtube_trending", "load", 3, {"not_json": 2, "missing:rank": 1}, 17, ("abc", "def")),),
        (a_number_one(),),
    )
    message = to_message(news, "Told by run 123.")
    assert message.gravity == "failure"
    assert message.title == (
        "Trendscript: load youtube_trending failed; old charts of US; 3 messages quarantined; "
        "ingest charts FR is well again; new number one in FR"
    )
    assert message.body == (
        "load youtube_trending failed: OffsetsExpired (exit code 78)\n"
        "  Kafka forgot. Publish again.\n"
        "  Running it again changes nothing: a person has to mend this.\n\n"
        "Charts older than they should be:\n"
        "  US: 3 h 10 min\n"
        "  See what the schedule's `trendscript ingest charts` and `trendscript load` said last.\n\n"
        "youtube_trending: 3 messages quarantined\n"
        "  2 not_json\n"
        "  1 missing:rank\n"
        "  The last in batch 17 of run abc, def.\n"
        "  See `trendscript dead-letters list --topic youtube_trending`; then `dead-letters retry` or `discard`.\n\n"
        "ingest charts FR is well again; since 2026-11-20 12:00 UTC there was QuotaExceeded.\n\n"
        "New number one in FR (2026-11-20 12:00 UTC): Slow Tide, by Paper Lanterns\n"
        "  https://youtu.be/dQw4w9WgXcQ\n\n"
        "Told by run 123.\n"
    )


def test_many_are_counted_and_not_all_shown() -> None:
    """A hundred charts are a message that can be read."""
    ones = tuple(a_number_one(region_code=f"{chr(65 + number // 26)}{chr(65 + number % 26)}") for number in range(100))
    message = to_message(News(number_ones=ones), "")
    assert message.title == "Trendscript: new number one in AA, AB, AC, AD, AE and 95 more"
    assert message.body.count("https://") == 20
    assert "and 80 more of these" in message.body


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("one\r\nBcc: eve@example.org", "one Bcc: eve\uff20example.org"),
        ("\u202egnp.exe\u2069", "gnp.exe"),
        (
            "@everyone <!channel> [free](https://evil.example)",
            "\uff20everyone \u2039!channel\u203a (free)(https: //evil.example)",
        ),
        ("zero\u200bwidth \ud800", "zero width"),
        ("\x1b[31mred", "(31mred"),
        ("été 日本 🎵", "été 日本 🎵"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_titles_of_strangers_do_nothing(title: str, shown: str) -> None:
    """No line break, no control, no text that runs backwards, nobody called, no link but ours."""
    assert harmless(title) == shown
    body = to_message(News(number_ones=(a_number_one(title=title),)), "").body
    assert shown in body
    assert body.splitlines()[1] == "  https://youtu.be/dQw4w9WgXcQ"


def test_the_text_of_a_failure_does_nothing_either() -> None:
    """It may quote a row; commands and names of settings in it can still be copied."""
    text = "Row 7 has @everyone <!channel> [free](https://evil.example). Run `trendscript load youtube_trending`."
    failure = Trouble("failure", "load youtube_trending", "InputRefused", text, 65)
    body = to_message(News((ToldTrouble(failure, NOON, again=False),)), "").body
    assert body.splitlines()[1] == (
        "  Row 7 has \uff20everyone \u2039!channel\u203a (free)(https: //evil.example). "
        "Run `trendscript load youtube_trending`."
    )


@given(st.text(max_size=300))
def test_no_title_makes_a_line_of_its_own(title: str) -> None:
    """Whatever it holds, the message has the lines it has without it, and its subject none of it."""
    message = to_message(News(number_ones=(a_number_one(title=title),)), "the end")
    assert message.body.splitlines()[1:] == ["  https://youtu.be/dQw4w9WgXcQ", "", "the end"]
    assert message.title == "Trendscript: new number one in FR"
    assert message.body.replace("\n", "").isprintable()
