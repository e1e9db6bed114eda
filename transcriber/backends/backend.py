"""What a backend is: the protocol that each of them keeps, and the record of what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import numpy.typing as npt

    from transcriber.speech import Language, Segment, Timestamps

SAMPLE_RATE = 16_000
"""Samples a second of all audio past decoding; one channel of float32 between -1 and 1."""


@dataclass(frozen=True, slots=True)
class Capability:
    """What a backend takes in one piece and what it gives back; None is no limit.

    `timestamps` is the closest it can give: "none" makes the work cut audio into pieces of about a minute,
    whose own times then stand for those of the text. `languages` are the only ones it knows.
    """

    timestamps: Timestamps
    max_piece_seconds: float | None = None
    max_piece_bytes: int | None = None
    languages: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch of a piece in which somebody speaks, by voice activity detection; seconds from the piece's start."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of audio small enough to be taken at once. `start` is where it begins in the whole audio."""

    start: float
    samples: npt.NDArray[np.float32]
    speech: tuple[Speech, ...]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / SAMPLE_RATE


class Backend(Protocol):
    """Turns pieces of audio into text. Deterministic as far as its model is: the same piece gives the same segments.

    `revision` tells editions of a model apart; `options` is all else that decides what comes out. Everything a
    backend raises is a VideoFault (this audio is refused) or a ServiceFault (nothing would be taken now).
    """

    name: str
    model: str
    revision: str
    options: Mapping[str, Any]
    capability: Capability

    def detect_language(self, piece: Piece) -> Language | None:
        """The language spoken in a piece; None where the backend tells it only with the text, or can't."""

    def transcribe(self, piece: Piece, *, language: str | None) -> PieceTranscript:
        """Begin with a piece: `language` is an ISO 639-1 code, or None to have it detected."""


class PieceTranscript(Protocol):
    """A piece being transcribed: iterating it does the work, segment by segment, with times from the piece's start.

    Work ends where iteration ends, so whoever iterates may stop between segments. `language` holds once iteration
    has ended.
    """

    language: Language | None

    def __iter__(self) -> Iterator[Segment]:
        """Segments in order."""
