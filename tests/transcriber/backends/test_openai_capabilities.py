"""What is known of speech models, and the warning before one ends."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.backends.building import connect
from tests.transcriber.backends.loopback_dialects import SPEACHES, WHISPER_CPP, Dialect
from tests.transcriber.backends.loopback_speech_api import LoopbackSpeechApi
from transcriber.backends.encoding import OPUS, WAV
from transcriber.backends.openai_capabilities import find_model, is_openai
from transcriber.backends.openai_forms import plan_forms

if TYPE_CHECKING:
    from transcriber.speech import Timestamps

LAST_DAY = date(2027, 2, 26)


@pytest.mark.parametrize(
    ("model", "response_format", "timestamps", "dollars", "ends"),
    [
        ("whisper-1", "verbose_json", "segment", 0.006, LAST_DAY),
        ("gpt-4o-transcribe", "json", "none", 0.006, LAST_DAY),
        ("gpt-4o-mini-transcribe", "json", "none", 0.003, LAST_DAY),
        ("gpt-4o-mini-transcribe-2025-12-15", "json", "none", 0.003, LAST_DAY),
        ("gpt-4o-transcribe-diarize", "diarized_json", "segment", 0.006, LAST_DAY),
        ("gpt-transcribe", "json", "none", 0.0045, None),
        ("gpt-transcribe-2027-01-01", "json", "none", 0.0045, None),
    ],
)
def test_models_of_openai(
    model: str, response_format: str, timestamps: Timestamps, dollars: float, ends: date | None
) -> None:
    """Formats, times, price and last day of each."""
    known = find_model(model)
    assert (known.response_format, known.timestamps) == (response_format, timestamps)
    assert (known.dollars_per_minute, known.shutdown_date) == (dollars, ends)


@pytest.mark.parametrize(
    ("model", "response_format"),
    [
        ("Systran/faster-whisper-small", "verbose_json"),
        ("whisper-large-v3-turbo", "verbose_json"),
        ("openai/gpt-4o-transcribe", "json"),
        ("something-new", "verbose_json"),
    ],
)
def test_models_of_other_servers(model: str, response_format: str) -> None:
    """Names are read without their maker; OpenAI's prices and dates are not theirs."""
    known = find_model(model, "http://localhost:8000/v1")
    assert known.response_format == response_format
    assert (known.dollars_per_minute, known.shutdown_date) == (None, None)


@pytest.mark.parametrize(
    ("address", "is_theirs"),
    [
        (None, True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://api.openai.com.example.org/v1", False),
        ("http://[1", False),
    ],
)
def test_openai_in_every_region(address: str | None, *, is_theirs: bool) -> None:
    """Its own hosts, and none that only look like them."""
    assert is_openai(address) is is_theirs


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe-diarize", "gpt-transcribe", "anything"])
def test_no_file_of_a_piece_is_too_large(model: str) -> None:
    """The longest piece is below the limit on bytes, even as WAV, and well below that on seconds."""
    capability = find_model(model).to_capability(word_times=False)
    assert capability.max_piece_seconds is not None
    assert capability.max_piece_bytes is not None
    assert capability.max_piece_seconds <= 1400 * 0.9
    assert max(file.largest_size(capability.max_piece_seconds) for file in (OPUS, WAV)) < capability.max_piece_bytes


def test_word_times_are_asked_for_with_segments() -> None:
    """OpenAI leaves segments out where words alone are asked for; a model without times gives none of either."""
    assert plan_forms(find_model("whisper-1"), word_times=True)[0].granularities == ("word", "segment")
    assert find_model("whisper-1").to_capability(word_times=True).timestamps == "word"
    assert find_model("gpt-transcribe").to_capability(word_times=True).timestamps == "none"


def test_a_model_that_ends_is_said_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    """The server's own list of models tells the day."""
    own = Dialect("own", {"m": ("json",)}, shutdown_dates={"m": "2027-05-01"})
    with LoopbackSpeechApi(own) as api:
        connect(api, "m")
        said = capfd.readouterr().out
        assert "speech_model_ends" in said
        assert "2027-05-01" in said
        assert not api.requests


@pytest.mark.parametrize("dialect", [WHISPER_CPP, SPEACHES])
def test_a_server_that_names_no_last_day(dialect: Dialect, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a list, or a date in it, nothing is said and nothing fails."""
    with LoopbackSpeechApi(dialect) as api:
        connect(api, next(iter(dialect.formats)))
        assert "speech_model_ends" not in capfd.readouterr().out
