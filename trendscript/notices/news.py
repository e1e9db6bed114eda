"""News: the values that a notice is made of, and what a command that has ended knows about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from trendscript.errors import TrendscriptError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Kind: TypeAlias = Literal["failure", "quarantine", "number_one", "stale"]
Key: TypeAlias = tuple[Kind, str, str]
"""What a memory is about: its kind, its subject and a detail."""

KINDS: tuple[Kind, ...] = ("failure", "quarantine", "number_one", "stale")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that lasts: a failure of a command, by its name, or a region whose charts are old.

    `subject` is the command with what it was about, or the region; `code` is the exit code of a failure.
    """

    kind: Kind
    subject: str
    cause: str
    text: str
    code: int = 0

    @property
    def key(self) -> Key:
        """What it is remembered by."""
        return self.kind, self.subject, self.cause


@dataclass(frozen=True, slots=True)
class ToldTrouble:
    """A trouble to tell; `again` if it was told before and lasts."""

    trouble: Trouble
    since: datetime
    again: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """A trouble that was told, and is over."""

    kind: Kind
    subject: str
    causes: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Messages of a topic that batches of a kind refused: how many, and how many of them for which reason.

    `batch_id` is the newest of the batches, `run_ids` are the processes that planned them.
    """

    topic: str
    batch_kind: str
    count: int
    reasons: Mapping[str, int]
    batch_id: int
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberOne:
    """What stands first on a chart at its newest reading; `category` is None for the whole chart."""

    region_code: str
    category: str | None
    captured_at: datetime
    video_id: str
    title: str | None
    channel: str | None


@dataclass(frozen=True, slots=True)
class News:
    """All that is to be told in one message."""

    troubles: tuple[ToldTrouble, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    number_ones: tuple[NumberOne, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.troubles or self.recoveries or self.quarantined or self.number_ones)


@dataclass
class Outcome:
    """How a command fared: what failed, and what went well, each by a subject that begins with the command.

    What failed in part failed. `borne` are failures that may pass by themselves, and are told to nobody.
    """

    command: str
    failures: dict[str, Exception] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    borne: list[Exception] = field(default_factory=list)

    def note(self, about: str, failure: Exception | None) -> None:
        """What the command did about this (a topic, say; "" for all of it) failed, or went well if None is given."""
        subject = f"{self.command} {about}".rstrip()
        if failure is not None:
            self.failures[subject] = failure
            self.passed.discard(subject)
        elif subject not in self.failures:
            self.passed.add(subject)

    def note_end(self, failure: Exception | None) -> None:
        """The command has ended. A failure that was noted before is one topic's; the command as a whole got through."""
        known = any(failure is noted for noted in (*self.failures.values(), *self.borne))
        self.note("", None if known else failure)

    def troubles(self) -> list[Trouble]:
        """The failures as troubles."""
        return [to_trouble(subject, failure) for subject, failure in self.failures.items()]


def to_trouble(subject: str, failure: Exception) -> Trouble:
    """A failure by its name; of one from an executor, the name it had there. The words of a bug stay in the log."""
    name = getattr(failure, "fact", "") or type(failure).__name__
    if isinstance(failure, TrendscriptError) and failure.exit_code != TrendscriptError.exit_code:
        return Trouble("failure", subject, name, str(failure), failure.exit_code)
    return Trouble("failure", subject, name, "This is a bug: run it again with --debug, and report what it shows.", 1)
