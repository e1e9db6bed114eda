"""Bounds on quarantine, compared with a set of letters that really come and go; no server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.reconcile_ledger import AcceptedGap, CommittedRange, PurgedLetters, TopicLedger
from spark_jobs.reconcile_quarantine import Letter, compare_letters

END = 40


@dataclass
class Quarantine:
    """One partition's letters as loads, replays, retries and purges leave them, and what the ledger keeps of each."""

    position: int = 0
    batch: int = 0
    waiting: set[int] = field(default_factory=set)
    exact: bool = True
    ranges: list[CommittedRange] = field(default_factory=list)
    gaps: list[AcceptedGap] = field(default_factory=list)
    purged: list[PurgedLetters] = field(default_factory=list)

    def load(self, length: int, refused: set[int]) -> None:
        """Messages behind the position are read; some are refused."""
        begin, end = self.position, self.position + length
        self.position = end
        self._read("load", begin, end, refused, set())

    def replay(self, begin: int, end: int, refused: set[int], unread: set[int]) -> None:
        """Messages before the position are read again, but for those that are no longer there."""
        begin, end = sorted((begin % (self.position + 1), end % (self.position + 1)))
        if begin < end:
            self.exact = False
            self._read("replay", begin, end, refused, unread)

    def retry(self, begin: int, end: int, accepted: set[int]) -> None:
        """Letters between two offsets are tried again, and some are accepted."""
        tried = {offset for offset in self.waiting if begin <= offset < end}
        if tried:
            self.waiting -= tried & accepted
            counts = (len(tried), len(tried & accepted))
            self._append("retry", min(tried), max(tried) + 1, *counts)

    def purge(self, gone: set[int]) -> None:
        """Some letters are deleted."""
        taken = self.waiting & gone
        if taken:
            self.waiting -= taken
            self.purged.append(PurgedLetters("id", 0, min(taken), max(taken) + 1, len(taken), self.batch))

    def set_back(self, length: int) -> None:
        """The position goes back; letters from there on are set aside."""
        begin = max(0, self.position - length)
        self.gaps.append(AcceptedGap("id", 0, begin, self.position, backward=True, after_batch=self.batch))
        self.exact = False
        self.waiting = {offset for offset in self.waiting if offset < begin}
        self.position = begin

    def _read(self, kind: Any, begin: int, end: int, refused: set[int], unread: set[int]) -> None:
        read = set(range(begin, end)) - unread
        self.waiting = (self.waiting - read) | (refused & read)
        self._append(kind, begin, end, len(read), len(read - refused))

    def _append(self, kind: Any, begin: int, end: int, read: int, accepted: int) -> None:
        self.batch += 1
        skipped = end - begin - read
        self.ranges.append(
            CommittedRange(
                self.batch,
                kind,
                "id",
                0,
                begin,
                end,
                read,
                accepted,
                read - accepted,
                skipped,
                in_lake=False,
            )
        )

    def differences(self, waiting: set[int]) -> tuple[str, ...]:
        """What reconciling finds when these letters wait; each counts as refused by the batch that last read it."""
        ledger = TopicLedger(
            "charts", tuple(self.ranges), tuple(self.gaps), {("id", 0): self.position}, tuple(self.purged)
        )
        letters = [
            Letter("id", 0, offset, unclosed=True, batch_id=self._reader(offset), closed_by=None)
            for offset in sorted(waiting)
        ]
        return tuple(fault for one in compare_letters(ledger, letters) for fault in one.faults)

    def _reader(self, offset: int) -> int:
        return next(
            found.batch_id for found in reversed(self.ranges) if found.from_offset <= offset < found.until_offset
        )


offsets = st.sets(st.integers(0, END), max_size=12)
places = st.integers(0, END)
loads = st.tuples(st.just("load"), st.integers(1, 8), offsets)
happenings = st.lists(
    st.one_of(
        loads,
        st.tuples(st.just("retry"), places, places, offsets),
        st.tuples(st.just("purge"), offsets),
        st.tuples(st.just("replay"), places, places, offsets, offsets),
        st.tuples(st.just("set_back"), st.integers(1, 5)),
    ),
    max_size=10,
)


def a_quarantine(happened: list[tuple[Any, ...]]) -> Quarantine:
    """Loaded once, and then what happened."""
    quarantine = Quarantine()
    quarantine.load(8, {1, 2, 6})
    for name, *arguments in happened:
        getattr(quarantine, name)(*arguments)
    return quarantine


@given(happenings)
def test_what_really_waits_is_never_a_difference(happened: list[tuple[Any, ...]]) -> None:
    """Whatever was loaded, replayed in part, retried, purged or set back before."""
    quarantine = a_quarantine(happened)
    assert quarantine.differences(quarantine.waiting) == ()


@given(happenings, st.integers(0, END))
def test_one_letter_more_or_less_is_a_difference(happened: list[tuple[Any, ...]], at: int) -> None:
    """While nothing was replayed in part or set back: then the count is known exactly."""
    quarantine = a_quarantine([each for each in happened if each[0] not in ("replay", "set_back")])
    assert quarantine.exact
    waiting = sorted(quarantine.waiting)
    if waiting:
        assert quarantine.differences(quarantine.waiting - {waiting[at % len(waiting)]})
    assert quarantine.differences(quarantine.waiting | {at % quarantine.position} - quarantine.waiting) or (
        at % quarantine.position in quarantine.waiting
    )


def test_a_replay_of_all_leaves_an_exact_count() -> None:
    """It read every message again, so nothing of before counts."""
    quarantine = a_quarantine([("load", 6, {9, 12}), ("replay", 0, 14, {3, 12}, set())])
    assert quarantine.waiting == {3, 12}
    assert quarantine.differences({3, 12}) == ()
    assert quarantine.differences({3}) == (
        "charts, partition 0: offsets 0 to 13: 2 waiting in quarantine by the ledger, 1 there.",
    )
