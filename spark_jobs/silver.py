"""Silver: raw messages go in, typed rows of a contract's tables come out; as a DataFrame, and as Delta tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
from delta.tables import DeltaTable
from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

from spark_jobs.bronze import bronze_path
from spark_jobs.enforce import Enforcer
from spark_jobs.load_range import split_by_partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

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


def append_to_silver(spark: SparkSession, contract: Contract, lake: str) -> None:
    """Append the rows of every bronze batch that silver lacks, table by table; a crash between is made up next time.

    Silver keeps every version that was accepted; the newest of a key is what Postgres has.
    """
    if not DeltaTable.isDeltaTable(spark, bronze_path(lake, contract.topic)):
        return
    bronze = spark.read.format("delta").load(bronze_path(lake, contract.topic))
    for table in contract.tables:
        _append_table(spark, bronze, contract, table, silver_path(lake, contract, table))


def _append_table(spark: SparkSession, bronze: DataFrame, contract: Contract, table: Table, path: str) -> None:
    last = _last_batch(spark, path)
    newest = bronze.agg(F.max("batch_id")).first()
    if newest is None or newest[0] is None or newest[0] <= last:
        return
    waiting = bronze.filter(F.col("batch_id") > last).dropDuplicates(["topic_id", "partition", "offset"])
    (
        parse_messages(waiting, contract, table)
        .withColumn("batch_id", F.lit(newest[0]).cast("bigint"))
        .write.format("delta")
        .mode("append")
        .option("txnAppId", f"{contract.topic}:silver:{table.name}")
        .option("txnVersion", str(newest[0]))
        .save(path)
    )


def _last_batch(spark: SparkSession, path: str) -> int:
    """The newest bronze batch whose rows are in silver; 0 when there are none."""
    if not DeltaTable.isDeltaTable(spark, path):
        return 0
    newest = spark.read.format("delta").load(path).agg(F.max("batch_id")).first()
    return int(newest[0] or 0) if newest else 0
