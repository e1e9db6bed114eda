"""Listening: whatever is killed and begun again, the transcript is the same; silence is never sent to a backend."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.transcriber.listening.building import Echo, Parrot, Sound, a_clip, silence
from transcriber.backends.backend import SAMPLE_RATE, Capability, Speech
from transcriber.faults import Stopped
from transcriber.listening.kept import KeptPieces
from transcriber.listening.listen import transcribe_audio
from transcriber.speech import Language

if TYPE_CHECKING:
    from pathlib import Path

    from transcriber.backends.backend import Piece
    from transcriber.speech import Transcript

SHORT_PIECES = Capability("segment", max_piece_seconds=40)


@pytest.fixture(scope="module")
def talk() -> Sound:
    """Nearly three minutes: somebody speaks some seconds, and pauses; in the middle nobody does for half a minute."""
    clips = [a_clip(name) for name in ("lanterns", "robots", "trailer")]
    parts = [part for round_ in range(9) for part in (clips[round_ % 3], silence(1.0 + round_ % 4))]
    half = np.concatenate(parts)[: 70 * SAMPLE_RATE]
    return Sound(np.concatenate([half, silence(30), half]))


class Killed(BaseException):
    """What a SIGKILL looks like from within: nothing gets to tidy up."""


def killed_after(segments: int) -> Parrot:
    """A backend whose process dies before it has given so many segments."""
    numbers = count()

    def die() -> None:
        if next(numbers) == segments:
            raise Killed

    return Parrot(SHORT_PIECES, die=die)


def undisturbed(talk: Sound, folder: Path) -> Transcript:
    """The transcript of a run that nothing happened to."""
    return transcribe_audio(talk, Parrot(SHORT_PIECES), keep=KeptPieces(folder))


def test_every_word_is_there_once_and_in_order(talk: Sound, tmp_path: Path) -> None:
    """Segments of all pieces, in times of the whole audio: the parrot's text says where each was heard."""
    transcript = undisturbed(talk, tmp_path)
    assert len(transcript.segments) > 20
    assert all(segment.text == f"at {segment.start:.1f}" for segment in transcript.segments)
    starts = [segment.start for segment in transcript.segments]
    assert starts == sorted(set(starts))
    assert transcript.text == " ".join(segment.text for segment in transcript.segments)
    assert (transcript.coverage, transcript.duration_seconds) == (1.0, 170.0)
    assert not [segment for segment in transcript.segments if 72 < segment.start < 99]


def test_killed_three_times_it_gives_the_same(talk: Sound, tmp_path: Path) -> None:
    """Kills in different pieces; what is done is not asked for again, what was under way is."""
    expected = undisturbed(talk, tmp_path / "undisturbed")
    keep = KeptPieces(tmp_path / "killed")
    asked: list[float] = []
    for segments in (2, 16, 9):
        backend = killed_after(segments)
        with pytest.raises(Killed):
            transcribe_audio(talk, backend, keep=keep)
        asked += [start for start, _ in backend.asked]
    last = Parrot(SHORT_PIECES)
    assert transcribe_audio(talk, last, keep=keep) == expected
    assert len(set(asked)) > 2
    assert asked.count(0.0) == 2
    assert 0.0 not in [start for start, _ in last.asked]


def test_a_damaged_piece_is_done_again(talk: Sound, tmp_path: Path) -> None:
    """The other pieces are not."""
    expected = undisturbed(talk, tmp_path)
    damaged = min(tmp_path.glob("piece-*"))
    damaged.write_bytes(damaged.read_bytes()[:-10])
    backend = Parrot(SHORT_PIECES)
    assert transcribe_audio(talk, backend, keep=KeptPieces(tmp_path)) == expected
    assert [start for start, _ in backend.asked] == [0.0]


def test_it_stops_between_segments_and_goes_on_later(talk: Sound, tmp_path: Path) -> None:
    """A stop in the second piece keeps the first."""
    reached: list[float] = []
    keep = KeptPieces(tmp_path)
    with pytest.raises(Stopped):
        transcribe_audio(talk, Parrot(SHORT_PIECES), keep=keep, stop=lambda: bool(reached) and reached[-1] > 50,
                         on_progress=reached.append)  # fmt: skip
    backend = Parrot(SHORT_PIECES)
    transcribe_audio(talk, backend, keep=keep)
    assert 0.0 not in [start for start, _ in backend.asked]


def test_progress_goes_forward_to_the_end(talk: Sound, tmp_path: Path) -> None:
    """Seconds of audio that are done, kept pieces included."""
    for _ in range(2):
        reached: list[float] = []
        transcribe_audio(talk, Parrot(SHORT_PIECES), keep=KeptPieces(tmp_path), on_progress=reached.append)
        assert reached == sorted(reached)
        assert reached[-1] == pytest.approx(talk.seconds)


def test_nobody_speaks(tmp_path: Path) -> None:
    """Silence is not sent to a backend: models make things up over it."""
    backend = Parrot(SHORT_PIECES, language=Language("en", 0.9))
    transcript = transcribe_audio(Sound(silence(320)), backend, keep=KeptPieces(tmp_path))
    assert (backend.asked, transcript.segments, transcript.text) == ([], (), "")
    assert (transcript.speech_seconds, transcript.coverage, transcript.language) == (0, None, None)
    assert transcript.flags == ("no_speech",)


def test_the_language_is_told_once_and_holds_for_all_pieces(talk: Sound, tmp_path: Path) -> None:
    """A backend that hears it is asked before the first piece."""
    backend = Parrot(SHORT_PIECES, language=Language("pt", 0.8))
    transcript = transcribe_audio(talk, backend, keep=KeptPieces(tmp_path))
    assert transcript.language == Language("pt", 0.8)
    assert {language for _, language in backend.asked} == {"pt"}


def test_a_backend_that_tells_the_language_with_the_text_fixes_it_with_its_first_piece(
    talk: Sound, tmp_path: Path
) -> None:
    """Later pieces, those of a run begun again included, are asked for in that language."""
    backend = Parrot(SHORT_PIECES, tells=Language("fr"))
    transcript = transcribe_audio(talk, backend, keep=KeptPieces(tmp_path))
    assert transcript.language == Language("fr")
    assert [language for _, language in backend.asked] == [None, *["fr"] * (len(backend.asked) - 1)]
    max(tmp_path.glob("piece-*")).unlink()
    resumed = Parrot(SHORT_PIECES, tells=Language("fr"))
    assert transcribe_audio(talk, resumed, keep=KeptPieces(tmp_path)) == transcript
    assert [language for _, language in resumed.asked] == ["fr"]


def test_a_given_language_is_not_asked_for(talk: Sound, tmp_path: Path) -> None:
    """The operator knows."""
    backend = Parrot(SHORT_PIECES, language=Language("pt", 0.8))
    assert transcribe_audio(talk, backend, keep=KeptPieces(tmp_path), language="de").language == Language("de")
    assert {language for _, language in backend.asked} == {"de"}


def test_texts_without_times_have_those_of_their_pieces_speech(talk: Sound, tmp_path: Path) -> None:
    """About a minute each, and the transcript says so."""
    backend = Parrot(capability=Capability("none"))
    transcript = transcribe_audio(talk, backend, keep=KeptPieces(tmp_path))
    assert (transcript.timestamps, transcript.coverage, transcript.flags) == ("piece", None, ("text_only",))
    assert all(0 < segment.end - segment.start <= 90 for segment in transcript.segments)
    assert all(not segment.flags for segment in transcript.segments)


class Forgetful(Parrot):
    """A backend that turns out to give text alone, as a server that ignores the wish for times."""

    timed_pieces = 0

    def transcribe(self, piece: Piece, *, language: str | None) -> Echo:
        """Begin; from some piece on there are no times."""
        if len(self.asked) >= self.timed_pieces:
            self.capability = replace(self.capability, timestamps="none")
        return super().transcribe(piece, language=language)


@pytest.mark.parametrize(("planned", "timed_pieces"), [(Capability("segment"), 0), (SHORT_PIECES, 2)])
def test_pieces_are_planned_anew_once_there_are_no_times(
    talk: Sound, tmp_path: Path, planned: Capability, timed_pieces: int
) -> None:
    """What comes is what a backend without times gives: short pieces, none of the long ones among them."""
    expected = transcribe_audio(talk, Parrot(replace(planned, timestamps="none")), keep=KeptPieces(tmp_path / "known"))
    backend = Forgetful(planned)
    backend.timed_pieces = timed_pieces
    transcript = transcribe_audio(talk, backend, keep=KeptPieces(tmp_path / "found"))
    assert transcript == expected
    assert transcript.timestamps == "piece"
    assert [start for start, _ in backend.asked].count(0.0) <= 2


def test_a_run_begun_again_plans_for_text_alone_too(talk: Sound, tmp_path: Path) -> None:
    """Another process does not know yet that there are no times; it goes on where the first one ended."""
    keep = KeptPieces(tmp_path)
    expected = transcribe_audio(talk, Forgetful(), keep=keep)
    max(tmp_path.glob("piece-*")).unlink()
    fresh = Parrot()
    assert transcribe_audio(talk, fresh, keep=keep) == expected
    assert len(fresh.asked) == 1


def test_a_short_audio_is_asked_for_once_though_there_are_no_times(tmp_path: Path) -> None:
    """Its one piece is short enough either way."""
    backend = Forgetful()
    transcript = transcribe_audio(Sound(a_clip("robots")), backend, keep=KeptPieces(tmp_path))
    assert transcript.timestamps == "piece"
    assert len(backend.asked) == 1


def test_times_of_parts_of_a_piece_stay(talk: Sound, tmp_path: Path) -> None:
    """A backend without times that cut a piece itself knows more closely where each text belongs."""
    transcript = transcribe_audio(talk, Parrot(Capability("none")), keep=KeptPieces(tmp_path))
    assert all(segment.text == f"at {segment.start:.1f}" for segment in transcript.segments)


def test_text_with_no_time_at_all_lies_over_the_speech_of_its_piece(tmp_path: Path) -> None:
    """From the first word to the last."""
    sound = Sound(np.concatenate([silence(5), a_clip("robots"), silence(5)]))
    timed = transcribe_audio(sound, Parrot(), keep=KeptPieces(tmp_path / "timed"))
    (segment,) = transcribe_audio(sound, Mute(Capability("none")), keep=KeptPieces(tmp_path / "mute")).segments
    assert (segment.start, segment.end) == (timed.segments[0].start, timed.segments[-1].end)


class Mute(Parrot):
    """A backend whose only segment has no times."""

    def transcribe(self, piece: Piece, *, language: str | None) -> Echo:
        """Begin."""
        del language
        return Echo(self, replace(piece, speech=(Speech(0.0, 0.0),)))


def test_voices_are_found_alike_in_windows_and_at_once(tmp_path: Path) -> None:
    """Speech over the seam of two windows is one stretch, as long as a detector that hears all at once has it."""
    clip = a_clip("robots")
    before = silence(300 - len(clip) / SAMPLE_RATE / 2)
    sound = Sound(np.concatenate([before, clip, silence(20)]))
    transcript = transcribe_audio(sound, Parrot(SHORT_PIECES), keep=KeptPieces(tmp_path))
    alone = transcribe_audio(Sound(np.concatenate([silence(20), clip, silence(20)])), Parrot(SHORT_PIECES),
                             keep=KeptPieces(tmp_path / "alone"))  # fmt: skip
    assert transcript.speech_seconds == pytest.approx(alone.speech_seconds, abs=0.3)
