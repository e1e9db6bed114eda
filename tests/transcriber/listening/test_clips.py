"""Clips: a model is given speech alone, and its times are those of the piece again."""

from __future__ import annotations

import numpy as np
import pytest

from transcriber.backends.backend import SAMPLE_RATE, Piece, Speech
from transcriber.backends.clips import keep_speech


def a_piece(seconds: float, *speech: tuple[float, float]) -> Piece:
    """A piece whose samples count up, so that what is kept of them can be told."""
    samples = np.arange(round(seconds * SAMPLE_RATE), dtype=np.float32)
    return Piece(0.0, samples, tuple(Speech(*part) for part in speech))


def test_short_pauses_stay_and_long_ones_go() -> None:
    """Between 10 and 20 a second's pause stays, 20 to 100 goes, and 0.4 s are left around speech."""
    clips = keep_speech(a_piece(120, (10, 14), (15, 20), (100, 110)))
    assert len(clips.samples) == round((10.8 + 10.8) * SAMPLE_RATE)
    assert clips.samples[0] == round(9.6 * SAMPLE_RATE)
    assert clips.samples[-1] == round(110.4 * SAMPLE_RATE) - 1


def test_nobody_speaks() -> None:
    """Then there is nothing to give a model."""
    assert len(keep_speech(a_piece(10)).samples) == 0


def test_speech_from_end_to_end_is_not_copied() -> None:
    """Five minutes of samples are 19 MB."""
    piece = a_piece(10, (0.1, 9.9))
    assert keep_speech(piece).samples is piece.samples


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ((0.4, 5.0), (10.0, 14.6)),  # within the first clip, which begins at 9.6 s
        ((11.0, 15.0), (99.8, 103.8)),  # within the second, which begins at 99.6 s
        ((8.0, 10.8), (17.6, 20.4)),  # to the end of the first
        ((8.0, 11.1), (17.6, 20.4)),  # into the sound before the second's speech: it does not leap there
        ((10.6, 15.0), (99.6, 103.8)),  # from the sound after the first's speech: it begins with the second
        ((8.0, 13.0), (17.6, 101.8)),  # really in both
        ((21.5, 30.0), (110.3, 110.4)),  # past the end
        ((30.0, 30.0), (110.4, 110.4)),  # wholly past it
    ],
)
def test_times_are_those_of_the_piece(heard: tuple[float, float], expected: tuple[float, float]) -> None:
    """Two clips, 9.6 to 20.4 s and 99.6 to 110.4 s, laid end to end."""
    clips = keep_speech(a_piece(120, (10, 20), (100, 110)))
    assert clips.to_piece_times(*heard) == pytest.approx(expected)
