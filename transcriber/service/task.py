"""A task: a delivered request, and how far the work on it has got."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transcriber.service.brought import Answer, Brought
from trendscript.contracts.rows import Rejected

if TYPE_CHECKING:
    from transcriber.faults import ServiceFault
    from transcriber.service.consumer import Delivery
    from trendscript.transcription_requests import TranscriptionRequest

FAULTS_IN_DOUBT = 4
"""After so many faults that should pass, it is asked whether it is the video's: other videos are tried."""


@dataclass(eq=False, slots=True)
class Task:
    """A delivery being worked on. `dropped` is set where its partition went elsewhere.

    `faults` counts those of one kind, in a row, that may be this video's. What other videos came to since this one is
    in doubt: `others_fetched` says that the audio of one was fetched, `others_served` that one was transcribed. `tries`
    are those before its turn, to clear up another's doubt, that failed.
    """

    delivery: Delivery
    request: TranscriptionRequest | Rejected
    digest: str
    dropped: threading.Event = field(default_factory=threading.Event)
    bringing: bool = False
    brought: Brought | Answer | Exception | None = None
    begun: bool = False
    fault_kind: type[ServiceFault] | None = None
    faults: int = 0
    tries: int = 0
    others_fetched: bool = False
    others_served: bool = False

    @property
    def is_in_doubt(self) -> bool:
        """Whether this one alone may be at fault."""
        return self.faults >= FAULTS_IN_DOUBT and not self.is_settled

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do but to publish its answer."""
        return isinstance(self.brought, Answer) or (
            isinstance(self.brought, Brought) and self.brought.answer is not None
        )

    @property
    def place(self) -> tuple[int, int]:
        """Its partition and offset."""
        return self.delivery.partition, self.delivery.offset

    def note_fault(self, kind: type[ServiceFault]) -> None:
        """Count one more of a kind; what was known of another kind tells nothing of this."""
        if kind is not self.fault_kind:
            self.forget_faults()
        self.fault_kind = kind
        self.faults += 1

    def forget_faults(self) -> None:
        """The work got somewhere: what comes now is the first of what is left."""
        self.fault_kind, self.faults = None, 0
        self.others_fetched = self.others_served = False

    def is_apart_from(self, other: Task) -> bool:
        """Whether it is of another video, and still ours."""
        if self.dropped.is_set() or isinstance(self.request, Rejected) or isinstance(other.request, Rejected):
            return False
        return self.request.video_id != other.request.video_id

    def may_clear_up(self, held_up: Task) -> bool:
        """Whether work on it, whose audio is here, may tell that another's own fault is what holds that one up."""
        return isinstance(self.brought, Brought) and not self.is_settled and self.is_apart_from(held_up)

    def discard(self) -> None:
        """Delete what was brought for it."""
        if isinstance(self.brought, Brought):
            self.brought.discard()
        self.brought = None

    def take_back(self) -> None:
        """Have it brought anew."""
        self.discard()
        self.bringing = False
