"""What transcribing would take: sums, and the sentences a person reads before anything is spent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcriber.requests.planning import Engine, plan_transcription, to_sentences
from transcriber.requests.pricing import PriceUnknown, find_price
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = Engine("local", "tiny.en", speed=20.0, dollars_per_minute=None)
OPENAI = Engine("openai", "gpt-transcribe", speed=None, dollars_per_minute=0.0045)


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a `.env` nor the environment of whoever runs the tests says what OpenAI costs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_DOLLARS_PER_MINUTE", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def test_time_is_audio_over_speed() -> None:
    """Three hours of audio at 20 times real time are nine minutes; two videos more are of unknown length."""
    plan = plan_transcription([3600.0, None, 7200.0, None], LOCAL)
    assert (plan.videos, plan.unknown_length, plan.audio_seconds) == (4, 2, 10800.0)
    assert (plan.expected_seconds, plan.expected_dollars) == (540.0, None)
    assert to_sentences(plan) == [
        "4 videos, 3.00 hours of audio, and 2 of a length that is not known.",
        "tiny.en (local) would work for about 9 minutes at 20.0 times real time, as its work so far.",
    ]


def test_dollars_are_minutes_times_price() -> None:
    """Ten hours at 0.45 cents a minute are 2.70 dollars; how long it takes is not told before a first run."""
    plan = plan_transcription([36_000.0], OPENAI)
    assert plan.expected_dollars == pytest.approx(2.7)
    assert to_sentences(plan) == [
        "1 video, 10.00 hours of audio.",
        "gpt-transcribe (openai) would take about 2.70 dollars at 0.0045 dollars a minute.",
    ]


def test_a_speed_that_nobody_measured_is_told_as_unknown() -> None:
    """Before a first run no time is made up."""
    plan = plan_transcription([60.0], replace(LOCAL, speed=None))
    assert plan.to_dict()["expected_seconds"] is None
    assert "unknown until its first transcriptions are loaded" in to_sentences(plan)[1]


def test_nothing_to_do_takes_nothing() -> None:
    """No video: no hours, no time."""
    plan = plan_transcription([], LOCAL)
    assert plan.to_dict() == {
        "videos": 0,
        "unknown_length": 0,
        "audio_hours": 0.0,
        "backend": "local",
        "model": "tiny.en",
        "times_real_time": 20.0,
        "expected_seconds": 0.0,
        "dollars_per_minute": None,
        "expected_dollars": None,
    }


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "about 1 second "),
        (2_000.0, "about 100 seconds "),
        (36_000.0, "about 30 minutes "),
        (360_000.0, "5.0 hours "),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    """Seconds, then minutes, then hours; never none at all."""
    assert said in to_sentences(plan_transcription([seconds], LOCAL))[1]


@given(st.lists(st.none() | st.floats(0, 1e6)), st.floats(0.01, 1000), st.floats(0, 10))
def test_known_and_unknown_lengths_add_up(lengths: list[float | None], speed: float, price: float) -> None:
    """Every video is counted once, and what it would take grows in line with the audio."""
    plan = plan_transcription(lengths, Engine("openai", "whisper-1", speed, price))
    assert plan.videos == len(lengths)
    assert plan.unknown_length == lengths.count(None)
    assert plan.expected_seconds == pytest.approx(plan.audio_seconds / speed)
    assert plan.expected_dollars == pytest.approx(plan.audio_seconds * price / 60)


@pytest.mark.parametrize(
    ("settings", "model", "price"),
    [
        ({}, "gpt-transcribe", 0.0045),
        ({"openai_dollars_per_minute": 0.5}, "gpt-transcribe", 0.5),
        ({"openai_dollars_per_minute": 0.0, "openai_base_url": "http://127.0.0.1:8000/v1"}, "my-whisper", 0.0),
    ],
    ids=["OpenAI's own", "the setting goes first", "a server of one's own"],
)
def test_a_price_is_the_settings_or_openais(settings: dict[str, object], model: str, price: float) -> None:
    """What a minute costs."""
    assert find_price(read_settings(**settings), model) == price


@pytest.mark.parametrize(
    ("settings", "model"),
    [({}, "a-model-of-next-year"), ({"openai_base_url": "http://127.0.0.1:8000/v1"}, "whisper-1")],
    ids=["unknown model", "another server"],
)
def test_a_price_that_is_not_known_is_asked_for(settings: dict[str, object], model: str) -> None:
    """No price is guessed: the sentence names the setting."""
    with pytest.raises(PriceUnknown, match="OPENAI_DOLLARS_PER_MINUTE"):
        find_price(read_settings(**settings), model)
