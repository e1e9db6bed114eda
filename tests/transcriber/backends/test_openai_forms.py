"""What a speech server does not give or take: it is asked for less, once, and from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transcriber.backends.building import NO_JSON_FORMAT, TEXT, a_tone, connect, transcribe
from tests.transcriber.backends.loopback_dialects import VLLM, WHISPER_CPP, Dialect, SpeechAnswer, error_answer
from tests.transcriber.backends.loopback_speech_api import LoopbackSpeechApi
from transcriber.faults import OperatorNeeded

if TYPE_CHECKING:
    from tests.transcriber.backends.loopback_speech_api import Fault


@pytest.mark.parametrize(
    ("dialect", "model"),
    [(VLLM, "Qwen/Qwen3-ASR-1.7B"), (Dialect("own", {"my-own-model": ("json", "text")}), "my-own-model")],
)
def test_one_downgrade_to_plain_json_is_remembered(dialect: Dialect, model: str) -> None:
    """A server that refuses the format gets one more request, for plain JSON; from then on it is asked for that."""
    with LoopbackSpeechApi(dialect) as api:
        backend = connect(api, model)
        before = backend.capability
        first = list(backend.transcribe(a_tone(), language=None))
        second = list(backend.transcribe(a_tone(), language=None))
        assert [request.one("response_format") for request in api.requests] == ["verbose_json", "json", "json"]
        assert first == second
        assert [(segment.start, segment.end) for segment in first] == [(0.0, 2.0)]
        assert (before.timestamps, backend.capability.timestamps) == ("segment", "none")


@pytest.mark.parametrize("answer", [TEXT, SpeechAnswer(200, b'"Good morning."')])
def test_text_where_json_was_asked(answer: Fault) -> None:
    """Bare text is asked for once more as plain JSON, and then taken as it comes, at one request a piece."""
    with LoopbackSpeechApi(always=answer) as api:
        backend = connect(api)
        for _ in range(2):
            assert [segment.text for segment in backend.transcribe(a_tone(), language=None)] == ["Good morning."]
        assert [request.one("response_format") for request in api.requests] == ["verbose_json", "json", "json"]


@pytest.mark.parametrize("fields", ["", ', "segments": null', ', "segments": []'])
def test_text_without_segments_where_segments_were_asked(fields: str) -> None:
    """A server that takes no notice of the format gives no times: its text is cut as that of any such server."""
    answer = SpeechAnswer(200, f'{{"text": "Good morning."{fields}}}'.encode())
    with LoopbackSpeechApi(always=answer) as api:
        backend = connect(api)
        segments = list(backend.transcribe(a_tone(300), language=None))
        assert [(segment.start, segment.end) for segment in segments] == [(0, 75), (75, 150), (150, 225), (225, 300)]
        assert [request.one("response_format") for request in api.requests] == ["verbose_json", *["json"] * 4]
        assert backend.capability.timestamps == "none"
        list(backend.transcribe(a_tone(), language=None))
        assert len(api.requests) == 6


def test_words_without_segments() -> None:
    """Before text alone, segments without words are asked for: some servers give one or the other."""
    answer = SpeechAnswer(200, b'{"text": "Good", "words": [{"word": "Good", "start": 0, "end": 1}]}')
    with LoopbackSpeechApi(faults=[answer]) as api:
        backend = connect(api, word_times=True)
        assert len(list(backend.transcribe(a_tone(), language=None))) == 2
        assert [request.granularities for request in api.requests] == [["word", "segment"], ["segment"]]
        assert backend.capability.timestamps == "segment"


def test_nothing_said_needs_no_segments() -> None:
    """An answer without text is no sign of what a server can give."""
    with LoopbackSpeechApi(faults=[SpeechAnswer(200, b'{"text": " "}')]) as api:
        backend = connect(api)
        assert list(backend.transcribe(a_tone(), language=None)) == []
        assert backend.capability.timestamps == "segment"


def test_a_server_that_refuses_plain_json_too() -> None:
    """There is nothing left to ask for: a person must look at the address."""
    with LoopbackSpeechApi(always=NO_JSON_FORMAT) as api:
        with pytest.raises(OperatorNeeded, match="OPENAI_BASE_URL"):
            transcribe(api)
        assert len(api.requests) == 2


def test_times_of_words_that_a_server_has_not() -> None:
    """Without times of words there are still those of segments: text alone is the last thing to ask for."""
    refused = error_answer(400, "timestamp_granularities: word is not supported", param="timestamp_granularities")
    with LoopbackSpeechApi(faults=[refused]) as api:
        backend = connect(api, word_times=True)
        segments = list(backend.transcribe(a_tone(), language=None))
        assert [request.granularities for request in api.requests] == [["word", "segment"], ["segment"]]
        assert backend.capability.timestamps == "segment"
        assert len(segments) == 2
        assert not segments[0].words


def test_a_server_without_opus_gets_wav_from_then_on() -> None:
    """whisper.cpp reads plain samples only: it is asked twice for the first piece and once for each other."""
    with LoopbackSpeechApi(WHISPER_CPP) as api:
        backend = connect(api)
        for _ in range(2):
            assert list(backend.transcribe(a_tone(), language=None))
        assert [request.codec for request in api.requests] == ["opus", "pcm_s16le", "pcm_s16le"]


def test_a_piece_that_is_too_large_is_cut_in_two() -> None:
    """A proxy that takes 100 kB gets halves, cut where nobody speaks; later pieces are cut before they are sent."""
    with LoopbackSpeechApi(max_body=100_000) as api:
        backend = connect(api)
        segments = list(backend.transcribe(a_tone(30), language=None))
        assert [round(request.seconds or 0) for request in api.requests] == [30, 15, 15]
        assert [(segment.start, segment.end) for segment in segments] == [(0, 7.5), (7.5, 15), (15, 22.5), (22.5, 30)]
        list(backend.transcribe(a_tone(30), language=None))
        assert len(api.requests) == 5


def test_a_piece_that_is_too_long_is_cut_in_two() -> None:
    """A server that names a shortest length gets shorter ones."""
    short = Dialect("own", {"m": ("verbose_json", "json")}, max_seconds={"m": 25})
    with LoopbackSpeechApi(short) as api:
        assert len(transcribe(api, "m", seconds=40)) == 4
        assert [round(request.seconds or 0) for request in api.requests] == [40, 20, 20]
