"""Pieces of sound, and the openai backend pointed at a loopback server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.transcriber.backends.loopback_dialects import SpeechAnswer, error_answer
from tests.transcriber.backends.loopback_speech_api import KEY
from transcriber.backends.backend import SAMPLE_RATE, Backend, Piece, Speech
from transcriber.backends.openai_api import open_openai_backend
from transcriber.backends.openai_server import Timing

if TYPE_CHECKING:
    from tests.transcriber.backends.loopback_speech_api import LoopbackSpeechApi
    from transcriber.speech import Segment

NO_JSON_FORMAT = error_answer(
    400,
    "response_format 'verbose_json' is not compatible with model 'x'. Use 'json' or 'text' instead.",
    param="response_format",
    code="unsupported_value",
)
TEXT = SpeechAnswer(200, b" Good morning.\n", "text/plain; charset=utf-8")
QUICK = Timing(answer_seconds=20, retry_seconds=0.01)


def a_tone(seconds: float = 2.0, *, speech: tuple[Speech, ...] | None = None, start: float = 0.0) -> Piece:
    """A piece that makes a sound; somebody speaks in all of it, unless said otherwise."""
    times = np.arange(int(seconds * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    samples = (0.3 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
    return Piece(start, samples, (Speech(0.0, seconds),) if speech is None else speech)


def a_silence(seconds: float = 2.0) -> Piece:
    """A piece in which nobody speaks."""
    return Piece(0.0, np.zeros(int(seconds * SAMPLE_RATE), np.float32), ())


def connect(api: LoopbackSpeechApi, model: str = "whisper-1", **options: Any) -> Backend:
    """The backend of a model of a loopback server; it waits next to nothing before it repeats a request."""
    given: dict[str, Any] = {"api_key": KEY, "base_url": api.base_url, "timing": QUICK, **options}
    return open_openai_backend(model, **given)


def transcribe(api: LoopbackSpeechApi, model: str = "whisper-1", seconds: float = 1.0, **options: Any) -> list[Segment]:
    """What comes of a second of sound."""
    return list(connect(api, model, **options).transcribe(a_tone(seconds), language=None))
