"""Player answers in the shape of YouTube's, with what pytubefix reads of them; every test says what is special."""

from __future__ import annotations

from typing import Any

from tests.transcriber.youtube.loopback import MEDIA

VIDEO = "aaaaaaaaaaa"
SIZE = 50_000
_MIME = {
    18: 'video/mp4; codecs="avc1.42001E, mp4a.40.2"',
    137: 'video/mp4; codecs="avc1.640028"',
    139: 'audio/mp4; codecs="mp4a.40.5"',
    140: 'audio/mp4; codecs="mp4a.40.2"',
}
_OPUS = 'audio/webm; codecs="opus"'


def a_file(itag: int, size: int = SIZE) -> bytes:
    """Bytes that no other format has."""
    return (b"%d;" % itag * size)[:size]


def a_format(itag: int, *, size: int | None = SIZE, host: str = MEDIA, tags: str = "", **more: Any) -> dict[str, Any]:
    """A format with an address that needs no deciphering. `tags` are those that its address has; None drops a key."""
    address = f"https://{host}/videoplayback?expire=1795000000&itag={itag}&id=o-A&sig=AJ"
    made: dict[str, Any] = {
        "itag": itag,
        "url": f"{address}&xtags={tags}" if tags else address,
        "mimeType": _MIME.get(itag, _OPUS),
        "bitrate": itag * 1_000,
        "lastModified": "1679942903132105",
        "contentLength": None if size is None else str(size),
        "approxDurationMs": "61041",
    }
    return {name: value for name, value in (made | more).items() if value is not None}


def a_track(name: str, code: str, *, default: bool = False) -> dict[str, Any]:
    """What a format says of its audio track, where a video has several."""
    return {"displayName": name, "id": code, "audioIsDefault": default}


def a_player(
    *formats: dict[str, Any], video_id: str = VIDEO, status: dict[str, Any] | None = None, **details: Any
) -> dict[str, Any]:
    """An answer for a video that plays; None drops a detail."""
    said = {
        "videoId": video_id,
        "title": f"A walk along the tide ({video_id})",
        "lengthSeconds": "61",
        "keywords": ["tide", "walk"],
        "channelId": "UCaaaaaaaaaaaaaaaaaaaaaa",
        "author": "Paper Lanterns",
    } | details
    media = {"mediaUstreamerRequestConfig": {"videoPlaybackUstreamerConfig": "CkEK"}}
    return {
        "responseContext": {},
        "playabilityStatus": status or {"status": "OK"},
        "videoDetails": {name: value for name, value in said.items() if value is not None},
        "streamingData": {
            "expiresInSeconds": "21540",
            "formats": [each for each in formats if each["itag"] == 18],
            "adaptiveFormats": [each for each in formats if each["itag"] != 18],
        },
        "playerConfig": {"mediaCommonConfig": media},
    }


def a_refusal(status: str, reason: str, more: str | None = None) -> dict[str, Any]:
    """An answer for a video that does not play, with the second line that YouTube's screen shows."""
    screen = {"playerErrorMessageRenderer": {"subreason": {"simpleText": more}}}
    said = {"status": status, "reason": reason} | ({"errorScreen": screen} if more else {})
    return {"responseContext": {}, "playabilityStatus": said}


def a_page(published: str | None = "2026-08-16T10:00:00-07:00", *, key: str = "AIzaSyA-test") -> str:
    """The page of a video, as far as it is read."""
    date = f'<meta itemprop="datePublished" content="{published}">' if published else ""
    return f'<html><head>{date}</head><script>ytcfg.set({{"INNERTUBE_API_KEY": "{key}"}});</script></html>'
