"""The local backend: faster-whisper on this machine's CPU or GPU, and the voice activity detection that ships in it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import ctranslate2
import numpy as np
import structlog
from faster_whisper import WhisperModel
from faster_whisper.utils import available_models, download_model
from faster_whisper.vad import VadOptions, get_speech_timestamps

from transcriber.backends.backend import SAMPLE_RATE, Capability, Speech
from transcriber.backends.clips import keep_speech
from transcriber.backends.detection import SHORTEST_PAUSE, THRESHOLD, vad_options
from transcriber.backends.local_models import find_folder, first_line
from transcriber.backends.model_files import check_model_folder, is_multilingual, read_revision
from transcriber.backends.whisper_segments import to_segment
from transcriber.faults import MachineFault, ModelGone, OperatorNeeded, PassingFault, ServerGone
from transcriber.listening.pieces import to_limits
from transcriber.speech import Language

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    from transcriber.backends.backend import Piece
    from transcriber.speech import Segment

Device = Literal["auto", "cpu", "cuda"]

_EDITION: Final = 1
"""Goes up with every change of this code that lets the same model write another text for the same audio."""

_SEED: Final = 20_260_101
_DECODING: Final[Mapping[str, Any]] = {
    "beam_size": 5,
    "best_of": 5,
    "temperature": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "compression_ratio_threshold": 2.4,
    "log_prob_threshold": -1.0,
    "no_speech_threshold": 0.6,
    "condition_on_previous_text": True,
}
_VAD: Final = VadOptions(
    threshold=THRESHOLD,
    min_speech_duration_ms=0,
    min_silence_duration_ms=round(SHORTEST_PAUSE * 1000),
    speech_pad_ms=0,
)
_WINDOW_SECONDS: Final = 30
_ISO_CODES: Final = {"jw": "jv"}  # Whisper's code for Javanese is not ISO's


def find_speech(samples: npt.NDArray[np.float32]) -> tuple[Speech, ...]:
    """Where somebody speaks in samples of ours, by Silero VAD, in seconds; pauses under 0.2 s don't count.

    Memory grows with the length: give it a few minutes at a time.
    """
    if not len(samples):
        return ()
    found = get_speech_timestamps(samples, _VAD, SAMPLE_RATE)
    return tuple(Speech(part["start"] / SAMPLE_RATE, part["end"] / SAMPLE_RATE) for part in found)


def own_models() -> frozenset[str]:
    """Names of Whisper's own models, in all their sizes."""
    return frozenset(available_models())


def open_local_backend(
    model: str,
    *,
    device: Device = "auto",
    compute_type: str = "default",
    threads: int = 0,
    word_times: bool = False,
) -> LocalBackend:
    """Find a model's files, and decide what runs it; the model itself is loaded with the first piece.

    `model` is a folder, `tiny.en`, which is packaged, or a name that faster-whisper fetches from its hub and keeps.
    `compute_type` "default" is int8 on a CPU and float16 on a GPU. Raises OperatorNeeded where that can't be had,
    ServerGone where the hub can't be reached, PassingFault where its files can't be kept.
    """
    folder = find_folder(model, fetch=download_model)
    check_model_folder(folder)
    loader = _Loader(folder, *_pick_device(device, compute_type), threads)
    if device == "auto" and loader.device == "cuda" and not loader.works():
        loader = _Loader(folder, *_pick_device("cpu", compute_type), threads)
    return LocalBackend(model, loader, word_times=word_times)


def find_kept_model(model: str) -> Path | None:
    """The folder of a model that is on this machine; None of one that would have to be fetched.

    Raises OperatorNeeded for a folder that is not there, ModelGone for a name that nobody knows.
    """
    try:
        return find_folder(model, fetch=lambda name: str(download_model(name, local_files_only=True)))
    except (ServerGone, PassingFault):
        return None


def _pick_device(device: Device, compute_type: str) -> tuple[str, str]:
    """The device and the compute type that are meant on this machine."""
    if device != "cpu" and ctranslate2.get_cuda_device_count():
        picked, usual = "cuda", "float16"
    elif device == "cuda":
        raise OperatorNeeded("WHISPER_DEVICE is cuda, and no such device is seen here. Set it to cpu or auto.")
    else:
        picked, usual = "cpu", "int8"
    supported = ctranslate2.get_supported_compute_types(picked)
    if compute_type == "default":
        return picked, usual if usual in supported else "float32"
    if compute_type not in supported:
        raise OperatorNeeded(
            f"WHISPER_COMPUTE_TYPE is {compute_type}, which {picked} can't do here. "
            f"Set it to default, or one of {', '.join(sorted(supported))}."
        )
    return picked, compute_type


class _Model(WhisperModel):  # type: ignore[misc]  # faster-whisper publishes no types
    """A model that knows whether it has drawn random numbers, as it does above temperature 0."""

    has_drawn = False

    def generate_with_fallback(self, *arguments: Any, **named: Any) -> Any:
        """As faster-whisper does it; the temperature it ended with tells whether it drew."""
        had_drawn, self.has_drawn = self.has_drawn, True  # true as well where this is interrupted
        found = super().generate_with_fallback(*arguments, **named)
        _, _, temperature, _ = found
        self.has_drawn = had_drawn or temperature > 0
        return found


class _Loader:
    """Loads a model when it is asked for, and anew when it has drawn random numbers.

    Its generator belongs to a thread inside the library and is seeded when that thread first draws: only a new model
    draws the same numbers again, and only so does a piece give the same text whatever was transcribed before it.
    """

    def __init__(self, folder: Path, device: str, compute_type: str, threads: int) -> None:
        self.folder = folder
        self.device = device
        self.compute_type = compute_type
        self._threads = threads
        self._model: _Model | None = None

    def load(self) -> _Model:
        """A model that has drawn nothing yet."""
        if self._model is not None and not self._model.has_drawn:
            return self._model
        self._model = None  # two at once may be more than the memory holds
        ctranslate2.set_random_seed(_SEED)
        try:
            self._model = _Model(
                str(self.folder), device=self.device, compute_type=self.compute_type, cpu_threads=self._threads
            )
        except (RuntimeError, ValueError) as error:
            raise ModelGone(
                f"The Whisper model in {self.folder} can't be loaded on {self.device} ({first_line(error)}). "
                "Choose another WHISPER_MODEL or WHISPER_DEVICE."
            ) from error
        return self._model

    def works(self) -> bool:
        """Whether the device does what it says: CUDA's own libraries are only missed by the first computation."""
        try:
            model = self.load()
            model.encode(model.feature_extractor(_silence())[..., : model.feature_extractor.nb_max_frames])
        except (OperatorNeeded, RuntimeError) as error:
            structlog.get_logger().warning("gpu_unusable", error=first_line(error))
            return False
        return True


class LocalBackend:
    """faster-whisper, one piece at a time and from one thread at a time."""

    name = "local"

    def __init__(self, model: str, loader: _Loader, *, word_times: bool) -> None:
        self.model = model
        self.folder = loader.folder
        self.revision = read_revision(self.folder)
        multilingual = is_multilingual(self.folder)
        self.capability = Capability(
            timestamps="word" if word_times else "segment", languages=None if multilingual else ("en",)
        )
        self.options: Mapping[str, Any] = {
            **{name: list(value) if isinstance(value, tuple) else value for name, value in _DECODING.items()},
            "compute_type": loader.compute_type,
            "word_times": word_times,
            "vad": vad_options(),
            "piece_seconds": to_limits(self.capability).longest,
            "edition": _EDITION,
        }
        self._loader = loader
        self._word_times = word_times

    def detect_language(self, piece: Piece) -> Language | None:
        """The language of the first half minute of a piece's speech."""
        if self.capability.languages is not None:
            return Language(self.capability.languages[0])
        samples = keep_speech(piece).samples[: _WINDOW_SECONDS * SAMPLE_RATE]
        if not len(samples):
            return None
        with _computing():
            code, probability, _ = self._loader.load().detect_language(samples)
        return Language(_ISO_CODES.get(code, code), round(float(probability), 5))

    def transcribe(self, piece: Piece, *, language: str | None) -> LocalTranscript:
        """Begin with a piece; nothing is done until it is iterated."""
        return LocalTranscript(self._loader, piece, language, word_times=self._word_times)


class LocalTranscript:
    """A piece being transcribed; see PieceTranscript."""

    def __init__(self, loader: _Loader, piece: Piece, language: str | None, *, word_times: bool) -> None:
        self.language = None if language is None else Language(language)
        self._loader = loader
        self._piece = piece
        self._word_times = word_times

    def __iter__(self) -> Iterator[Segment]:
        """Segments in order; none, and no work, where nobody speaks."""
        clips = keep_speech(self._piece)
        if not len(clips.samples):
            return
        model = self._loader.load()
        code = self._to_whisper_code(model)
        with _computing():
            segments, info = model.transcribe(
                clips.samples, language=code, word_timestamps=self._word_times, vad_filter=False, **_DECODING
            )
            if self.language is None:
                self.language = Language(_ISO_CODES.get(info.language, info.language), info.language_probability)
            for segment in segments:
                yield to_segment(segment, clips)

    def _to_whisper_code(self, model: _Model) -> str | None:
        if self.language is None:
            return None
        code = next((ours for ours, iso in _ISO_CODES.items() if iso == self.language.code), self.language.code)
        if code not in model.supported_languages:
            raise ModelGone(
                f"The model in {self._loader.folder} does not know the language {self.language.code!r}. "
                "Mend TRANSCRIPTION_LANGUAGE, or choose another WHISPER_MODEL."
            )
        return code


@contextmanager
def _computing() -> Iterator[None]:
    """What goes wrong inside the library is about this machine: its memory, its GPU."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        raise MachineFault(f"The Whisper model stopped on this machine ({first_line(error)}).") from error


def _silence() -> npt.NDArray[np.float32]:
    return np.zeros(SAMPLE_RATE, np.float32)
