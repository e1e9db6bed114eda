"""Which offsets a replay may read, from what the ledger says was loaded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.batch import OffsetRange
from spark_jobs.loaded import LoadedRange, count_at_least, keep_latest, plan_replay_ranges, take_ranges


def test_neighbours_are_one_range_and_gaps_stay_gaps() -> None:
    """Batches end where they happen to end; what an operator gave up was never loaded."""
    loaded = [LoadedRange(0, 5, 10), LoadedRange(0, 10, 12), LoadedRange(0, 20, 30), LoadedRange(1, 0, 4)]
    assert plan_replay_ranges(loaded, {0: 30, 1: 4}, {0: 0, 1: 0}, None) == [
        OffsetRange(0, 5, 12),
        OffsetRange(0, 20, 30),
        OffsetRange(1, 0, 4),
    ]


def test_bounds_are_kept() -> None:
    """From the offset of each partition asked for, up to the bound, and never beyond a position."""
    loaded = [LoadedRange(0, 0, 10), LoadedRange(1, 0, 10), LoadedRange(2, 0, 10)]
    assert plan_replay_ranges(loaded, {0: 8, 1: 10, 2: 10}, {0: 3, 1: 6}, 9) == [
        OffsetRange(0, 3, 8),
        OffsetRange(1, 6, 9),
    ]


def test_of_offsets_loaded_twice_the_later_load_counts() -> None:
    """A position that was set back is loaded over: what the earlier batch had of it is cut off."""
    loaded = [LoadedRange(0, 0, 10), LoadedRange(0, 4, 7), LoadedRange(1, 0, 9)]
    assert keep_latest(loaded) == [LoadedRange(0, 0, 4), LoadedRange(0, 4, 7), LoadedRange(1, 0, 9)]
    assert keep_latest([LoadedRange(0, 5, 10), LoadedRange(0, 2, 20)]) == [LoadedRange(0, 2, 20)]


def test_a_range_holds_all_but_what_was_skipped() -> None:
    """A part of a range with offsets that held nothing may hold as many fewer."""
    loaded = [LoadedRange(0, 0, 10, skipped=3), LoadedRange(0, 10, 20), LoadedRange(1, 0, 50)]
    assert count_at_least(loaded, OffsetRange(0, 0, 20)) == 17
    assert count_at_least(loaded, OffsetRange(0, 8, 12)) == 2
    assert count_at_least(loaded, OffsetRange(0, 12, 15)) == 3


ranges = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(1, 20)), max_size=8)


@given(found=ranges, max_messages=st.integers(1, 30))
def test_batches_take_every_offset_once(found: list[tuple[int, int, int]], max_messages: int) -> None:
    """However many ranges a partition has, each batch takes one of it, and together they take all."""
    begins: dict[int, int] = {}
    waiting = []
    for partition, gap, length in sorted(found):
        begin = begins.get(partition, 0) + gap
        begins[partition] = begin + length
        waiting.append(OffsetRange(partition, begin, begin + length))
    wanted = {(each.partition, offset) for each in waiting for offset in range(each.from_offset, each.until_offset)}
    taken: list[tuple[int, int]] = []
    while waiting:
        batch, waiting = take_ranges(waiting, max_messages)
        assert len({each.partition for each in batch}) == len(batch) > 0
        assert sum(each.offsets for each in batch) <= max_messages
        taken += [(each.partition, offset) for each in batch for offset in range(each.from_offset, each.until_offset)]
    assert sorted(taken) == sorted(wanted)
