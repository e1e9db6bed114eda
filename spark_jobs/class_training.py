"""The run that a class archive is made from: `python -m spark_jobs.class_training JAVA_OPTION...`.

It starts Spark as a load does and does a little of all that loads do; Java writes the archive as it ends.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.bronze import append_to_bronze
from spark_jobs.lake import count_messages, read_lake
from spark_jobs.messages import number_ranges
from spark_jobs.raw_messages import RAW_SCHEMA, SPARK_COLUMNS
from spark_jobs.session import build_session
from spark_jobs.topic_state import TopicIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import SparkSession

_SECONDS_TO_END = 300
_BATCH = Batch(1, "training", "id", "load", (OffsetRange(0, 0, 1), OffsetRange(1, 0, 1)))
_MESSAGE = (0, 0, None, b"", b"{}", None)


def main() -> None:
    """Start Spark with these options for its JVM, work, and wait until Java has ended."""
    with tempfile.TemporaryDirectory() as folder:
        spark = build_session("local[2]", Path(folder, "spark.log"), java_options=sys.argv[1:])
        gateway: Any = spark.sparkContext._gateway  # noqa: SLF001  (PySpark offers no way to wait for its JVM)
        train(spark, folder)
        spark.stop()
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(_SECONDS_TO_END)


def train(spark: SparkSession, folder: str) -> None:
    """Write a lake of two messages, and read it."""
    append_to_bronze(number_ranges(spark, _BATCH).mapInArrow(_one_message, SPARK_COLUMNS), _BATCH, folder)
    count_messages(read_lake(spark, TopicIdentity("training", "", "id"), _BATCH.ranges, folder))


def _one_message(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        columns = [pa.array([value], kind) for value, kind in zip(_MESSAGE, RAW_SCHEMA.types, strict=True)]
        yield from [pa.RecordBatch.from_arrays(columns, schema=RAW_SCHEMA)] * batch.num_rows


if __name__ == "__main__":
    main()
