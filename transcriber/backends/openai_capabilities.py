"""What speech models take, give and cost: a model's name and its server's address go in, a record comes out.

Limits are those that OpenAI's refusals name; prices and shutdown dates are OpenAI's announcements of 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from transcriber.backends.backend import Capability

if TYPE_CHECKING:
    from transcriber.speech import Timestamps

OPENAI_URL = "https://api.openai.com/v1"

ResponseFormat = Literal["verbose_json", "diarized_json", "json"]

_REQUEST_BYTES = 26_214_400
_ROOM_FOR_FIELDS = 65_536  # what is limited is the request's body, the file is a part of it
_PIECE_SECONDS = 600.0  # even as WAV (19.2 MB) below every known limit, and little is lost with a request
_WHISPER_ENDS = date(2027, 2, 26)


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """What a model is known to take and to give. None is no limit, or that it is not known.

    `response_format` is the one that tells most; `timestamps` is what that one then holds at least.
    """

    timestamps: Timestamps
    response_format: ResponseFormat
    has_word_times: bool = False
    takes_temperature: bool = False
    max_seconds: float | None = None
    max_request_bytes: int | None = None
    dollars_per_minute: float | None = None
    shutdown_date: date | None = None

    def to_capability(self, *, word_times: bool) -> Capability:
        """What pieces for the model may be. Their files stay below the limit on bytes in every encoding."""
        return Capability(
            timestamps="word" if word_times and self.has_word_times else self.timestamps,
            max_piece_seconds=min(_PIECE_SECONDS, self.max_seconds or _PIECE_SECONDS),
            max_piece_bytes=self.max_request_bytes and self.max_request_bytes - _ROOM_FOR_FIELDS,
        )


_WHISPER = SpeechModel(
    "segment",
    "verbose_json",
    has_word_times=True,
    takes_temperature=True,
    max_request_bytes=_REQUEST_BYTES,
    dollars_per_minute=0.006,
    shutdown_date=_WHISPER_ENDS,
)
_TEXT_ONLY = SpeechModel("none", "json", max_seconds=1400, max_request_bytes=_REQUEST_BYTES, dollars_per_minute=0.0045)
_GPT_4O = replace(_TEXT_ONLY, max_seconds=1500, dollars_per_minute=0.006, shutdown_date=_WHISPER_ENDS)

_FAMILIES = (
    (re.compile(r"whisper-1"), _WHISPER),
    (
        re.compile(r"gpt-4o-.*diarize.*"),
        replace(_GPT_4O, timestamps="segment", response_format="diarized_json", max_seconds=1400),
    ),
    (re.compile(r"gpt-4o-mini-transcribe.*"), replace(_GPT_4O, dollars_per_minute=0.003)),
    (re.compile(r"gpt-4o-transcribe.*"), _GPT_4O),
    (re.compile(r"gpt-.*transcribe.*"), _TEXT_ONLY),
)
_OTHER = replace(_WHISPER, dollars_per_minute=None, shutdown_date=None)


def find_model(name: str, base_url: str | None = None) -> SpeechModel:
    """The record of a model at an address, OpenAI's own where none is given.

    A name may have its maker before it (`openai/whisper-1`). Other servers give the formats of OpenAI's models
    of the same name, at prices of their own. A name that nobody knows is taken for a Whisper: most are, and
    the first refusal tells.
    """
    bare = name.rpartition("/")[2].lower()
    found = next((model for pattern, model in _FAMILIES if pattern.fullmatch(bare)), _OTHER)
    return found if is_openai(base_url) else replace(found, dollars_per_minute=None, shutdown_date=None)


def is_openai(base_url: str | None) -> bool:
    """True for OpenAI's own API, in every region; False for what is no address."""
    try:
        host = urlsplit(base_url or OPENAI_URL).hostname or ""
    except ValueError:
        return False
    return host == "api.openai.com" or host.endswith(".api.openai.com")
