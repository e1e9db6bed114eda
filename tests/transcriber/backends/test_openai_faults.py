"""What a speech server's failures end as, and how often it was asked."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.transcriber.backends.building import a_tone, connect
from tests.transcriber.backends.loopback_dialects import (
    VLLM,
    WHISPER_CPP,
    Dialect,
    SpeechAnswer,
    error_answer,
    no_money,
    rate_limited,
    too_large,
)
from tests.transcriber.backends.loopback_speech_api import KEY, CutOff, Dropped, Hanging, LoopbackSpeechApi
from transcriber.backends.openai_api import open_openai_backend
from transcriber.backends.openai_server import Timing
from transcriber.faults import ModelGone, OperatorNeeded, PassingFault, ServerGone, ServiceFault, Stopped, VideoFault

if TYPE_CHECKING:
    from tests.transcriber.backends.loopback_speech_api import Fault
    from transcriber.speech import Segment

HTML_413 = SpeechAnswer(413, b"<html><head><title>413 Request Entity Too Large</title></head></html>", "text/html")
HTTPS_WANTED = SpeechAnswer(
    400, b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>", "text/html"
)
RETIRED = error_answer(503, "no available channels for model whisper-1", kind="new_api_error")
BROKEN_JSON = SpeechAnswer(200, b'{"text": "Good morn')
NO_JSON_FORMAT = error_answer(
    400,
    "response_format 'verbose_json' is not compatible with model 'x'. Use 'json' or 'text' instead.",
    param="response_format",
    code="unsupported_value",
)
TEXT = SpeechAnswer(200, b" Good morning.\n", "text/plain; charset=utf-8")


def transcribe(api: LoopbackSpeechApi, model: str = "whisper-1", seconds: float = 1.0, **options: Any) -> list[Segment]:
    """What comes of a second of sound."""
    return list(connect(api, model, **options).transcribe(a_tone(seconds), language=None))


@pytest.mark.parametrize(
    ("fault", "fact", "requests"),
    [
        (error_answer(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key"), OperatorNeeded, 1),
        (error_answer(403, f"Key {KEY} may not.", code=KEY), OperatorNeeded, 1),
        (SpeechAnswer(403, b"<html>Forbidden</html>", "text/html"), OperatorNeeded, 1),
        (no_money(), OperatorNeeded, 1),
        (error_answer(402, "Insufficient balance"), OperatorNeeded, 1),
        (error_answer(404, "The model `whisper-1` does not exist.", code="model_not_found"), ModelGone, 1),
        (SpeechAnswer(404, b"<html>Not Found</html>", "text/html"), OperatorNeeded, 1),
        (RETIRED, ModelGone, 1),
        (error_answer(400, "Invalid language 'xx'", param="language"), OperatorNeeded, 1),
        (rate_limited(), PassingFault, 4),
        (rate_limited({"retry-after": "0"}), PassingFault, 4),
        (rate_limited({"retry-after": "121"}), PassingFault, 1),
        (error_answer(500, "The server had an error", kind="server_error"), PassingFault, 4),
        (SpeechAnswer(502, b"<html>Bad Gateway</html>", "text/html"), PassingFault, 4),
        (error_answer(503, "Slow down"), PassingFault, 4),
        (SpeechAnswer(200, b'{"error": {"message": "out of memory"}}'), PassingFault, 4),
        (SpeechAnswer(200, b'{"error": {"code": "insufficient_quota", "message": "m"}}'), OperatorNeeded, 1),
        (Dropped(), ServerGone, 4),
        (CutOff(), ServerGone, 4),
        (BROKEN_JSON, PassingFault, 2),
        (SpeechAnswer(200, b"<!doctype html><title>Log in</title>", "text/html"), PassingFault, 2),
        (SpeechAnswer(200, b"null"), PassingFault, 2),
        (SpeechAnswer(200, b"{}"), PassingFault, 2),
        (SpeechAnswer(200, b"[" * 100_000), PassingFault, 2),
        (error_answer(400, "audio duration 0.0 seconds is shorter than 0.1 seconds"), VideoFault, 1),
        (error_answer(400, "Something about this audio"), VideoFault, 1),
        # What would meet every video marks none: a wrong address, a key, the server's own disk and model.
        (HTTPS_WANTED, OperatorNeeded, 1),
        (SpeechAnswer(400, b"Client sent an HTTP request to an HTTPS server.", "text/plain"), OperatorNeeded, 1),
        (SpeechAnswer(422, b"can't route /v1/audio/transcriptions, no audio here", "text/plain"), OperatorNeeded, 1),
        (error_answer(400, "API key not valid. Please pass a valid API key."), OperatorNeeded, 1),
        (error_answer(400, "Nothing at /v1/audio/transcriptions does that"), OperatorNeeded, 1),
        (error_answer(400, "Bad request"), OperatorNeeded, 1),
        (error_answer(422, "Missing required parameter: file", param="file"), OperatorNeeded, 1),
        (error_answer(500, "Failed to open file: No space left on device"), PassingFault, 4),
        (error_answer(500, "error loading model file"), PassingFault, 4),
        (error_answer(400, "error loading model file"), PassingFault, 4),
        (error_answer(500, "Error opening audio file"), PassingFault, 4),
        (error_answer(500, "failed to read audio data"), VideoFault, 2),
        (SpeechAnswer(200, b'{"error": "FFmpeg conversion failed."}'), VideoFault, 2),
        # A file that can't be decoded is sent once more as WAV.
        (error_answer(400, "The audio file could not be decoded or its format is not supported."), VideoFault, 2),
        (SpeechAnswer(415, b'{"detail": "Failed to decode audio"}'), VideoFault, 2),
        # A second can't be cut in two: what remains is a limit that is lower than any.
        (too_large(26_294_972), OperatorNeeded, 1),
        (HTML_413, OperatorNeeded, 1),
        (error_answer(400, "audio duration 1830.5 seconds is longer than 1400 seconds"), VideoFault, 1),
    ],
)
def test_a_failure_that_stays_ends_as_one_fact(fault: Fault, fact: type[Exception], requests: int) -> None:
    """Ours stop the work, the video's are recorded with it, and the server is asked no oftener than may help."""
    with LoopbackSpeechApi(always=fault) as api:
        with pytest.raises((ServiceFault, VideoFault)) as raised:
            transcribe(api)
        assert type(raised.value) is fact
        assert len(api.requests) == requests


@pytest.mark.parametrize(
    ("faults", "requests"),
    [
        ([rate_limited()], 2),
        ([rate_limited({"retry-after-ms": "20"}), error_answer(500, "x"), Dropped()], 4),
        ([error_answer(409, "Conflict")], 2),
        ([BROKEN_JSON], 2),
        ([NO_JSON_FORMAT], 2),
        ([TEXT], 2),
    ],
)
def test_a_failure_that_passes_is_not_noticed(faults: list[Fault], requests: int) -> None:
    """The transcript comes after as many requests as there were failures, and one."""
    with LoopbackSpeechApi(faults=faults) as api:
        assert transcribe(api)
        assert len(api.requests) == requests


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (rate_limited({"retry-after": "121"}), 121),
        (rate_limited({"retry-after-ms": "90000", "retry-after": "1"}), 90),
        (rate_limited(message="Rate limit reached. Please try again in 1m30s."), 90),
        (rate_limited(message="Please try again in 6m0s. Visit our page."), 360),
        (rate_limited({"retry-after": "soon"}, message="try again in 2h"), 7200),
        (rate_limited({"retry-after": "1e300"}), 86_400),
        (error_answer(503, "Overloaded", headers={"retry-after": "300"}), 300),
    ],
)
def test_a_long_wait_is_left_to_the_service(answer: Fault, seconds: float) -> None:
    """More than a minute is not waited here: the fault says how long the server wants."""
    with LoopbackSpeechApi(always=answer) as api:
        with pytest.raises(PassingFault) as raised:
            transcribe(api)
        assert raised.value.retry_after == seconds
        assert len(api.requests) == 1


def test_a_wait_may_be_given_as_a_date() -> None:
    """An HTTP date counts from now."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    with LoopbackSpeechApi(always=rate_limited({"retry-after": later})) as api:
        with pytest.raises(PassingFault) as raised:
            transcribe(api)
        assert raised.value.retry_after == pytest.approx(200, abs=10)


@pytest.mark.parametrize(
    "answer", [rate_limited({"retry-after": "1"}), rate_limited(message="Please try again in 1s. Thanks.")]
)
def test_a_short_wait_is_kept(answer: Fault) -> None:
    """A server that asks for a second is not asked before."""
    with LoopbackSpeechApi(faults=[answer]) as api:
        began = time.monotonic()
        assert transcribe(api)
        assert time.monotonic() - began >= 1
        assert len(api.requests) == 2


def test_no_server_at_all() -> None:
    """A refused connection is a server that is gone; its address is named."""
    with LoopbackSpeechApi() as api:
        pass
    with pytest.raises(ServerGone, match=r"127\.0\.0\.1:\d+ can't be reached"):
        transcribe(api)


def test_a_server_that_hangs() -> None:
    """It is asked twice, each time for as long as is set."""
    with LoopbackSpeechApi(always=Hanging()) as api:
        with pytest.raises(ServerGone, match=r"within 0\.3 seconds"):
            transcribe(api, timing=Timing(answer_seconds=0.3, retry_seconds=0.01))
        assert len(api.requests) == 2


def test_a_stop_does_not_wait_for_the_answer() -> None:
    """A request under way is left to itself a moment after the service is asked to stop."""
    stop = threading.Event()
    with LoopbackSpeechApi(always=Hanging()) as api:
        threading.Timer(0.5, stop.set).start()
        began = time.monotonic()
        with pytest.raises(Stopped):
            transcribe(api, timing=Timing(answer_seconds=60), stop=stop.is_set)
        assert time.monotonic() - began < 10
        assert len(api.requests) == 1


def test_a_stop_ends_the_wait_between_requests() -> None:
    """The minute that a server asked for is not waited out."""
    stop = threading.Event()
    with LoopbackSpeechApi(always=rate_limited({"retry-after": "59"})) as api:
        threading.Timer(0.5, stop.set).start()
        began = time.monotonic()
        with pytest.raises(Stopped):
            transcribe(api, stop=stop.is_set)
        assert time.monotonic() - began < 10
        assert len(api.requests) == 1


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


@pytest.mark.parametrize("key", ["", "sk-line\nbreak", "sk-schlüssel"])
def test_a_key_that_can_be_none(key: str) -> None:
    """OpenAI needs a key, and one that no header can carry is nobody's; its text is not repeated."""
    with pytest.raises(OperatorNeeded, match="OPENAI_API_KEY") as raised:
        open_openai_backend("whisper-1", api_key=key)
    assert not key or key not in str(raised.value)


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://x/v1", "http://", "http://host:port/v1", "http://[1/v1"])
def test_an_address_that_is_none(address: str) -> None:
    """What is no address of a web server is refused before anything is sent."""
    with LoopbackSpeechApi() as api, pytest.raises(OperatorNeeded, match="OPENAI_BASE_URL"):
        transcribe(api, base_url=address)


@pytest.mark.parametrize(
    "fault",
    [
        error_answer(401, f"Incorrect API key provided: {KEY}."),
        error_answer(403, f"Key {KEY} may not.", code=KEY),
        error_answer(429, f"Limit of {KEY}", code="rate_limit_exceeded"),
        error_answer(400, f"{KEY} sent what is no audio", kind=KEY),
        error_answer(500, "x" * 290 + KEY),
        SpeechAnswer(500, KEY.encode(), "text/plain"),
        SpeechAnswer(200, b'{"error": "' + KEY.encode() + b'"}'),
        SpeechAnswer(200, KEY.encode(), "application/json"),
        Dropped(),
    ],
)
def test_the_key_is_in_no_error_and_no_log_line(fault: Fault, capfd: pytest.CaptureFixture[str]) -> None:
    """Not where a server repeats it, not in what led to the error, not in a part."""
    with LoopbackSpeechApi(always=fault) as api, pytest.raises((ServiceFault, VideoFault)) as raised:
        transcribe(api)
    chain: BaseException | None = raised.value
    said = []
    while chain is not None:
        said.append(f"{chain!r} {chain}")
        chain = chain.__cause__ or chain.__context__
    printed = capfd.readouterr()
    said += [printed.out, printed.err]
    assert KEY[:12] not in " ".join(said)
