"""What servers with OpenAI's API say: a request and what is heard go in, an answer in the server's own words comes out.

Shapes, refusals and headers are those that OpenAI, speaches, whisper.cpp and vLLM were seen to send.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_BODY = 26_214_400
SHORTEST_SECONDS = 0.1
SUFFIXES = ["flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm"]


@dataclass(frozen=True, slots=True)
class SpeechAnswer:
    """An answer: its status, body, type and further headers."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A transcription that was asked for. `seconds` is None where the file can't be decoded."""

    fields: Mapping[str, list[str]]
    headers: Mapping[str, str]
    file_name: str
    file_bytes: int
    codec: str | None
    seconds: float | None

    def one(self, name: str, default: str = "") -> str:
        """The value of a field that comes once."""
        return (self.fields.get(name) or [default])[0]

    @property
    def granularities(self) -> list[str]:
        """What times are asked for; segments if nothing is said."""
        return self.fields.get("timestamp_granularities[]") or ["segment"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something said: its seconds and words."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server differs from the others. A model's formats are the ones it gives; other models it has not."""

    name: str
    formats: Mapping[str, tuple[str, ...]]
    language: str = "en"
    duration_as_text: bool = False
    words_in_segments: bool = False
    lacks_words: bool = False
    first_segment_id: int = 0
    ratio: float | None = 1.2
    codecs: tuple[str, ...] | None = None
    undecodable_status: int = 400
    error_is_text: bool = False
    error_is_flat: bool = False
    has_models: bool = True
    shutdown_dates: Mapping[str, str] = field(default_factory=dict)
    max_seconds: Mapping[str, float] = field(default_factory=dict)


_ALL = ("json", "text", "srt", "verbose_json", "vtt")

OPENAI = Dialect(
    "openai",
    {
        "whisper-1": _ALL,
        "gpt-4o-transcribe": ("json", "text"),
        "gpt-4o-mini-transcribe": ("json", "text"),
        "gpt-4o-transcribe-diarize": ("json", "text", "diarized_json"),
        "gpt-transcribe": ("json",),
    },
    language="english",
    shutdown_dates={"whisper-1": "2027-02-26", "gpt-4o-transcribe": "2027-02-26"},
    max_seconds={"gpt-4o-transcribe": 1500, "gpt-4o-mini-transcribe": 1500, "gpt-4o-transcribe-diarize": 1400},
)
SPEACHES = Dialect(
    "speaches", {"Systran/faster-whisper-tiny.en": _ALL}, first_segment_id=1, undecodable_status=415, error_is_text=True
)
WHISPER_CPP = Dialect(
    "whisper.cpp",
    {"whisper-1": _ALL},
    language="english",
    words_in_segments=True,
    ratio=None,
    codecs=("pcm_s16le",),
    error_is_text=True,
    has_models=False,
)
VLLM = Dialect(
    "vllm",
    {"openai/whisper-large-v3": ("json", "text", "verbose_json"), "Qwen/Qwen3-ASR-1.7B": ("json", "text")},
    duration_as_text=True,
    lacks_words=True,
    first_segment_id=42,
    ratio=-1.0,
    error_is_flat=True,
)


def error_answer(  # noqa: PLR0913  (the fields of OpenAI's error)
    status: int,
    message: str,
    *,
    code: str | None = None,
    kind: str = "invalid_request_error",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> SpeechAnswer:
    """An error in OpenAI's shape."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return SpeechAnswer(status, json.dumps({"error": error}).encode(), headers=headers or {})


def wrong_key(key: str) -> SpeechAnswer:
    """OpenAI repeats what it was given."""
    return error_answer(
        401,
        f"Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


def rate_limited(headers: Mapping[str, str] | None = None, *, message: str | None = None) -> SpeechAnswer:
    """Too many requests, in OpenAI's words."""
    said = message or "Rate limit reached for whisper-1 on requests per min (RPM): Limit 3, Used 3, Requested 1."
    return error_answer(429, said, code="rate_limit_exceeded", kind="requests", headers=headers)


def no_money() -> SpeechAnswer:
    """OpenAI's 429 that no waiting helps."""
    return error_answer(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        code="insufficient_quota",
        kind="insufficient_quota",
    )


def too_large(size: int) -> SpeechAnswer:
    """OpenAI's 413."""
    return error_answer(
        413, f"Maximum content size limit ({LARGEST_BODY}) exceeded ({size} bytes read)", kind="server_error"
    )


def refusal(dialect: Dialect, request: SpeechRequest) -> SpeechAnswer | None:
    """Why a server refuses a request; None if it takes it."""
    model, asked = request.one("model"), request.one("response_format", "json")
    formats = dialect.formats.get(model)
    if formats is None:
        return _error(
            dialect, 404, f"The model `{model}` does not exist or you do not have access to it.", code="model_not_found"
        )
    if request.file_name.rpartition(".")[2] not in SUFFIXES:
        return _error(dialect, 400, f"Invalid file format. Supported formats: {SUFFIXES}")
    if request.seconds is None or (dialect.codecs and request.codec not in dialect.codecs):
        said = (
            "failed to read audio data"
            if dialect.codecs
            else "The audio file could not be decoded or its format is not supported."
        )
        return _error(dialect, dialect.undecodable_status, said)
    if asked not in formats:
        return _error(
            dialect, 400, _wrong_format(dialect, model, asked), param="response_format", code="unsupported_value"
        )
    if asked != "verbose_json" and "timestamp_granularities[]" in request.fields:
        said = "timestamp_granularities needs response_format verbose_json"
        return _error(dialect, 400, said, param="timestamp_granularities")
    return _wrong_language(dialect, request.one("language")) or _wrong_length(dialect, model, request.seconds)


def _wrong_language(dialect: Dialect, language: str) -> SpeechAnswer | None:
    if language in {"", "en", "de", "fr"}:
        return None
    if dialect.name == "speaches":
        detail = [{"type": "enum", "loc": ["body", "language"], "msg": "Input should be 'af', 'am', 'ar' or 'en'"}]
        return SpeechAnswer(422, json.dumps({"detail": detail}).encode())
    if dialect.error_is_flat:
        return _error(dialect, 400, f"Unsupported language: {language!r}. Must be one of ['en', 'de'].")
    return _error(dialect, 400, f"Invalid language {language!r}.", param="language", code="invalid_language_format")


def _wrong_length(dialect: Dialect, model: str, seconds: float) -> SpeechAnswer | None:
    longest = dialect.max_seconds.get(model, math.inf)
    which = "for this model"
    if seconds > longest:
        said = f"audio duration {seconds} seconds is longer than {longest:g} seconds which is the maximum {which}"
        return _error(dialect, 400, said, code="invalid_value")
    if seconds < SHORTEST_SECONDS:
        said = f"audio duration {seconds} seconds is shorter than 0.1 seconds which is the minimum {which}"
        return _error(dialect, 400, said, code="invalid_value")
    return None


def _wrong_format(dialect: Dialect, model: str, asked: str) -> str:
    if dialect.error_is_flat:
        return f"Currently do not support {asked} for {model}"
    return f"response_format '{asked}' is not compatible with model '{model}'. Use 'json' or 'text' instead."


def _error(
    dialect: Dialect, status: int, message: str, *, code: str | None = None, param: str | None = None
) -> SpeechAnswer:
    if dialect.error_is_flat:
        body = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": status}
        return SpeechAnswer(status, json.dumps(body).encode())
    if dialect.error_is_text:
        name = "error" if dialect.codecs else "detail"
        return SpeechAnswer(status, json.dumps({name: message}).encode())
    return error_answer(status, message, code=code, param=param)


def answer(dialect: Dialect, request: SpeechRequest, heard: list[Sentence]) -> SpeechAnswer:
    """What a server says of what it heard."""
    text = " ".join(sentence.text for sentence in heard)
    match request.one("response_format", "json"):
        case "verbose_json":
            body = _verbose(dialect, request, heard)
        case "diarized_json":
            body = {
                "text": text,
                "duration": request.seconds,
                "segments": [_diarized(*pair) for pair in enumerate(heard)],
            }
        case "json" if request.one("model") == "gpt-transcribe":
            body = {"text": text, "languages": [{"code": request.one("language")}] if request.one("language") else []}
        case "json":
            body = {"text": text, "usage": {"type": "duration", "seconds": math.ceil(request.seconds or 0)}}
        case _:
            return SpeechAnswer(200, text.encode(), "text/plain; charset=utf-8")
    return SpeechAnswer(200, json.dumps(body).encode())


def _verbose(dialect: Dialect, request: SpeechRequest, heard: list[Sentence]) -> dict[str, Any]:
    asked_words = "word" in request.granularities
    segments = [_segment(dialect, *pair) for pair in enumerate(heard)]
    words = [word for sentence in heard for word in _words(sentence)]
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": request.one("language") or dialect.language,
        "duration": str(request.seconds) if dialect.duration_as_text else request.seconds,
        "text": " ".join(sentence.text for sentence in heard),
        "segments": segments,
    }
    if asked_words and not dialect.words_in_segments and not dialect.lacks_words:
        body["words"] = words
        if dialect.name == "openai" and "segment" not in request.granularities:
            del body["segments"]
    return body


def _segment(dialect: Dialect, position: int, sentence: Sentence) -> dict[str, Any]:
    segment: dict[str, Any] = {
        "id": dialect.first_segment_id + position,
        "seek": 0,
        "start": sentence.start,
        "end": sentence.end,
        "text": f" {sentence.text}",
        "tokens": [50364, 2425],
        "temperature": 0.0,
        "avg_logprob": -0.31,
        "no_speech_prob": 0.02,
    }
    if dialect.ratio is not None:
        segment["compression_ratio"] = dialect.ratio
    if dialect.words_in_segments:
        segment["words"] = [
            {**word, "word": f" {word['word']}", "probability": 0.9, "t_dtw": -1} for word in _words(sentence)
        ]
    return segment


def _words(sentence: Sentence) -> list[dict[str, Any]]:
    texts = sentence.text.split()
    each = (sentence.end - sentence.start) / max(len(texts), 1)
    return [
        {"word": text, "start": round(sentence.start + at * each, 3), "end": round(sentence.start + (at + 1) * each, 3)}
        for at, text in enumerate(texts)
    ]


def _diarized(position: int, sentence: Sentence) -> dict[str, Any]:
    return {
        "id": f"seg_{position}",
        "type": "transcript.text.segment",
        "start": sentence.start,
        "end": sentence.end,
        "text": f" {sentence.text}",
        "speaker": "A",
    }
