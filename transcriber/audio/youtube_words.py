"""YouTube's own words for why a video does not play: a sentence goes in, the reason comes out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transcriber.faults import VideoReason

# It says these to whoever it takes for a robot or an old app; the same video plays for others.
_ABOUT_US = (
    "not a bot",
    "try again later",
    "needs to be reloaded",
    "unusual traffic",
    "not available on this app",
    "latest version of youtube",
    "something went wrong",
)

# The first that is found counts: "no longer available due to a copyright claim" is about copyright.
_ABOUT_THE_VIDEO: tuple[tuple[str, VideoReason], ...] = (
    ("private", "private"),
    ("members-only", "members_only"),
    ("join this channel", "members_only"),
    ("copyright", "copyright"),
    ("in your country", "region_blocked"),
    ("in your region", "region_blocked"),
    ("your location", "region_blocked"),
    ("confirm your age", "age_restricted"),
    ("age-restricted", "age_restricted"),
    ("inappropriate for some users", "age_restricted"),
    ("has been removed", "removed"),
    ("terminated", "removed"),
    ("closed their", "removed"),
    ("deleted", "removed"),
    ("recording is not available", "unavailable"),
    ("live event", "live"),
    ("live stream", "live"),
    ("premiere", "live"),
    ("payment", "unavailable"),
    ("purchase", "unavailable"),
    ("unavailable", "unavailable"),
    ("not available", "unavailable"),
    ("isn't available", "unavailable"),
    ("no longer available", "unavailable"),
    ("does not exist", "unavailable"),
)


def speaks_of_us(sentence: str) -> bool:
    """True where YouTube refuses whoever asks, whatever the video is."""
    plain = _plain(sentence)
    return any(words in plain for words in _ABOUT_US)


def find_reason(sentence: str) -> VideoReason | None:
    """Why nobody like us can have the video; None where the sentence is about us, or says neither."""
    if speaks_of_us(sentence):
        return None
    plain = _plain(sentence)
    return next((reason for words, reason in _ABOUT_THE_VIDEO if words in plain), None)


def read_sentence(player: Any) -> str:
    """What a player response says of why the video does not play, its second line included; empty where it plays."""
    status = _mapping(_mapping(player).get("playabilityStatus"))
    screen = _mapping(_mapping(status.get("errorScreen")).get("playerErrorMessageRenderer"))
    lines = [status.get("reason"), *_list(status.get("messages")), _text(screen.get("subreason"))]
    sentences = (line.strip().rstrip(".") for line in lines if isinstance(line, str) and line.strip())
    return ". ".join(dict.fromkeys(sentences))


def _plain(sentence: str) -> str:
    return sentence.replace("’", "'").casefold()  # noqa: RUF001  (YouTube writes one apostrophe and the other)


def _text(value: object) -> str | None:
    """YouTube writes text as one string or in runs."""
    parts = _mapping(value)
    if isinstance(simple := parts.get("simpleText"), str):
        return simple
    return "".join(str(_mapping(run).get("text", "")) for run in _list(parts.get("runs"))) or None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
