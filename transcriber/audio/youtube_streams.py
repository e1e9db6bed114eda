"""Which of a video's streams to take: all that YouTube offers go in, those with its original sound come out. Pure.

A stream is pytubefix's, and only read here.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from transcriber.faults import PassingFault, VideoFault

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFERRED = (249, 250, 251, 140)
"""Opus of 50 kbit/s first, 23 MB an hour where the best have 52 to 58: models hear one channel of 16 kHz. On 12 English
clips encoded so, tiny.en had 3.4 % of words wrong; at 130 kbit/s 3.8 %, with AAC of 128 kbit/s 3.0 %: a word or two.
AAC of 48 kbit/s (139) comes after all of them: it makes up what is above 5 kHz."""

# Loudness evened out, a voice lifted up: made from the original, never where that is there too.
_PROCESSED = (b"\x03drc", b"\x02vb")


def keep_original(streams: Iterable[Any], default_urls: frozenset[str] = frozenset()) -> list[Any]:
    """Streams with the original sound that can be had by a plain download, the one to take first.

    `default_urls` are addresses of those that YouTube calls the default track, which it names where it names no
    original. Videos with sound and picture in one stream serve where none has sound alone: YouTube dubs only those.

    Raises:
        VideoFault: `no_audio`; `no_original_audio` where all tracks are dubs or descriptions.
        PassingFault: there is sound, but none that can be had plainly.
    """
    audible = [stream for stream in streams if stream.includes_audio_track]
    if not audible:
        raise VideoFault("no_audio", "YouTube offers no stream of the video that has sound.")
    plain = [stream for stream in audible if not (stream.is_sabr or stream.is_otf or _is_processed(stream))]
    tracks = [stream for stream in plain if stream.type == "audio"] or plain
    if not tracks:
        raise PassingFault(
            "YouTube offers the video's sound only in forms that can't be downloaded plainly. Try again later; if it "
            "stays so, look for a newer pytubefix."
        )
    return sorted(_original(tracks, default_urls), key=_rank)


def read_language(stream: Any) -> str | None:
    """BCP-47 code of a stream's track; None where YouTube names none, as for videos with one track."""
    language: str | None = stream.audio_track_language_id_regionalized
    return language or None


def _original(tracks: list[Any], default_urls: frozenset[str]) -> list[Any]:
    original = [stream for stream in tracks if _is_original(stream)]
    default = [stream for stream in tracks if stream.url in default_urls and not _content(stream)]
    if not original and not default:
        languages = sorted({read_language(stream) or "?" for stream in tracks})
        raise VideoFault(
            "no_original_audio", f"None of the tracks that YouTube offers is the original ({', '.join(languages)})."
        )
    return original or default


def _is_original(stream: Any) -> bool:
    """True for the only track, and for one that its address or its name calls original.

    pytubefix says "default" where the name has the word "original".
    """
    content = _content(stream)
    if content:
        return content == "original"
    return stream.audio_track_name is None or bool(stream.is_default_audio_track)


def _content(stream: Any) -> str:
    """`original`, `dubbed`, `dubbed-auto` or `descriptive`, as the stream's address has it; empty if it does not."""
    tags = parse_qs(urlsplit(stream.url).query).get("xtags", [""])[0]
    return next((tag.removeprefix("acont=") for tag in tags.split(":") if tag.startswith("acont=")), "")


def _is_processed(stream: Any) -> bool:
    return bool(stream.is_drc) or any(mark in _decoded(stream.xtags) for mark in _PROCESSED)


def _decoded(xtags: str | None) -> bytes:
    try:
        return base64.urlsafe_b64decode((xtags or "") + "==")
    except ValueError:
        return b""


def _rank(stream: Any) -> tuple[int, int]:
    if stream.itag in PREFERRED:
        return PREFERRED.index(stream.itag), 0
    return len(PREFERRED), -(stream.bitrate or 0)
