"""Typed rows as a DataFrame, and as Delta tables beside bronze."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chispa import assert_df_equality

from spark_jobs.lease import LeaseLost
from spark_jobs.silver import append_to_silver, parse_messages, silver_path, spark_schema
from tests.spark_jobs.intruder import steal_lease
from tests.spark_jobs.test_load import AT, a_chart_message, a_video_id

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tests.spark_jobs.conftest import Loading

_RAW = (
    "partition int, offset bigint, timestamp timestamp, key binary, value binary, "
    "headers array<struct<key: string, value: binary>>"
)


def test_parse_messages_gives_the_rows_of_one_table(loading: Loading) -> None:
    """Accepted messages become typed rows with their place, refused ones none."""
    good = b'{"source":"s","captured_at":"%s","region_code":"FR","category_id":"0","size":0,"item":null}' % AT.encode()
    messages = loading.job.spark.createDataFrame(
        [(1, 10, None, None, good, None), (1, 11, None, None, b"{broken", None)], _RAW
    )
    table = loading.contract.table("chart_reading")

    parsed = parse_messages(messages, loading.contract, table)

    expected = loading.job.spark.sql(
        f"select 'FR' region_code, '0' category_id, timestamp '{AT}' captured_at, 0L size, 's' source, "
        "1 source_partition, 10L source_offset"
    )
    assert_df_equality(parsed.drop("row_digest"), expected, ignore_nullable=True)
    assert parsed.schema.simpleString() == f"struct<{spark_schema(table).replace('`', '').replace(' ', ':')}>".replace(
        ",:", ","
    )


def _silver(loading: Loading, table: str) -> DataFrame:
    path = silver_path(str(loading.job.lake), loading.contract, loading.contract.table(table))
    return loading.job.spark.read.format("delta").load(path)


def test_silver_makes_up_what_it_lacks_and_never_doubles(loading: Loading) -> None:
    """Two batches that silver missed are appended once; another call adds nothing."""
    loading.publish(a_chart_message(a_video_id(1)), b"{broken")
    loading.load()
    loading.publish(a_chart_message(a_video_id(2), captured_at="2026-03-02T10:00:00Z"))
    loading.load()

    for _ in range(2):
        append_to_silver(loading.job.spark, loading.contract, str(loading.job.lake), lambda: None)

    found = _silver(loading, "chart_entry").select("video_id").sort("video_id").collect()
    assert [row["video_id"] for row in found] == [a_video_id(1), a_video_id(2)]
    assert _silver(loading, "video").count() == 2


def test_a_silver_table_of_before_keeps_text_out_of_its_log_from_now_on(loading: Loading) -> None:
    """Delta's log would keep a column's least and greatest value for longer than a purge may."""
    loading.publish(a_chart_message(a_video_id(1), title="a title of before"))
    loading.load(silver=True)
    path = silver_path(str(loading.job.lake), loading.contract, loading.contract.table("video"))
    loading.job.spark.sql(f"alter table delta.`{path}` unset tblproperties ('delta.dataSkippingStatsColumns')")
    loading.publish(a_chart_message(a_video_id(2), title="a title from now on"))
    loading.load(silver=True)
    newest = max(Path(path).glob("_delta_log/*.json")).read_text(encoding="utf-8")
    assert "maxValues" in newest
    assert "a title from now on" not in newest


def test_silver_is_left_alone_by_a_load_that_lost_its_topic(loading: Loading) -> None:
    """Whoever has the topic by then may be deleting files that no version needs; the next load makes it up."""
    loading.publish(a_chart_message(a_video_id(1)))
    with ExitStack() as held:

        def steal(topic: str, step: str) -> None:
            if step == "silver":
                steal_lease(loading.dsn, topic, held)

        with pytest.raises(LeaseLost):
            loading.load(silver=True, on_step=steal)
    assert not (Path(str(loading.job.lake)) / "silver").exists()
    loading.load(silver=True)
    assert _silver(loading, "video").count() == 1
