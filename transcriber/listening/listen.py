"""Listening: a decoded audio and a backend go in, a transcript comes out; what is done survives a kill."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from transcriber.backends.backend import Piece, Speech
from transcriber.backends.whisper import find_speech
from transcriber.faults import Stopped
from transcriber.listening.flags import flag_segments, flag_transcript
from transcriber.listening.language import vote
from transcriber.listening.pieces import Stretch, join_segments, keep_within, plan_pieces, to_limits, to_piece_times
from transcriber.listening.spoken import SpokenTime
from transcriber.speech import Language, Segment, Transcript, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from transcriber.backends.backend import Backend, Capability
    from transcriber.listening.kept import KeptPieces
    from transcriber.speech import Timestamps

_WINDOW_SECONDS = 300.0
_WARM_UP_SECONDS = 10.0
_TEXT_ONLY = "text-only"


class Audio(Protocol):
    """Decoded sound, 16 kHz mono."""

    @property
    def seconds(self) -> float:
        """Its length."""

    def samples(self, start: float, end: float) -> npt.NDArray[np.float32]:
        """The stretch between two times in seconds."""


def transcribe_audio(  # noqa: PLR0913  (two of six are whom to ask whether to stop and whom to tell how far it is)
    audio: Audio,
    backend: Backend,
    *,
    keep: KeptPieces,
    language: str | None = None,
    stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Transcript:
    """All that is said in an audio, piece by piece in bounded memory; pieces that `keep` holds are not done again.

    `language` is an ISO 639-1 code, or None to have it told from the speech, once for all pieces. `on_progress` gets
    the seconds of audio that are done. An undisturbed run and one that was killed anywhere give the same transcript.

    Raises:
        Stopped: `stop` said so between two segments; pieces that were done are kept.
        VideoFault, ServiceFault: the backend's.
    """
    speech = _hear_speech(audio, keep, stop)
    spoken = _tell_language(audio, speech, backend, keep) if language is None else Language(language)
    listener = _Listener(audio, backend, keep, stop, on_progress)
    while True:
        capability = _note_capability(backend, keep)
        try:
            parts, heard = listener.hear_all(speech, capability, spoken)
        except _TimesGoneError:
            continue
        return _to_transcript(audio.seconds, _note_capability(backend, keep), speech, heard, join_segments(parts))


def _note_capability(backend: Backend, keep: KeptPieces) -> Capability:
    """What pieces are planned for. Once a backend gave no times for this audio, all runs plan for text alone."""
    capability = backend.capability
    noted = keep.read(_TEXT_ONLY) is not None
    if capability.timestamps == "none" and not noted:
        keep.save(_TEXT_ONLY, asdict(capability))
    return replace(capability, timestamps="none") if noted else capability


def _hear_speech(audio: Audio, keep: KeptPieces, stop: Callable[[], bool]) -> tuple[Speech, ...]:
    """Where somebody speaks in the whole audio, window by window; windows lie the same whatever was killed."""
    kept = keep.read("speech")
    if kept is not None:
        return tuple(Speech(*pair) for pair in kept)
    speech: list[Speech] = []
    for first in np.arange(0.0, audio.seconds, _WINDOW_SECONDS):
        if stop():
            raise Stopped
        window = Stretch(float(first), min(float(first) + _WINDOW_SECONDS, audio.seconds))
        for part in _hear_window(audio, window):
            if speech and speech[-1].end == part.start:
                part = Speech(speech.pop().start, part.end)  # noqa: PLW2901  (the same speech, on both sides of a seam)
            speech.append(part)
    if audio.seconds > _WINDOW_SECONDS:  # a single window is heard again sooner than its result is safe on the disk
        keep.save("speech", [[part.start, part.end] for part in speech])
    return tuple(speech)


def _hear_window(audio: Audio, window: Stretch) -> tuple[Speech, ...]:
    """Speech in a window. The detector hears a little more on both sides, as it needs seconds to settle."""
    start = max(0.0, window.start - _WARM_UP_SECONDS)
    found = find_speech(audio.samples(start, window.end + _WARM_UP_SECONDS))
    return keep_within([Speech(round(start + part.start, 3), round(start + part.end, 3)) for part in found], window)


def _tell_language(audio: Audio, speech: Sequence[Speech], backend: Backend, keep: KeptPieces) -> Language | None:
    """The language as the backend hears it; None where nobody speaks, or it tells only with the text."""
    kept = keep.read("language")
    if kept is not None:
        return Language(**kept)
    found = vote(speech, lambda place: backend.detect_language(_cut(audio, place, to_piece_times(speech, place))))
    if found is not None:
        keep.save("language", asdict(found))
    return found


def _cut(audio: Audio, stretch: Stretch, speech: tuple[Speech, ...]) -> Piece:
    return Piece(stretch.start, audio.samples(stretch.start, stretch.end), speech)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came of a piece, in times of the whole audio."""

    segments: tuple[Segment, ...]
    language: Language | None = None


class _TimesGoneError(Exception):
    """Raised when pieces were planned for a backend that gives times, and it gives none."""


class _Listener:
    """Has pieces transcribed, or takes what is kept of them."""

    def __init__(
        self,
        audio: Audio,
        backend: Backend,
        keep: KeptPieces,
        stop: Callable[[], bool],
        on_progress: Callable[[float], None],
    ) -> None:
        self._audio = audio
        self._backend = backend
        self._keep = keep
        self._stop = stop
        self._on_progress = on_progress
        self._planned_for_times = True

    def hear_all(
        self, speech: Sequence[Speech], capability: Capability, language: Language | None
    ) -> tuple[list[tuple[Stretch, tuple[Segment, ...]]], Language | None]:
        """The segments of all pieces, and the language: the given one, else that of the first piece that tells.

        Raises _TimesGoneError where the backend turns out to give text alone, and pieces were planned for times.
        """
        self._planned_for_times = capability.timestamps != "none"
        parts = []
        for stretch in plan_pieces(self._audio.seconds, speech, to_limits(capability)):
            heard = self._hear(stretch, to_piece_times(speech, stretch), language)
            if self._planned_for_times and self._gives_text_only():
                raise _TimesGoneError
            language = language or heard.language
            parts.append((stretch, heard.segments))
        return parts, language

    def _gives_text_only(self) -> bool:
        return self._backend.capability.timestamps == "none"

    def _hear(self, stretch: Stretch, speech: tuple[Speech, ...], language: Language | None) -> _Heard:
        """The segments of a piece; none where nobody speaks, and the backend is not asked."""
        name = f"piece-{round(stretch.start * 1000):09}-{round(stretch.end * 1000):09}"
        heard = _from_kept(self._keep.read(name))
        if heard is None:
            if self._stop():
                raise Stopped
            heard = self._listen(_cut(self._audio, stretch, speech), language) if speech else _Heard(())
            self._keep.save(name, asdict(heard))
        self._on_progress(stretch.end)
        return heard

    def _listen(self, piece: Piece, language: Language | None) -> _Heard:
        transcript = self._backend.transcribe(piece, language=None if language is None else language.code)
        segments = []
        for segment in transcript:
            timed = segment
            if self._gives_text_only():
                if self._planned_for_times and piece.seconds > to_limits(self._backend.capability).longest:
                    raise _TimesGoneError  # the rest of a piece that is too long would be paid for and thrown away
                timed = _within_speech(segment, piece)
            segments.append(_to_audio_times(timed, piece))
            self._on_progress(segments[-1].end)
            if self._stop():
                raise Stopped
        return _Heard(tuple(segments), transcript.language)


def _within_speech(segment: Segment, piece: Piece) -> Segment:
    """Text without times of its own lies over all speech of its piece; closer times, as of a part of it, stay."""
    first, last = piece.speech[0].start, piece.speech[-1].end
    start, end = max(segment.start, first), min(segment.end, last)
    return replace(segment, start=start, end=end) if start < end else replace(segment, start=first, end=last)


def _to_audio_times(segment: Segment, piece: Piece) -> Segment:
    """Times from the start of the audio, none of them outside the piece."""

    def move(time: float) -> float:
        return round(piece.start + min(max(time, 0.0), piece.seconds), 3)

    words = tuple(replace(word, start=move(word.start), end=move(word.end)) for word in segment.words)
    start = move(segment.start)
    return replace(segment, start=start, end=max(start, move(segment.end)), words=words)


def _from_kept(found: Any) -> _Heard | None:
    if found is None:
        return None
    segments = [
        Segment(**{**fields, "words": tuple(Word(**word) for word in fields["words"]), "flags": tuple(fields["flags"])})
        for fields in found["segments"]
    ]
    return _Heard(tuple(segments), found["language"] and Language(**found["language"]))


def _to_transcript(
    seconds: float,
    capability: Capability,
    speech: Sequence[Speech],
    language: Language | None,
    heard: Sequence[Segment],
) -> Transcript:
    timestamps: Timestamps = "piece" if capability.timestamps == "none" else capability.timestamps
    spoken = SpokenTime(speech)
    segments = flag_segments(heard, spoken, timed=timestamps != "piece")
    coverage = None
    if spoken.seconds and timestamps != "piece":
        coverage = round(min(1.0, spoken.seconds_under(segments) / spoken.seconds), 4)
    transcript = Transcript(
        text=" ".join(segment.text for segment in segments),
        segments=segments,
        timestamps=timestamps,
        language=language,
        duration_seconds=round(seconds, 3),
        speech_seconds=round(spoken.seconds, 3),
        coverage=coverage,
    )
    return replace(transcript, flags=flag_transcript(transcript, capability))
