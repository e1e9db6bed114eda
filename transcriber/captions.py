"""Captions that YouTube has of a video: its id goes in, the words somebody wrote, or YouTube heard, come out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from youtube_transcript_api import YouTubeTranscriptApi

from transcriber.caption_faults import FORESEEN, NO_CAPTIONS, to_fault
from transcriber.caption_network import TIMEOUT_SECONDS, open_session
from transcriber.faults import VideoFault
from transcriber.speech import Segment
from trendscript.ids import VIDEO_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from requests.adapters import BaseAdapter
    from youtube_transcript_api import FetchedTranscriptSnippet, Transcript, TranscriptList

# Codes that YouTube still uses, and what ISO 639-1 has in their place.
_RENAMED = {"iw": "he", "in": "id", "ji": "yi", "mo": "ro", "sh": "sr"}
# What SubStation files hold in braces where markup was expected: positions, fades, drawings.
_OVERRIDES = re.compile(r"\{\\[^}]*\}")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")


@dataclass(frozen=True, slots=True)
class Captions:
    """What captions of one track say. `language` is an ISO 639-1 code, or 639-3 where 639-1 has none."""

    method: Literal["captions_manual", "captions_generated"]
    language: str
    segments: tuple[Segment, ...]


def read_captions(
    video_id: str,
    *,
    languages: tuple[str, ...] = (),
    adapter: BaseAdapter | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Captions | None:
    """The captions that come closest to what is said: those somebody wrote in its language, else those of YouTube.

    `languages` are those that count, the most wanted first (`en` takes `en-GB` too); with none, the video's own, which
    is that of the captions that YouTube generated. Where it generated none, those that YouTube lists first.
    Nothing is ever translated. None where the video has no such captions, or its owner has turned them off.

    `adapter` stands in for the network. Raises VideoFault, PassingFault or ServerGone.
    """
    if not VIDEO_ID.matches(video_id):
        raise VideoFault("unavailable", f"{video_id!r} is not the id of a video.")
    with open_session(adapter, timeout_seconds=timeout_seconds) as session:
        try:
            track = _choose(YouTubeTranscriptApi(http_client=session).list(video_id), languages)
            snippets = list(track.fetch()) if track else []
        except NO_CAPTIONS:
            return None
        except FORESEEN as error:
            raise to_fault(error) from error
    segments = to_segments(snippets, are_generated=track is not None and track.is_generated)
    if track is None or not segments:
        return None
    method: Literal["captions_manual", "captions_generated"] = (
        "captions_generated" if track.is_generated else "captions_manual"
    )
    return Captions(method, to_language(track.language_code), segments)


def to_language(code: str) -> str:
    """ISO 639-1 code of a language as YouTube writes it: `pt-BR` is `pt`, `iw` is `he`."""
    language = re.split("[-_]", code.lower(), maxsplit=1)[0]
    return _RENAMED.get(language, language)


def to_segments(snippets: Iterable[FetchedTranscriptSnippet], *, are_generated: bool) -> tuple[Segment, ...]:
    """Captions as segments, in order of time and without markup; those with nothing to read are left out.

    Generated captions roll: each stays until the next but one comes. Their ends are cut at the next one's start.
    """
    spoken = ((max(snippet.start, 0.0), snippet.duration, clean_text(snippet.text)) for snippet in snippets)
    kept = sorted((each for each in spoken if each[2]), key=lambda each: each[0])
    segments = [Segment(start, start + max(duration, 0.0), text) for start, duration, text in kept]
    if are_generated:
        return _without_overlaps(segments)
    return tuple(segments)


def clean_text(text: str) -> str:
    """Text of one caption on one line, without what only says how it looks."""
    return " ".join(_INVISIBLE.sub("", _OVERRIDES.sub("", text)).split())


def _without_overlaps(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    cut = [Segment(this.start, min(this.end, after.start), this.text) for this, after in pairwise(segments)]
    return (*cut, *segments[-1:])


def _choose(tracks: TranscriptList, languages: tuple[str, ...]) -> Transcript | None:
    offered = list(tracks)  # those somebody wrote come first
    wanted = [to_language(language) for language in languages]
    own = wanted or [to_language(track.language_code) for track in offered if track.is_generated]
    for language in own:
        for track in offered:
            if to_language(track.language_code) == language:
                return track
    return None if wanted or not offered else offered[0]
