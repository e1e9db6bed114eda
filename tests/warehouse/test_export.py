"""`trendscript export transcript`: what is stored comes out again in every format, whatever was said."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING

import pysubs2
import pytest

from tests.warehouse.conftest import run_command
from tests.warehouse.rows import add, add_video, day
from tests.warehouse.speech_rows import SECONDS, add_failure, add_segment, add_transcript
from trendscript.cli.speech import FileNotWritten
from trendscript.ids import IdRefused
from trendscript.migrations import DatabaseNotMigrated
from trendscript.transcript_export import NoTimes
from trendscript.transcript_store import NoTranscript

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg2.extras import RealDictCursor

_VIDEO = "dQw4w9WgXcQ"
_JOINER = "\u2060"

# As it was said, and as one line of it is shown.
_HOSTILE = (
    ("plain", "plain"),
    ("two\nlines\n\nand 7", "two lines and 7"),
    ("to the right --> here", "to the right --> here"),
    ("00:00:01,000 --> 00:00:02,000", "00:00:01,000 --> 00:00:02,000"),
    ("00:01.000 --> 00:02.000", "00:01.000 --> 00:02.000"),
    ("<b>bold</b> < and > & &amp; <script>", "<b>bold</b> < and > & &amp; <script>"),
    (r"{\an8}up {note} C:\new\N\h", r"{\an8}up {note} C:\new\N\h"),
    (r"{\p1}m 0 0 l 1 1", r"{\p1}m 0 0 l 1 1"),
    ("\u202eright to left\u202c עברית", "\u202eright to left\u202c עברית"),
    ("\x1b[31mred\x07 \x9b1m", "[31mred 1m"),
    ("天気予報 🎵 ♪", "天気予報 🎵 ♪"),
    ("WEBVTT", "WEBVTT"),
    ("NOTE of this", "NOTE of this"),
    ("42", "42"),
)


def _export(dsn: str, *arguments: str) -> str:
    result = run_command(dsn, "export", "transcript", *arguments)
    assert result.exit_code == 0, result.exception
    return result.stdout_bytes.decode()


@pytest.mark.parametrize("wanted", ["srt", "vtt"])
def test_subtitles_read_back_as_they_were_said(cursor: RealDictCursor, database: str, wanted: str) -> None:
    """As many cues as segments, their times to the millisecond, and every character that can be seen."""
    add_transcript(cursor, _VIDEO, [said for said, _ in _HOSTILE])
    text = _export(database, _VIDEO, "--format", wanted)
    read = pysubs2.SSAFile.from_string(text, format_=wanted, keep_html_tags=True)
    cues = [cue.text.replace(_JOINER, "") for cue in read]
    assert [html.unescape(cue) if wanted == "vtt" else cue for cue in cues] == [shown for _, shown in _HOSTILE]
    assert [(cue.start, cue.end) for cue in read] == [
        (round(place * SECONDS * 1000), round((place + 1) * SECONDS * 1000)) for place in range(len(_HOSTILE))
    ]
    assert not any(cue.is_drawing for cue in read)


def test_webvtt_has_no_arrow_or_tag_within_a_cue(cursor: RealDictCursor, database: str) -> None:
    """A browser ends a cue at an arrow, and takes what stands in angles for markup."""
    add_transcript(cursor, _VIDEO, [said for said, _ in _HOSTILE])
    lines = _export(database, _VIDEO, "--format", "vtt").splitlines()
    assert lines[0] == "WEBVTT"
    assert sum("-->" in line for line in lines) == len(_HOSTILE)
    assert not any("<" in line for line in lines)


def test_subrip_holds_nothing_that_players_take_for_markup(cursor: RealDictCursor, database: str) -> None:
    """Neither tags, nor positions, nor an arrow but those of the cues."""
    add_transcript(cursor, _VIDEO, [said for said, _ in _HOSTILE])
    text = _export(database, _VIDEO, "--format", "srt")
    assert text.count("-->") == len(_HOSTILE)
    assert "<b" not in text
    assert "{\\" not in text


def test_an_end_before_its_start_does_not_break_subtitles(cursor: RealDictCursor, database: str) -> None:
    """Models do write such; players leave out a cue that does not end after it begins. Empty segments are no cue."""
    transcription_id = add_transcript(cursor, _VIDEO, ["one"])
    add_segment(cursor, transcription_id, 1, "two", start_seconds=9.0, end_seconds=8.0)
    add_segment(cursor, transcription_id, 2, "  ")
    read = pysubs2.SSAFile.from_string(_export(database, _VIDEO, "--format", "srt"))
    assert [(cue.start, cue.end, cue.text) for cue in read] == [(0, 4500, "one"), (9000, 9001, "two")]


def test_text_has_a_sentence_a_line(cursor: RealDictCursor, database: str) -> None:
    """Segments that end within a sentence are put together; a line does not grow for ever."""
    add_transcript(cursor, _VIDEO, ["Hello.", "This goes", "on and on.", "気候変動。", *["word " * 20] * 4])
    lines = _export(database, _VIDEO).splitlines()
    assert lines[:3] == ["Hello.", "This goes on and on.", "気候変動。"]
    assert [len(line.split()) for line in lines[3:]] == [60, 20]


def test_text_without_times_is_split_by_punctuation(cursor: RealDictCursor, database: str) -> None:
    """As far as that goes."""
    add_transcript(cursor, _VIDEO, ["One. Two is 2.5! 三。四。"], timestamps="none")
    assert _export(database, _VIDEO, "--format", "txt").splitlines() == ["One.", "Two is 2.5!", "三。", "四。"]


def test_json_has_the_segments_as_they_are_stored(cursor: RealDictCursor, database: str) -> None:
    """Numbers that no backend gave are null; control characters are escaped."""
    add_video(cursor, _VIDEO, title="Title")
    transcription_id = add_transcript(cursor, _VIDEO, ["one", "two\n\x1b"], flags={1: ["repetition"]})
    cursor.execute('update processed.transcript_segment set words = \'[{"word": "one"}]\' where position = 0')
    found = json.loads(_export(database, _VIDEO, "--format", "json"))
    assert (found["video_id"], found["title"], found["method"], found["language"]) == (_VIDEO, "Title", "speech", "en")
    assert found["transcription_id"] == transcription_id
    assert found["captured_at"] == "2026-03-02T12:00:00Z"
    one, two = found["segments"]
    assert (one["text"], one["start_seconds"], one["words"], one["avg_logprob"]) == (
        "one",
        0.0,
        [{"word": "one"}],
        None,
    )
    assert (two["text"], two["position"], two["flags"]) == ("two\n\x1b", 1, ["repetition"])


def test_the_best_transcript_in_the_spoken_language_is_meant(cursor: RealDictCursor, database: str) -> None:
    """Captions in another language are a translation; each can be asked for by name."""
    for language in ("de", "en", "fr"):
        add_transcript(cursor, _VIDEO, [f"manual {language}"], language=language, method="captions_manual")
    spoken = add_transcript(cursor, _VIDEO, ["speech en"])
    add_transcript(cursor, _VIDEO, ["older speech"], captured_at=day(1))
    assert _export(database, _VIDEO) == "manual en\n"
    assert _export(database, _VIDEO, "--lang", "FR") == "manual fr\n"
    assert _export(database, _VIDEO, "--method", "speech") == "speech en\n"
    assert _export(database, _VIDEO, "--transcription-id", spoken) == "speech en\n"


def test_without_speech_the_sound_tells_the_spoken_language(cursor: RealDictCursor, database: str) -> None:
    """As YouTube names it."""
    for language in ("de", "en"):
        add_transcript(cursor, _VIDEO, [language], language=language, method="captions_manual")
    add(cursor, "audio_format", video_id=_VIDEO, language="de-AT", captured_at=day(1))
    assert _export(database, _VIDEO) == "de\n"


def test_a_video_without_a_transcript_says_why(cursor: RealDictCursor, database: str) -> None:
    """It failed, it is not asked for, or there are others than the wanted one; each ends with 65."""
    add_failure(cursor, _VIDEO, "private")
    add_transcript(cursor, "another_one", ["a"], language=None)
    for arguments, words in (
        ((_VIDEO,), "the last attempt failed, private: It is private."),
        (("aaaaaaaaaaa",), "request-transcription aaaaaaaaaaa"),
        (("another_one", "--lang", "fr"), r"no transcript in fr; there are: speech \(language unknown\)"),
        (("another_one", "--method", "captions_manual"), "no transcript by captions_manual; there are: speech"),
    ):
        refused = run_command(database, "export", "transcript", *arguments).exception
        with pytest.raises(NoTranscript, match=words) as raised:
            raise refused or AssertionError
        assert raised.value.exit_code == 65


def test_a_transcript_without_times_is_no_subtitle(cursor: RealDictCursor, database: str) -> None:
    """It says what to take instead. One in which nothing is said is an empty one."""
    add_transcript(cursor, _VIDEO, ["All of it."], timestamps="none")
    add_transcript(cursor, "silentsilen", [])
    refused = run_command(database, "export", "transcript", _VIDEO, "--format", "srt").exception
    assert isinstance(refused, NoTimes)
    assert "--format txt" in str(refused)
    assert _export(database, "silentsilen", "--format", "srt") == ""
    assert _export(database, "silentsilen", "--format", "vtt") == "WEBVTT\n\n"


def test_a_file_is_written_in_utf8(cursor: RealDictCursor, database: str, tmp_path: Path) -> None:
    """And nothing to standard output; a folder that is not there is told."""
    add_transcript(cursor, _VIDEO, ["気候."])
    output = tmp_path / "said.txt"
    assert _export(database, _VIDEO, "--output", str(output)) == ""
    assert output.read_bytes() == "気候.\n".encode()
    nowhere = run_command(database, "export", "transcript", _VIDEO, "-o", str(tmp_path / "no" / "where"))
    assert isinstance(nowhere.exception, FileNotWritten)


def test_what_is_no_id_is_refused(database: str, empty_database: str) -> None:
    """Before the server is asked; and a database without speech says what to run."""
    assert isinstance(run_command(database, "export", "transcript", "../etc").exception, IdRefused)
    unmigrated = run_command(empty_database, "export", "transcript", _VIDEO).exception
    assert isinstance(unmigrated, DatabaseNotMigrated)
