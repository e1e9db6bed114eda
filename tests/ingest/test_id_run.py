"""Runs over ids: how they are parted."""

from __future__ import annotations

from ingest.id_run import lots


def test_ids_go_in_lots_of_fifty() -> None:
    """No lot is larger than one request takes, and none is lost."""
    ids = [str(number) for number in range(101)]
    assert [len(lot) for lot in lots(ids)] == [50, 50, 1]
    assert [item for lot in lots(ids) for item in lot] == ids
