"""A video with captions: tracks go in, YouTube's answers about them come out; and how they are read from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.transcriber.youtube.players import VIDEO
from transcriber.captions import read_captions

if TYPE_CHECKING:
    from tests.transcriber.youtube.loopback import LoopbackYouTube
    from transcriber.captions import Captions


def offer(youtube: LoopbackYouTube, *tracks: str, **captions: str) -> None:
    """Offer tracks, as `de` for one that somebody wrote and `de/asr` for a generated one; `captions` have content."""
    youtube.players[VIDEO] = {
        "playabilityStatus": {"status": "OK"},
        "captions": {"playerCaptionsTracklistRenderer": {"captionTracks": [a_track(each) for each in tracks]}},
    }
    youtube.captions = {each: a_transcript(("0", "1", f"in {each}")) for each in tracks}
    youtube.captions |= {name.replace("_", "/"): content.encode() for name, content in captions.items()}


def a_track(name: str) -> dict[str, Any]:
    """A track of a player's answer."""
    code, _, kind = name.partition("/")
    address = f"https://www.youtube.com/api/timedtext?v={VIDEO}&lang={code}" + (f"&kind={kind}" if kind else "")
    track = {"baseUrl": f"{address}&fmt=srv3", "languageCode": code, "name": {"runs": [{"text": name}]}}
    return track | ({"kind": kind} if kind else {}) | {"isTranslatable": True}


def a_transcript(*captions: tuple[str, str, str]) -> bytes:
    """Start, duration and text of each, as YouTube's XML has them."""
    body = "".join(f'<text start="{start}" dur="{seconds}">{text}</text>' for start, seconds, text in captions)
    return f'<?xml version="1.0" encoding="utf-8" ?><transcript>{body}</transcript>'.encode()


def read(youtube: LoopbackYouTube, *languages: str) -> Captions | None:
    """Read them from the servers here."""
    return read_captions(VIDEO, languages=languages, adapter=youtube.adapter())
