"""Reconciling a real Delta lake with the ledger of the loads that filled it, whole and damaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from delta.tables import DeltaTable

from spark_jobs.bronze import bronze_path
from spark_jobs.lake import LakeBroken
from spark_jobs.reconcile import reconcile
from tests.spark_jobs.quarantined import Killed, kill_at
from tests.spark_jobs.test_load import a_chart_message, a_video_id

if TYPE_CHECKING:
    from spark_jobs.reconciliation import Reconciliation
    from tests.spark_jobs.conftest import Loading


def compare(loading: Loading) -> Reconciliation:
    """All comparisons, those with the lake too."""
    return reconcile(loading.job.dsn, lake=str(loading.job.lake), open_spark=lambda: loading.job.spark)


def in_the_lake(found: Reconciliation) -> list[tuple[int | None, int, int]]:
    """Partition, messages by the ledger, messages there."""
    return [(one.partition, one.ledger, one.found) for one in found.comparisons if one.what == "messages in the lake"]


def publish(loading: Loading, first: int, last: int) -> None:
    """Send messages of one partition, two of them broken."""
    loading.publish(*(a_chart_message(a_video_id(number)) for number in range(first, last)), b"{", None, key=b"same")


def files_of(loading: Loading) -> list[Path]:
    """Parquet files of the topic's bronze table."""
    return sorted(Path(bronze_path(str(loading.job.lake), loading.topic)).glob("*.parquet"))


def test_a_lake_that_holds_everything_agrees(loading: Loading) -> None:
    """Also beside a batch that is under way, which the lake may hold and the ledger not yet."""
    publish(loading, 0, 5)
    loading.load(max_messages=4)
    publish(loading, 5, 8)
    with pytest.raises(Killed):
        loading.load(on_step=kill_at("load"))

    found = compare(loading)

    assert found.differences == ()
    assert [(ledger, there) for _, ledger, there in in_the_lake(found)] == [(7, 7)]
    assert "under way or was left unfinished" in found.notes[0]
    loading.load()
    assert [(ledger, there) for _, ledger, there in in_the_lake(compare(loading))] == [(12, 12)]


def test_messages_that_the_lake_lacks_or_holds_twice_are_found(loading: Loading) -> None:
    """Deleted by hand, or appended by hand under the same batch."""
    publish(loading, 0, 5)
    loading.load()
    path = bronze_path(str(loading.job.lake), loading.topic)
    rows = loading.job.spark.read.format("delta").load(path).filter("offset < 2").localCheckpoint()

    DeltaTable.forPath(loading.job.spark, path).delete("offset in (0, 4)")
    (lacking,) = compare(loading).differences
    assert lacking.endswith(": the lake lacks 2 of 7 messages that were loaded.")

    rows.write.format("delta").mode("append").save(path)
    (lacking, doubled) = compare(loading).differences
    assert lacking.endswith(": the lake lacks 1 of 7 messages that were loaded.")
    assert doubled.endswith(": the lake holds 1 messages more than once in a batch.")


def test_the_same_place_under_two_batches_is_no_difference(loading: Loading) -> None:
    """After a database was restored its loads come again, under a number of their own."""
    publish(loading, 0, 3)
    loading.load()
    path = bronze_path(str(loading.job.lake), loading.topic)
    again = (
        loading.job.spark.read.format("delta").load(path).selectExpr("* except (batch_id)", "batch_id + 1 as batch_id")
    )
    again.localCheckpoint().write.format("delta").mode("append").save(path)
    assert compare(loading).differences == ()


def test_loads_without_a_lake_are_not_looked_for_there(loading: Loading) -> None:
    """That is said, and no difference; where nothing went to the lake, Spark isn't asked for."""
    publish(loading, 0, 3)
    loading.load(lake=None)
    nowhere = reconcile(loading.job.dsn, lake=str(loading.job.lake), open_spark=lambda: pytest.fail("not needed"))
    assert nowhere.differences == ()
    publish(loading, 3, 4)
    loading.load()
    found = compare(loading)
    assert found.differences == ()
    assert found.notes == (
        f"{loading.topic}: 5 messages were loaded while the lake was off; it isn't searched for them.",
    )
    assert [there for _, _, there in in_the_lake(found)] == [3]


def test_a_file_that_is_missing_is_named(loading: Loading) -> None:
    """Reconciling says so beside what else it found; a replay that needs the file stops for a person."""
    publish(loading, 0, 3)
    loading.load()
    files_of(loading)[0].unlink()
    (broken,) = compare(loading).differences
    assert "a file of its table in the lake can't be read" in broken
    with pytest.raises(LakeBroken, match="Put the file back") as refused:
        loading.replay(source="lake")
    assert refused.value.exit_code == 78
    assert loading.query("select count(*) from pipeline.batch where kind = 'replay'") == [(0,)]


def test_a_file_that_goes_missing_during_a_replay_is_named(loading: Loading) -> None:
    """It isn't tried for ever; what was planned can be given up."""
    publish(loading, 0, 3)
    loading.load()
    with pytest.raises(Killed):
        loading.replay(source="lake", job={"on_step": kill_at("load")})
    for file in files_of(loading):
        file.write_bytes(b"no parquet")
    loading.job.spark.catalog.clearCache()
    with pytest.raises(LakeBroken):
        loading.load()
