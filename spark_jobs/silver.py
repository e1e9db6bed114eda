"""Silver: raw messages go in, typed rows of a contract's tables come out; as a DataFrame, and as Delta tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

from spark_jobs.bronze import bronze_path, has_bronze
from spark_jobs.enforce import Enforcer
from spark_jobs.load_range import split_by_partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame, Row, SparkSession

    from trendscript.contracts.model import Contract, Table

_SPARK_TYPES = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "timestamp": "timestamp",
    "date": "date",
    "array": "array<string>",
    "object": "string",
}
_STATISTICS = "delta.dataSkippingStatsColumns"
_COUNTED = "batch_id,source_partition,source_offset"
"""Columns whose least and greatest values Delta's log keeps. It keeps them for longer than a purge may: no text."""
_RAW_COLUMNS = ("partition", "offset", "timestamp", "key", "value", "headers")


def spark_schema(table: Table) -> str:
    """The Spark schema of a table's rows as DDL: the contract's columns, and the message each row came from."""
    columns = [f"`{column.name}` {_SPARK_TYPES[column.logical_type]}" for column in table.columns]
    return ", ".join([*columns, "row_digest binary", "source_partition int", "source_offset bigint"])


def parse_messages(messages: DataFrame, contract: Contract, table: Table) -> DataFrame:
    """Rows of one table, in the columns of `spark_schema`; messages that the contract refuses give none.

    `messages` has the columns that `read_messages` and bronze have.
    """
    return messages.select(*_RAW_COLUMNS).mapInArrow(_parser(contract, table), spark_schema(table))


def _parser(contract: Contract, table: Table) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def parse(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        enforcer = Enforcer(contract)
        for partition, pieces in split_by_partition(batches):
            for piece in pieces:
                rows = enforcer.enforce(piece).rows.get(table.name)
                if rows is not None:
                    yield _with_partition(rows, partition)

    return parse


def _with_partition(rows: pa.RecordBatch, partition: int) -> pa.RecordBatch:
    column = pa.array([partition] * rows.num_rows, pa.int32())
    return rows.append_column("source_partition", column).select(
        [*rows.schema.names[:-1], "source_partition", "source_offset"]
    )


def silver_path(lake: str, contract: Contract, table: Table) -> str:
    """Where a table's silver rows stand in the lake: apart for every topic that feeds it."""
    return f"{lake.rstrip('/')}/silver/{contract.topic}/{table.name}"


def append_to_silver(spark: SparkSession, contract: Contract, lake: str, check_ours: Callable[[], None]) -> None:
    """Append the rows of every bronze batch that silver lacks, batch by batch; a crash between is made up next time.

    Silver keeps every version that was accepted; the newest of a key is what Postgres has. A message that
    bronze holds twice, as after a database was restored, gives rows once. `check_ours` is asked before each batch, and
    raises when the topic was lost: whoever has it now may be deleting files that no version needs yet.
    """
    if not has_bronze(spark, lake, contract.topic):
        return
    bronze = spark.read.format("delta").load(bronze_path(lake, contract.topic))
    for table in contract.tables:
        path = silver_path(lake, contract, table)
        exists = DeltaTable.isDeltaTable(spark, path)
        last = _last_batch(spark, path) if exists else 0
        waiting = bronze.filter(F.col("batch_id") > last).select("batch_id", "topic_id").distinct().sort("batch_id")
        batches = waiting.collect()
        if batches and exists:
            check_ours()
            _keep_text_out_of_log(spark, path)
        for batch in batches:
            check_ours()
            rows = parse_messages(_new_messages(bronze, batch["batch_id"]), contract, table)
            _append_rows(rows, batch, f"{contract.topic}:silver:{table.name}", path)


def _new_messages(bronze: DataFrame, batch_id: int) -> DataFrame:
    """Messages of a batch that no earlier batch holds.

    The time tells a message from one that stood at its offset before Kafka was restored from an older copy.
    """
    place = ["topic_id", "partition", "offset", "timestamp"]
    earlier = bronze.filter(F.col("batch_id") < batch_id).select(*place)
    return bronze.filter(F.col("batch_id") == batch_id).dropDuplicates(place).join(earlier, place, how="left_anti")


def _append_rows(rows: DataFrame, batch: Row, transaction: str, path: str) -> None:
    (
        rows.withColumn("topic_id", F.lit(batch["topic_id"]))
        .withColumn("batch_id", F.lit(batch["batch_id"]).cast("bigint"))
        .write.format("delta")
        .mode("append")
        .option("txnAppId", transaction)
        .option("txnVersion", str(batch["batch_id"]))
        .option(_STATISTICS, _COUNTED)
        .save(path)
    )


def _keep_text_out_of_log(spark: SparkSession, path: str) -> None:
    """Have the log of a table that was made before this was so keep no text from now on; a new one is made that way."""
    table = f"delta.`{path}`"
    properties = {row["key"]: row["value"] for row in spark.sql(f"show tblproperties {table}").collect()}
    if properties.get(_STATISTICS) != _COUNTED:
        spark.sql(f"alter table {table} set tblproperties ('{_STATISTICS}' = '{_COUNTED}')")


def _last_batch(spark: SparkSession, path: str) -> int:
    """The newest bronze batch whose rows are in silver; 0 when there are none."""
    newest = spark.read.format("delta").load(path).agg(F.max("batch_id")).first()
    return int(newest[0] or 0) if newest else 0
