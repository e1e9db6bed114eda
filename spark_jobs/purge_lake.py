"""Messages that are too old in the lake: bronze keeps nothing but their place, silver no row, and no file the bytes.

The place stays so that `reconcile` and a replay from the lake can tell a message that was purged from one that is
lost. A message is as old as it says it was captured; where it doesn't say, as its time in Kafka. Doing it again
finds nothing more to do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from delta.tables import DeltaTable
from pyspark.sql import functions as F  # noqa: N812  (the name every PySpark reader knows)

from spark_jobs.bronze import PURGED, bronze_path
from spark_jobs.lake import lake_failures
from spark_jobs.lake_files import read_size, vacuum
from spark_jobs.silver import silver_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import Column, DataFrame, SparkSession

    from spark_jobs.purge_tables import Doomed
    from trendscript.contracts.model import Contract

_CONTENT = ("key", "value", "headers")
_AT_ONCE = timedelta(0)


@dataclass(frozen=True, slots=True)
class PurgedLake:
    """Messages that bronze was emptied of, rows that left silver, and the bytes that the files are fewer by."""

    messages: int = 0
    silver_rows: int = 0
    freed_bytes: int = 0

    def to_json(self) -> dict[str, int]:
        """As the ledger keeps it."""
        return asdict(self)


def count_old_messages(spark: SparkSession, lake: str, contract: Contract, doomed: Doomed) -> int:
    """How many messages `purge_lake` would empty. Raises LakeBroken."""
    path = bronze_path(lake, contract.topic)
    with lake_failures(contract.topic):
        if not DeltaTable.isDeltaTable(spark, path):
            return 0
        return _find_old(spark.read.format("delta").load(path), doomed).count()


def purge_lake(
    spark: SparkSession, lake: str, contract: Contract, doomed: Doomed, check_ours: Callable[[], None]
) -> PurgedLake:
    """Empty a topic's old messages in bronze, delete their rows in silver, and the files that still held them.

    `check_ours` is asked before each step that changes a table, since Spark takes its time: it raises when the topic
    was lost, or anybody may be writing. Raises LakeBroken.
    """
    path = bronze_path(lake, contract.topic)
    with lake_failures(contract.topic):
        if not DeltaTable.isDeltaTable(spark, path):
            return PurgedLake()
        check_ours()
        messages = _empty_messages(spark, path, doomed)
        rows = freed = 0
        silver = [place for table in contract.tables if _is_table(spark, place := silver_path(lake, contract, table))]
        for place in silver:
            check_ours()
            rows += _delete_silver(spark, path, place)
        for place in (path, *silver):
            check_ours()
            freed += _free(spark, place)
        return PurgedLake(messages, rows, freed)


def _is_table(spark: SparkSession, path: str) -> bool:
    return bool(DeltaTable.isDeltaTable(spark, path))


def _find_old(bronze: DataFrame, doomed: Doomed) -> DataFrame:
    return bronze.filter(_is_old(doomed, has_mark=PURGED in bronze.columns))


def _is_old(doomed: Doomed, *, has_mark: bool) -> Column:
    message = F.col("value").cast("string")
    captured_at = F.upper(F.get_json_object(message, "$.captured_at")).try_cast("timestamp")
    old = F.coalesce(captured_at, F.col("timestamp")) < F.lit(doomed.before)
    if doomed.source is not None:
        old &= F.get_json_object(message, "$.source") == F.lit(doomed.source)
    return old & F.col(PURGED).isNull() if has_mark else old


def _empty_messages(spark: SparkSession, path: str, doomed: Doomed) -> int:
    bronze = spark.read.format("delta").load(path)
    found = _find_old(bronze, doomed).count()
    if not found:
        return 0
    if PURGED not in bronze.columns:
        spark.sql(f"alter table delta.`{path}` add columns ({PURGED} boolean)")
    nothing = {name: F.lit(None).cast(bronze.schema[name].dataType) for name in _CONTENT}
    DeltaTable.forPath(spark, path).update(_is_old(doomed, has_mark=True), {**nothing, PURGED: F.lit(True)})  # noqa: FBT003  (a value)
    return found


def _delete_silver(spark: SparkSession, bronze: str, path: str) -> int:
    """Delete the rows that came from messages which bronze was emptied of."""
    messages = spark.read.format("delta").load(bronze)
    if PURGED not in messages.columns:
        return 0
    place = {"topic_id": "topic_id", "partition": "source_partition", "offset": "source_offset", "batch_id": "batch_id"}
    purged = messages.filter(F.col(PURGED)).select(*place).distinct()
    same = [F.col(f"p.{theirs}") == F.col(f"s.{ours}") for theirs, ours in place.items()]
    before = spark.read.format("delta").load(path).count()
    (
        DeltaTable.forPath(spark, path)
        .alias("s")
        .merge(purged.alias("p"), same[0] & same[1] & same[2] & same[3])
        .whenMatchedDelete()
        .execute()
    )
    return before - spark.read.format("delta").load(path).count()


def _free(spark: SparkSession, path: str) -> int:
    before = read_size(spark, path)
    vacuum(spark, path, _AT_ONCE)
    return before.bytes - read_size(spark, path).bytes
