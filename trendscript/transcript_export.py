"""Transcripts as files: a stored transcript goes in; SubRip, WebVTT, plain text or JSON comes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import orjson
from pysubs2 import SSAEvent, SSAFile

from trendscript.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trendscript.transcript_store import Stored

Format = Literal["srt", "vtt", "txt", "json"]

# A character without width that keeps its neighbours apart: SubRip knows no escapes, so what a player would take for
# markup is broken up by it, and looks as it was said.
_JOINER = "\u2060"

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "\uff01", "\uff1f", "।", "؟")
_LONGEST_LINE = 200
_MILLISECONDS = 1000
_OF_TRANSCRIPT = (
    "transcription_id", "video_id", "url", "title", "channel_id", "channel_title", "published_at", "method", "language",
    "preferred", "backend", "model", "model_revision", "timestamps", "duration_seconds", "coverage", "flags",
    "captured_at", "text",
)  # fmt: skip


class NoTimes(UsageError):
    """Raised when subtitles are asked for of a transcript that does not know when anything is said."""

    def __init__(self, video_id: str, wanted: Format) -> None:
        self.video_id = video_id
        super().__init__(
            f"The transcript of {video_id} has no times, so it can't be {wanted.upper()}. "
            "Take --format txt or json, or name another one with --method or --transcription-id."
        )


def to_text(stored: Stored, wanted: Format) -> str:
    """The transcript in a format, ending with a line break. Raises NoTimes."""
    if wanted == "json":
        return to_json(stored)
    if wanted == "txt":
        return "".join(f"{line}\n" for line in to_lines(stored))
    if not stored.segments and stored.about["text"]:
        raise NoTimes(stored.about["video_id"], wanted)
    return to_subtitles(stored, wanted)


def to_subtitles(stored: Stored, wanted: Literal["srt", "vtt"]) -> str:
    """Each segment as a cue; whatever a segment holds is shown as it is, and nothing of it is markup."""
    subtitles = SSAFile()
    for segment in stored.segments:
        start = round(segment["start_seconds"] * _MILLISECONDS)
        end = max(round(segment["end_seconds"] * _MILLISECONDS), start + 1)  # players skip a cue without length
        text = _to_vtt(segment["text"]) if wanted == "vtt" else _to_srt(segment["text"])
        if text:
            subtitles.append(SSAEvent(start=start, end=end, text=text))
    # Braces are what pysubs2 takes for tags; ours are text.
    return subtitles.to_string(wanted, keep_ssa_tags=True)


def to_lines(stored: Stored) -> Iterator[str]:
    """The text a sentence a line, as far as segments end where sentences do; lines that grow long end earlier."""
    texts = [segment["text"] for segment in stored.segments] or _split(stored.about["text"] or "")
    line = ""
    for text in texts:
        line = f"{line} {_clean(text)}".strip()
        if line.endswith(_SENTENCE_ENDS) or len(line) > _LONGEST_LINE:
            yield line
            line = ""
    if line:
        yield line


def to_json(stored: Stored) -> str:
    """The transcript and its segments as they are stored; times are RFC 3339 in UTC."""
    value = {name: stored.about[name] for name in _OF_TRANSCRIPT} | {"segments": [dict(one) for one in stored.segments]}
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE).decode()


def _split(text: str) -> Iterable[str]:
    """A text without segments by its sentences, as far as punctuation tells."""
    return re.split(r"(?<=[.!?…।؟])\s+|(?<=[。\uff01\uff1f])", text)


def _to_vtt(text: str) -> str:
    escaped = _clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _guard(escaped)


def _to_srt(text: str) -> str:
    shown = _clean(text).replace("-->", f"--{_JOINER}>").replace("{", f"{{{_JOINER}")
    return _guard(re.sub(r"<(?=\s*/?\s*[A-Za-z])", f"<{_JOINER}", shown))


def _guard(text: str) -> str:
    r"""Backslashes that pysubs2 would take for \N or \p1, and times that it would take for a cue's, are broken up."""
    return re.sub(
        r"(\d:\d\d):(?=\d\d[.,]\d)|(\d\d):(?=\d\d[.,]\d)", rf"\g<0>{_JOINER}", text.replace("\\", f"\\{_JOINER}")
    )


def _clean(text: str) -> str:
    """One line, without characters that steer a terminal; those that steer the direction of writing stay."""
    return " ".join("".join(" " if _is_control(character) else character for character in text).split())


def _is_control(character: str) -> bool:
    code = ord(character)
    return code < ord(" ") or 0x7F <= code <= 0x9F  # noqa: PLR2004  (DEL and the controls of Latin-1)
