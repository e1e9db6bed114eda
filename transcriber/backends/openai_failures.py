"""Failures of an OpenAI-like API: what an error answer says goes in, a kind and a fault with a sentence come out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from transcriber.backends.openai_errors import NO_MONEY
from transcriber.faults import ModelGone, OperatorNeeded, PassingFault, ServerGone, VideoFault

if TYPE_CHECKING:
    from transcriber.backends.openai_errors import ErrorAnswer

FailureKind = Literal[
    "key_refused",
    "no_money",
    "model_gone",
    "misconfigured",
    "rate_limited",
    "overloaded",
    "unreachable",
    "timed_out",
    "unreadable",
    "format_unsupported",
    "word_times_unsupported",
    "undecodable",
    "too_large",
    "too_long",
    "refused",
]
"""What a failure means here, whatever status it came with."""

_KEY_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REQUEST_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_PASSING_STATUSES = frozenset({HTTPStatus.OK, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})

_MODEL_GONE = re.compile(
    r"no available channel|model\b.{0,120}\b(not exist|not found|retired|deprecated|shut ?down|discontinued|no longer)|"
    r"(invalid|unknown|unsupported) model",
    re.IGNORECASE | re.DOTALL,
)
_DECODER_WORDS = (
    r"could not be decoded|invalid file format|invalid or unsupported audio|invalid data found when processing input|"
    r"ffmpeg conversion failed|failed to (read|decode) (the )?(wav|audio)\b"
)
_SAID_BY_A_DECODER = re.compile(_DECODER_WORDS, re.IGNORECASE)
_UNDECODABLE = re.compile(
    _DECODER_WORDS + r"|unsupported (audio|media|file)|"
    r"(failed|unable|error)( to)? (read|decod|open|load)(ing|e)?\b( the| your| an?)?( input| uploaded)? "
    r"(wav|audio|file|media)",
    re.IGNORECASE,
)
_SERVER_TROUBLE = re.compile(
    r"no space left|disk (is )?full|quota exceeded|permission denied|read-only file ?system|too many open files|"
    r"no such file|input/output error|out of memory|\bcuda\b|\bload(ing)?\b.{0,20} model",
    re.IGNORECASE,
)
_ABOUT_THE_KEY = re.compile(r"api[ _-]?key", re.IGNORECASE)
_ABOUT_THE_AUDIO = re.compile(
    r"(?<![/\w])(audio|file|sound|speech|recording|clip|media|duration|codec|sample rate|wav|ogg|opus)s?\b(?!/)",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"\bmissing\b|\brequired\b", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"longer than|too long|maximum (duration|length|clip)|exceeds? .{0,40}(duration|seconds)", re.IGNORECASE
)
_TOO_LARGE = re.compile(r"content size limit|too large|file size|exceeds? .{0,40}(size|bytes|mb\b)", re.IGNORECASE)
_NO_FORMAT = re.compile(r"response_format|verbose_json|diarized_json", re.IGNORECASE)
_NO_WORD_TIMES = re.compile(r"granularit", re.IGNORECASE)
_LANGUAGE = re.compile(
    r"(invalid|unknown|unsupported|not supported).{0,40}\blanguage|\blanguage\b.{0,40}(invalid|unknown|not)",
    re.IGNORECASE,
)
_OVER_QUOTA = re.compile(r"exceeded your current quota|insufficient (balance|credit|quota|funds)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that came to nothing: what it means, and the fault that it is unless something else is tried."""

    kind: FailureKind
    fault: VideoFault | OperatorNeeded | PassingFault | ServerGone


def classify(answer: ErrorAnswer) -> FailureKind:  # noqa: PLR0911  (a table in the order of precedence)
    """What an error answer means. What it says goes before its status: gateways answer 503 for a retired model."""
    if answer.code in NO_MONEY or answer.status == HTTPStatus.PAYMENT_REQUIRED or _OVER_QUOTA.search(answer.message):
        return "no_money"
    if answer.code == "model_not_found" or _MODEL_GONE.search(answer.message):
        return "model_gone"
    if answer.status in _KEY_STATUSES or (answer.status in _REQUEST_STATUSES and _ABOUT_THE_KEY.search(answer.message)):
        return "key_refused"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limited"
    if answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "too_large"
    if _is_server_trouble(answer):
        return "overloaded"
    if _TOO_LARGE.search(answer.message):
        return "too_large"
    if answer.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE or _UNDECODABLE.search(answer.message):
        return "undecodable"
    return _classify_request(answer)


def _is_server_trouble(answer: ErrorAnswer) -> bool:
    """Whether a server speaks of itself: its disk, its memory, its model; or fails, and no decoder says why."""
    if _SERVER_TROUBLE.search(answer.message):
        return True
    failed = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _PASSING_STATUSES
    return failed and not _SAID_BY_A_DECODER.search(answer.message)


def _classify_request(answer: ErrorAnswer) -> FailureKind:
    if answer.param == "timestamp_granularities" or _NO_WORD_TIMES.search(answer.message):
        return "word_times_unsupported"
    if answer.param == "response_format" or _NO_FORMAT.search(answer.message):
        return "format_unsupported"
    if _TOO_LONG.search(answer.message):
        return "too_long"
    about_the_form = answer.param not in {"", "file"} or _LANGUAGE.search(answer.message)
    if answer.status not in _REQUEST_STATUSES or about_the_form:
        return "misconfigured"
    return "refused" if _is_about_the_audio(answer) else "misconfigured"


def _is_about_the_audio(answer: ErrorAnswer) -> bool:
    """Only a server that read the request says in JSON what is wrong with its file; one that got none says that."""
    return answer.is_json and bool(_ABOUT_THE_AUDIO.search(answer.message)) and not _ABSENT.search(answer.message)


def to_refusal(answer: ErrorAnswer, *, host: str, model: str) -> Refusal:
    """The fault behind an error answer. Only the audio itself makes a VideoFault; all else would meet every video."""
    kind = classify(answer)
    said = _what_it_said(answer)
    if kind in {"rate_limited", "overloaded"}:
        text = f"The speech server at {host} can't take more now ({said}). It is asked again later."
        return Refusal(kind, PassingFault(text, retry_after=answer.retry_after))
    if kind in {"undecodable", "too_long", "refused"}:
        return Refusal(kind, VideoFault("refused_by_backend", f"The speech server refuses the audio ({said})."))
    if kind == "key_refused":
        said = _what_it_said(replace(answer, message=""))  # OpenAI's sentence shows parts of the key
    needed = ModelGone if kind == "model_gone" else OperatorNeeded
    return Refusal(kind, needed(_advice(kind, host, model, said)))


def _advice(kind: FailureKind, host: str, model: str, said: str) -> str:
    match kind:
        case "key_refused":
            return f"The speech server at {host} refuses the key ({said}). Check OPENAI_API_KEY and what it may use."
        case "no_money":
            return f"The account at {host} has no money left ({said}). Top it up, or use another OPENAI_API_KEY."
        case "model_gone":
            return f"The speech server at {host} has no model {model} ({said}). Set OPENAI_MODEL to one it has."
        case "too_large":
            return (
                f"The speech server at {host} refuses even small requests as too large ({said}). "
                "Raise the limit on a request's body there, or in the proxy before it."
            )
        case _:
            return (
                f"The speech server at {host} does not take the request ({said}). "
                "Check OPENAI_BASE_URL, OPENAI_MODEL and TRANSCRIPTION_LANGUAGE."
            )


def _what_it_said(answer: ErrorAnswer) -> str:
    parts = (f"HTTP {answer.status}", answer.code, answer.message)
    return ": ".join(part for part in parts if part)
