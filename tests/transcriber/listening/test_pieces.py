"""Pieces: an audio is cut where people pause, and put together again without a word lost or doubled."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transcriber.listening.building import a_segment
from transcriber.backends.backend import Capability, Speech
from transcriber.listening.pieces import Limits, Stretch, join_segments, plan_pieces, to_limits, to_piece_times

LIMITS = Limits(earliest=60, longest=100, overlap=10)


def test_short_audio_is_one_piece() -> None:
    """Nothing is cut that fits."""
    assert plan_pieces(100, [Speech(0, 100)], LIMITS) == (Stretch(0, 100),)


def test_it_is_cut_in_the_middle_of_the_longest_pause_near_the_limit() -> None:
    """Of pauses at 30 (too early), 70 and 80 seconds, the longest that is late enough is taken."""
    speech = [Speech(0, 30), Speech(40, 70), Speech(71, 80), Speech(83, 150)]
    assert plan_pieces(150, speech, LIMITS) == (Stretch(0, 81.5), Stretch(81.5, 150))


def test_a_long_silence_is_cut_within_the_limit() -> None:
    """A pause longer than a piece is cut more than once, and each cut lies in it."""
    pieces = plan_pieces(500, [Speech(0, 50), Speech(450, 500)], LIMITS)
    assert all(piece.seconds <= 100 for piece in pieces)
    assert all(50 <= piece.end <= 450 for piece in pieces[:-1])


def test_where_nobody_pauses_pieces_share_some_seconds() -> None:
    """Two pieces both hear the sentence that lies over the cut."""
    pieces = plan_pieces(180, [Speech(0, 180)], LIMITS)
    assert pieces == (Stretch(0, 100), Stretch(90, 180))


def test_no_scrap_is_left_at_the_end() -> None:
    """A piece of a second would be heard without any context."""
    pieces = plan_pieces(101, [Speech(0, 101)], LIMITS)
    assert all(piece.seconds >= 10 for piece in pieces)


@given(
    seconds=st.floats(0.1, 2000),
    marks=st.lists(st.floats(0, 2000), max_size=60, unique=True),
    longest=st.floats(20, 300),
    timed=st.booleans(),
)
def test_pieces_cover_everything_and_none_is_too_long(
    *, seconds: float, marks: list[float], longest: float, timed: bool
) -> None:
    """Whatever is spoken where: from 0 on each goes on from the one before, and the last ends with the audio."""
    ordered = sorted(mark for mark in marks if mark <= seconds)
    speech = [Speech(a, b) for a, b in list(pairwise(ordered))[::2]]
    limits = to_limits(Capability("segment" if timed else "none", max_piece_seconds=longest))
    pieces = plan_pieces(seconds, speech, limits)
    assert (pieces[0].start, pieces[-1].end) == (0, seconds)
    assert all(a.start < b.start <= a.end < b.end for a, b in pairwise(pieces))
    assert max(piece.seconds for piece in pieces) <= limits.longest + 0.01


def test_a_backend_without_times_gets_about_a_minute() -> None:
    """Its text is placed only as closely as its pieces are short, and they never share what could not be told apart."""
    speech = [Speech(start + 0.5, start + 10) for start in range(0, 600, 10)]
    pieces = plan_pieces(600, speech, to_limits(Capability("none")))
    assert all(40 <= piece.seconds <= 90 for piece in pieces[:-1])
    assert all(a.end == b.start for a, b in pairwise(pieces))


def test_pieces_fit_a_backends_bytes() -> None:
    """25 MiB of plain samples are under 14 minutes; a tenth of that is less than our own five minutes."""
    assert to_limits(Capability("segment", max_piece_bytes=2_621_440)).longest == pytest.approx(79.9, abs=0.1)
    assert to_limits(Capability("segment", max_piece_bytes=26_214_400)).longest == 300


def test_speech_is_told_from_the_pieces_start() -> None:
    """What reaches over an end is cut off there; what lies outside is left out."""
    speech = [Speech(0, 12), Speech(15, 18), Speech(19, 30), Speech(40, 50)]
    assert to_piece_times(speech, Stretch(10, 20)) == (Speech(0, 2), Speech(5, 8), Speech(9, 10))


def test_a_sentence_that_both_pieces_heard_stands_once() -> None:
    """The left piece's last sentence is cut off, so is the right one's first; both heard "three" and "four" whole."""
    left = [(80, 88, "one"), (88, 92, "two"), (92, 95, "three"), (95, 98, "four"), (98, 100, "fi")]
    right = [(90, 92, "o"), (92.1, 95, "three"), (95, 98.1, "four"), (98, 104, "five")]
    heard = [[a_segment(*fields) for fields in piece] for piece in (left, right)]
    joined = join_segments([(Stretch(0, 100), heard[0]), (Stretch(90, 180), heard[1])])
    assert [segment.text for segment in joined] == ["one", "two", "three", "four", "five"]


def test_pieces_that_cut_sentences_elsewhere_are_joined_where_they_agree_best() -> None:
    """Nothing is doubled by more than the little by which their ends differ."""
    left = [a_segment(84, 91, "a b"), a_segment(91, 96.5, "c d"), a_segment(96.5, 100, "e")]
    right = [a_segment(90, 93, "c"), a_segment(93, 96.7, "d"), a_segment(96.7, 103, "e f")]
    joined = join_segments([(Stretch(0, 100), left), (Stretch(90, 180), right)])
    assert [segment.text for segment in joined] == ["a b", "c d", "e f"]


@pytest.mark.parametrize(
    ("left", "right", "texts"),
    [
        ([(240, 270, "a"), (270, 300, "b")], [(290, 300, "c"), (300, 310, "d")], ["a", "b", "d"]),
        ([(240, 275, "a"), (275, 300, "b")], [(290, 310, "c")], ["a", "b", "c"]),
        ([(240, 280, "a"), (280, 294, "b"), (294, 300, "c")], [(290, 296, "d"), (296, 310, "e")],
         ["a", "b", "d", "e"]),
        ([(0, 300, "a")], [(290, 590, "b")], ["a", "b"]),
    ],
)  # fmt: skip
def test_what_only_one_piece_heard_is_never_dropped(
    left: list[tuple[float, float, str]], right: list[tuple[float, float, str]], texts: list[str]
) -> None:
    """A sentence that reaches out of what is shared stays, though some seconds then stand twice."""
    heard = [
        (Stretch(0, 300), [a_segment(*fields) for fields in left]),
        (Stretch(290, 590), [a_segment(*fields) for fields in right]),
    ]
    assert [segment.text for segment in join_segments(heard)] == texts


def test_one_segment_a_piece_is_kept_of_every_piece() -> None:
    """Ten minutes without a pause from a server that gives no closer times: doubled at the seams, whole."""
    pieces = plan_pieces(640, [Speech(0, 640)], to_limits(Capability("segment")))
    heard = [(piece, [a_segment(piece.start, piece.end, str(number))]) for number, piece in enumerate(pieces)]
    assert len(pieces) > 2
    assert [segment.text for segment in join_segments(heard)] == [str(number) for number in range(len(pieces))]


def test_a_piece_that_heard_nothing_leaves_the_other_its_words() -> None:
    """One piece may be silent in what they share."""
    words = [a_segment(91, 95, "one"), a_segment(95, 99, "two")]
    assert [s.text for s in join_segments([(Stretch(0, 100), words), (Stretch(90, 180), [])])] == ["one", "two"]
    assert [s.text for s in join_segments([(Stretch(0, 100), []), (Stretch(90, 180), words)])] == ["one", "two"]


def test_pieces_cut_in_a_pause_are_laid_end_to_end() -> None:
    """Nothing is compared where nothing is shared."""
    heard = [(Stretch(0, 50), [a_segment(1, 49, "one")]), (Stretch(50, 90), [a_segment(51, 60, "two")])]
    assert [segment.text for segment in join_segments(heard)] == ["one", "two"]
