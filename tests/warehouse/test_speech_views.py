"""The views over speech, on a few transcripts with expectations made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.warehouse.conftest import read_rows
from tests.warehouse.rows import add, add_reading, add_video, day
from tests.warehouse.speech_rows import add_failure, add_said, add_transcript

if TYPE_CHECKING:
    from psycopg2.extras import RealDictCursor

_VIDEO = "dQw4w9WgXcQ"


def test_a_sentence_leads_to_its_second_and_its_video(cursor: RealDictCursor) -> None:
    """Title, channel and chart history stand beside it; seconds are cut off, not rounded."""
    add_video(cursor, _VIDEO, title="Rick", channel_id="C9", channel_title="Astley", published_at=day(1))
    add_reading(cursor, day(3), ["other", _VIDEO], region="US")
    add_reading(cursor, day(2), [_VIDEO], region="FR")
    add_transcript(cursor, _VIDEO, ["Never gonna", "give you up"])
    [_, row] = read_rows(cursor, "select * from trusted.speech where video_id = %s order by position", _VIDEO)
    assert row["url"] == f"https://youtu.be/{_VIDEO}?t=4"
    assert (row["start_seconds"], row["end_seconds"], row["text"]) == (4.5, 9.0, "give you up")
    assert (row["title"], row["channel_id"], row["channel_title"]) == ("Rick", "C9", "Astley")
    assert (row["region_codes"], row["first_charted_at"], row["best_rank"]) == (["FR", "US"], day(2), 1)
    assert (row["language"], row["method"], row["preferred"], row["doubtful"]) == ("en", "speech", True, False)


def test_speech_of_an_unknown_video_is_there(cursor: RealDictCursor) -> None:
    """A file of a folder has no title and was on no chart."""
    add_transcript(cursor, _VIDEO, ["Hello"])
    [row] = read_rows(cursor, "select * from trusted.speech")
    assert (row["text"], row["title"], row["region_codes"], row["best_rank"]) == ("Hello", None, None, None)


def test_a_transcript_without_times_is_one_row(cursor: RealDictCursor) -> None:
    """Its link has no second; an empty one is no row, and neither is an attempt that failed."""
    add_transcript(cursor, _VIDEO, ["All of", "the words"], timestamps="none")
    add_transcript(cursor, "silent", [], timestamps="none")
    add_failure(cursor, "failed", "private")
    [row] = read_rows(cursor, "select * from trusted.speech")
    assert (row["text"], row["position"]) == ("All of the words", 0)
    assert (row["start_seconds"], row["end_seconds"], row["url"]) == (None, None, f"https://youtu.be/{_VIDEO}")


def test_flags_make_a_sentence_doubtful(cursor: RealDictCursor) -> None:
    """An empty list of them does not."""
    add_transcript(cursor, _VIDEO, ["one", "two", "three"], flags={1: ["repetition"], 2: []})
    found = read_rows(cursor, "select doubtful, flags from trusted.speech order by position")
    assert [(row["doubtful"], row["flags"]) for row in found] == [(False, None), (True, ["repetition"]), (False, [])]


def _preferred(cursor: RealDictCursor) -> list[tuple[str, str, str | None]]:
    found = read_rows(cursor, "select method, model, language from trusted.transcription where preferred order by 3, 1")
    return [(row["method"], row["model"], row["language"]) for row in found]


def test_captions_somebody_wrote_are_preferred_to_speech_and_speech_to_generated_ones(cursor: RealDictCursor) -> None:
    """Newer ones of a lesser kind change nothing; each language has a best one, unknown languages too."""
    add_transcript(cursor, _VIDEO, ["a"], method="captions_manual", captured_at=day(1))
    add_transcript(cursor, _VIDEO, ["a"], method="speech", captured_at=day(2))
    add_transcript(cursor, _VIDEO, ["a"], method="captions_generated", captured_at=day(3))
    add_transcript(cursor, _VIDEO, ["b"], method="captions_generated", language="fr", captured_at=day(3))
    add_transcript(cursor, _VIDEO, ["b"], method="speech", language="fr", captured_at=day(2))
    add_transcript(cursor, _VIDEO, ["c"], language=None)
    assert _preferred(cursor) == [
        ("captions_manual", "base", "en"),
        ("speech", "base", "fr"),
        ("speech", "base", None),
    ]
    best = read_rows(cursor, "select method, language from trusted.transcription where best_of_method")
    assert len(best) == 6


def test_of_speech_times_and_no_flags_come_before_age(cursor: RealDictCursor) -> None:
    """The newest wins only among equals; failed attempts never do."""
    add_transcript(cursor, _VIDEO, ["a"], model="old", captured_at=day(1))
    add_transcript(cursor, _VIDEO, ["a"], model="new", captured_at=day(2))
    add_transcript(cursor, _VIDEO, ["a"], model="flagged", captured_at=day(3))
    cursor.execute("update processed.transcription set flags = '{low_coverage}' where model = 'flagged'")
    add_transcript(cursor, _VIDEO, ["a"], model="text", timestamps="none", captured_at=day(4))
    add_failure(cursor, _VIDEO, "private", captured_at=day(5))
    assert _preferred(cursor) == [("speech", "new", "en")]


def test_a_failure_is_shown_until_something_newer_comes(cursor: RealDictCursor) -> None:
    """One row a video, its last attempt; an earlier transcript is told of, a later one ends it."""
    add_failure(cursor, "again", "truncated", captured_at=day(1))
    add_failure(cursor, "again", "private", captured_at=day(2))
    add_failure(cursor, "mended", "private", captured_at=day(1))
    add_transcript(cursor, "mended", ["a"], captured_at=day(2))
    add_transcript(cursor, "lost", ["a"], captured_at=day(1))
    add_failure(cursor, "lost", "removed", captured_at=day(2))
    query = "select video_id, reason, detail, failed_at, transcribed_before from trusted.transcription_failure"
    assert [tuple(row.values()) for row in read_rows(cursor, f"{query} order by video_id")] == [
        ("again", "private", "It is private.", day(2), False),
        ("lost", "removed", "It is removed.", day(2), True),
    ]


def test_a_video_that_never_charted_is_whole_by_what_its_player_says(cursor: RealDictCursor) -> None:
    """A stub alone stays out; a record comes before the player, which fills what the record lacks."""
    add_transcript(cursor, "stub", ["a"])
    for video_id in ("player", "both"):
        add(cursor, "video", video_id=video_id, source=None, row_digest=None, captured_at=None)
    cursor.execute("delete from processed.video where video_id = 'both'")
    add_video(cursor, "both", title="Of the record", channel_id="C1", channel_title=None, published_at=None)
    looked = {"channel_id": "C2", "author": "Author", "duration_seconds": 7, "published_at": day(5)}
    for video_id in ("player", "both"):
        add(
            cursor, "player_details", video_id=video_id, title="Of the player", keywords=["k"], captured_at=day(6),
            **looked | {"source": "pytubefix"},
        )  # fmt: skip
    add(cursor, "audio_format", video_id="both", language="en-US", duration_seconds=7.4, captured_at=day(6))
    add_transcript(cursor, "both", ["a"])
    query = """
        select video_id, title, channel_id, channel_title, published_at, duration_seconds, tags, source, captured_at,
            transcribed, audio_language
        from trusted.video order by video_id desc
    """
    assert [tuple(row.values()) for row in read_rows(cursor, query)] == [
        ("player", "Of the player", "C2", "Author", day(5), 7, ["k"], "pytubefix", day(6), False, None),
        ("both", "Of the record", "C1", "Author", day(5), 7, ["k"], "youtube_api", day(1), True, "en-US"),
    ]
    named = read_rows(cursor, "select channel_id, title, videos_known from trusted.channel")
    assert ("C2", "Author", 1) in [tuple(row.values()) for row in named]


def test_a_video_missing_after_its_player_was_looked_at_is_told(cursor: RealDictCursor) -> None:
    """As for one that has a record."""
    add(cursor, "video", video_id="gone", source=None, row_digest=None, captured_at=None)
    add(cursor, "player_details", video_id="gone", title="Gone", captured_at=day(2))
    add(cursor, "video_absence", video_id="gone", captured_at=day(3), reason="not_returned")
    [row] = read_rows(cursor, "select missing_at from trusted.video")
    assert row["missing_at"] == day(3)


def test_one_video_is_read_by_indexes(cursor: RealDictCursor) -> None:
    """Whoever asks for one video waits for no other: no table of many rows is read whole."""
    for number in range(60):
        add_said(cursor, f"video{number:06d}", *[f"sentence {place}" for place in range(60)])
    add_reading(cursor, datetime(2026, 3, 2, tzinfo=UTC), [f"video{number:06d}" for number in range(60)])
    cursor.execute("analyze")
    cursor.execute("explain select * from trusted.speech where video_id = 'video000007'")
    plan = "\n".join(row["QUERY PLAN"] for row in cursor.fetchall())
    assert "Seq Scan on transcript_segment" not in plan
    assert "transcript_segment_pkey" in plan
