"""The openai backend against a server that does as OpenAI's: what is sent, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transcriber.backends.building import QUICK, a_silence, a_tone, connect
from tests.transcriber.backends.loopback_dialects import OPENAI, SPEACHES, Dialect
from tests.transcriber.backends.loopback_speech_api import KEY, LoopbackSpeechApi
from transcriber.backends import openai_api
from transcriber.backends.backend import Speech
from transcriber.backends.encoding import WAV
from transcriber.backends.openai_server import SpeechServer
from transcriber.faults import OperatorNeeded
from transcriber.speech import Language

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api() -> Iterator[LoopbackSpeechApi]:
    """A server that does as OpenAI's."""
    with LoopbackSpeechApi() as served:
        yield served


def test_what_is_sent(api: LoopbackSpeechApi) -> None:
    """One request with the key, the form's fields in full, and a small Opus file of the piece."""
    list(connect(api, word_times=True).transcribe(a_tone(2.0), language="en"))
    (request,) = api.requests
    assert request.fields == {
        "model": ["whisper-1"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["word", "segment"],
        "temperature": ["0"],
        "language": ["en"],
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-stainless-retry-count"] == "0"
    assert (request.file_name, request.codec) == ("piece.ogg", "opus")
    assert request.file_bytes < 10_000
    assert request.seconds == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("model", ["gpt-transcribe", "gpt-4o-transcribe"])
def test_text_only_models_are_asked_for_plain_json(api: LoopbackSpeechApi, model: str) -> None:
    """No format is tried that is known to be refused, and no option that they may not know."""
    list(connect(api, model).transcribe(a_tone(), language=None))
    assert [request.fields for request in api.requests] == [{"model": [model], "response_format": ["json"]}]


def test_the_diarizing_model_gives_times(api: LoopbackSpeechApi) -> None:
    """Its own format holds segments, whose ids are text."""
    segments = list(connect(api, "gpt-4o-transcribe-diarize").transcribe(a_tone(), language=None))
    assert [(segment.start, segment.text) for segment in segments] == [
        (0.0, "Good morning, all."),
        (1.0, "Here is the news."),
    ]
    assert api.requests[0].one("chunking_strategy") == "auto"


def test_nothing_is_sent_where_nobody_speaks(api: LoopbackSpeechApi) -> None:
    """Silence costs no request."""
    assert list(connect(api).transcribe(a_silence(), language=None)) == []
    assert api.requests == []


def test_nothing_is_sent_before_somebody_iterates(api: LoopbackSpeechApi) -> None:
    """Beginning with a piece is free."""
    connect(api).transcribe(a_tone(), language=None)
    assert api.requests == []


def test_long_pauses_are_not_sent(api: LoopbackSpeechApi) -> None:
    """A minute with ten seconds of speech is sent as these, and times are those of the minute."""
    piece = a_tone(60.0, speech=(Speech(10.0, 15.0), Speech(50.0, 55.0)))
    first, second = connect(api).transcribe(piece, language=None)
    assert api.requests[0].seconds == pytest.approx(2 * (5 + 2 * 0.4), abs=0.01)
    assert (first.start, first.end) == pytest.approx((9.6, 15.4), abs=0.02)
    assert (second.start, second.end) == pytest.approx((49.6, 55.4), abs=0.02)


def test_text_alone_lies_over_the_speech(api: LoopbackSpeechApi) -> None:
    """One segment, from the first word to the last as far as voice activity detection tells."""
    piece = a_tone(60.0, speech=(Speech(10.0, 15.0), Speech(50.0, 55.0)))
    (segment,) = connect(api, "gpt-transcribe").transcribe(piece, language=None)
    assert (segment.start, segment.end) == (10.0, 55.0)
    assert segment.text == "Good morning, all. Here is the news."


def test_long_text_alone_is_cut(api: LoopbackSpeechApi) -> None:
    """Five minutes with one time for all of it would be of no use: what is cut comes in order."""
    segments = list(connect(api, "gpt-transcribe").transcribe(a_tone(300.0), language=None))
    assert [(segment.start, segment.end) for segment in segments] == [(0, 75), (75, 150), (150, 225), (225, 300)]


def test_a_blink_is_long_enough(api: LoopbackSpeechApi) -> None:
    """OpenAI refuses what is shorter than a tenth of a second: it gets silence after it."""
    (first, second) = connect(api).transcribe(a_tone(0.05), language=None)
    assert (api.requests[0].seconds or 0) >= 0.1
    assert first.start <= first.end <= second.end <= 0.05


@pytest.mark.parametrize(
    ("dialect", "given", "language"),
    [
        (OPENAI, None, Language("en")),
        (OPENAI, "de", Language("de")),
        (Dialect("own", {"whisper-1": ("verbose_json",)}, language="klingon"), None, None),
        (Dialect("own", {"whisper-1": ("verbose_json",)}, language="klingon"), "de", Language("de")),
    ],
)
def test_the_language_that_is_told(dialect: Dialect, given: str | None, language: Language | None) -> None:
    """The server's word, else what was given; it holds once iteration has ended."""
    with LoopbackSpeechApi(dialect) as api:
        transcript = connect(api).transcribe(a_tone(), language=given)
        list(transcript)
        assert transcript.language == language
        assert [request.fields.get("language") for request in api.requests] == [[given] if given else None]


def test_the_language_of_the_settings_holds_where_none_is_given(api: LoopbackSpeechApi) -> None:
    """A piece's own language goes before it."""
    backend = connect(api, language="fr")
    list(backend.transcribe(a_tone(), language=None))
    list(backend.transcribe(a_tone(), language="de"))
    assert [request.one("language") for request in api.requests] == ["fr", "de"]
    assert backend.options["language"] == "fr"


def test_the_revision_names_model_and_server() -> None:
    """The same name at another server may be another model; a password in an address is nobody's business."""
    with LoopbackSpeechApi(SPEACHES) as api:
        port = api.base_url.partition("127.0.0.1:")[2].partition("/")[0]
        backend = connect(api, "small", base_url=f"http://user:secret@127.0.0.1:{port}/v1")
        assert backend.revision == f"small@127.0.0.1:{port}"


def test_two_servers_behind_one_host_have_revisions_of_their_own(api: LoopbackSpeechApi) -> None:
    """A path tells them apart, without being shown: it may hold a key. A slash at the end tells nothing."""
    host = api.base_url.removesuffix("/v1")
    named = [connect(api, base_url=f"{host}{path}").revision for path in ("/v1", "/large/v1", "/small/v1", "", "/v1/")]
    assert len(set(named)) == 4
    assert named[0] == named[4]
    assert not any("large" in revision for revision in named)


def test_the_usual_address_is_named_by_its_host_alone() -> None:
    """Transcripts of OpenAI's own servers keep their names."""
    assert SpeechServer(KEY, None, timing=QUICK).place == "api.openai.com"


def test_a_model_with_a_name_too_long_still_has_a_revision_of_its_own(api: LoopbackSpeechApi) -> None:
    """What doesn't fit is left out, and a digest of it stands in its place."""
    one, other = (connect(api, "m" * 250 + end).revision for end in ("a", "b"))
    assert one != other
    assert len(one) == len(other) == 200


@pytest.mark.parametrize(
    ("model", "seconds", "overlap"), [("whisper-1", 300.0, 10.0), ("gpt-4o-transcribe", 90.0, 0.0)]
)
def test_options_name_how_audio_is_cut(api: LoopbackSpeechApi, model: str, seconds: float, overlap: float) -> None:
    """Pieces of another length, or other speech in them, may give another text."""
    options = connect(api, model).options
    assert (options["piece_seconds"], options["piece_overlap"]) == (seconds, overlap)
    assert options["vad"] == {"threshold": 0.5, "joined_pause": 2.0, "padding": 0.4}
    assert options["edition"] == 1


def test_without_an_encoder_wav_is_sent(api: LoopbackSpeechApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg without Opus is no reason to stop."""
    monkeypatch.setattr(openai_api, "best_encoding", lambda: WAV)
    backend = connect(api)
    assert len(list(backend.transcribe(a_tone(), language=None))) == 2
    assert api.requests[0].codec == "pcm_s16le"
    assert backend.options["audio"]["codec"] == "wav"


def test_a_server_without_a_key_of_its_own(api: LoopbackSpeechApi) -> None:
    """Servers of one's own often want none: something is sent in its place, for the client insists."""
    backend = connect(api, api_key="")
    with pytest.raises(OperatorNeeded, match="refuses the key"):
        list(backend.transcribe(a_tone(), language=None))
    assert api.requests[0].headers["authorization"] == "Bearer none"
