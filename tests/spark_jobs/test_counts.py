"""Counts, and what happens when they don't add up."""

from __future__ import annotations

import pytest

from spark_jobs.counts import CountsDisagree, MessageCounts, TableCounts


def test_counts_of_ranges_add_up() -> None:
    """Field by field."""
    total = TableCounts(3, 1, 0, 2, 0, 0, 1, 2) + TableCounts(rows=5, inserted=1, updated=1, stale=1, duplicate=2)
    assert total == TableCounts(rows=8, inserted=2, updated=1, unchanged=2, stale=1, duplicate=2, deleted=1, stubs=2)
    assert MessageCounts(3, 2, 1, 0) + MessageCounts(1, 1, 0, 4) == MessageCounts(4, 3, 1, 4)


def test_every_row_has_one_outcome() -> None:
    """Deleted children and stubs are no rows of the range."""
    TableCounts(rows=5, inserted=1, updated=1, unchanged=1, stale=1, duplicate=1, deleted=9, stubs=9).check("made_up.t")


@pytest.mark.parametrize("counts", [TableCounts(rows=1), TableCounts(inserted=1), TableCounts(rows=1, deleted=1)])
def test_a_row_without_outcome_or_an_outcome_without_row_ends_the_transaction(counts: TableCounts) -> None:
    """The text names the table and all counts."""
    with pytest.raises(CountsDisagree, match=r"made_up\.t: \d rows were staged and \d have an outcome") as disagree:
        counts.check("made_up.t")
    assert disagree.value.exit_code == 78


def test_every_offset_has_one_outcome() -> None:
    """Accepted, quarantined, or without a visible message."""
    MessageCounts(read=3, accepted=2, quarantined=1, skipped=7).check(10)


@pytest.mark.parametrize(
    "counts",
    [
        MessageCounts(read=3, accepted=3, quarantined=1, skipped=7),
        MessageCounts(read=3, accepted=2, quarantined=1, skipped=6),
        MessageCounts(read=11, accepted=11, quarantined=0, skipped=-1),
    ],
)
def test_an_offset_without_outcome_ends_the_transaction(counts: MessageCounts) -> None:
    """Also more messages than the range has offsets."""
    with pytest.raises(CountsDisagree, match="10 offsets were planned"):
        counts.check(10)
