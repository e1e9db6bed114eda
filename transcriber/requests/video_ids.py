"""Videos as people name them: an id or an address at YouTube goes in, the id comes out. Pure; nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from trendscript.ids import VIDEO_ID, IdRefused, keep_words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from urllib.parse import SplitResult

_SITES = frozenset(
    f"{name}{site}" for site in ("youtube.com", "youtube-nocookie.com") for name in ("", "www.", "m.", "music.")
)
_SHORT_SITES = frozenset({"youtu.be", "www.youtu.be"})
_PLAYERS = frozenset({"embed", "live", "shorts"})
# Both have eleven characters and are no videos: a playlist's player, and the player of whatever a channel shows live.
_NO_VIDEOS = frozenset({"videoseries", "live_stream"})
_CHANNELS = ("@", "c/", "channel/", "user/")
_LONGEST = 2_000
_SHOWN = 100


class VideoRefused(IdRefused):
    """Raised when a text is neither the id of a video nor the address of one at YouTube."""

    def __init__(self, text: str, what: str) -> None:
        self.text = text
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        super().__init__(
            f"{shown!r} {what}. Name a video by its id, as {VIDEO_ID.example}, or by its address, "
            f"as https://youtu.be/{VIDEO_ID.example}."
        )


def parse_video(text: str) -> str:
    """The id of a video given as an id or as a watch, short, embed or live address. Raises VideoRefused.

    Of an address only the id is taken; the site must be YouTube's own, without port, user or password.
    """
    word = text.strip()
    if VIDEO_ID.matches(word):
        return word
    # The URL parser drops tabs and line ends within an address, so that they would be let through unseen.
    if len(word) > _LONGEST or not word.isascii() or not word.isprintable() or " " in word:
        raise VideoRefused(text, "is not a video")
    found = _id_in(_split(word, text), text)
    if found is None or not VIDEO_ID.matches(found):
        raise VideoRefused(text, "is not a video")
    return found


def split_videos(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Ids of the videos that lines name, each once and in order, and the lines that name none."""
    ids: dict[str, None] = {}
    rejected: list[str] = []
    for word in keep_words(lines):
        try:
            ids[parse_video(word)] = None
        except VideoRefused:
            rejected.append(word)
    return list(ids), rejected


def _split(word: str, text: str) -> SplitResult:
    try:
        address = urlsplit(word if "://" in word else f"https://{word}")
    except ValueError as error:
        raise VideoRefused(text, "is not a video") from error
    if address.scheme not in {"http", "https"} or address.netloc.lower() not in _SITES | _SHORT_SITES:
        raise VideoRefused(text, "is not a video of YouTube")
    return address


def _id_in(address: SplitResult, text: str) -> str | None:
    """What stands in an address where a video's id would be. Raises VideoRefused for what people mix up with one."""
    path = address.path.strip("/")
    if address.netloc.lower() in _SHORT_SITES:
        return path
    if path == "watch":
        named = parse_qs(address.query).get("v", [])
        return named[0] if len(named) == 1 else None
    if path.startswith(_CHANNELS):
        raise VideoRefused(text, "is a channel, not a video")
    player, _, found = path.partition("/")
    if path == "playlist" or found in _NO_VIDEOS:
        raise VideoRefused(text, "is a list of videos, not a video")
    return found if player in _PLAYERS else None
