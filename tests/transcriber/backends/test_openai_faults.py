"""What a speech server's failures end as, and how often it was asked."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.backends.building import NO_JSON_FORMAT, TEXT, transcribe
from tests.transcriber.backends.loopback_dialects import (
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

HTML_413 = SpeechAnswer(413, b"<html><head><title>413 Request Entity Too Large</title></head></html>", "text/html")
HTTPS_WANTED = SpeechAnswer(
    400, b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>", "text/html"
)
RETIRED = error_answer(503, "no available channels for model whisper-1", kind="new_api_error")
BROKEN_JSON = SpeechAnswer(200, b'{"text": "Good morn')


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
