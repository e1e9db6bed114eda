"""The run that a class archive is made from: `python -m spark_jobs.class_training JAVA_OPTION...`.

It starts Spark as a load does and does a little of all that loads do; Java writes the archive as it ends.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.bronze import append_to_bronze
from spark_jobs.lake import count_messages, read_lake
from spark_jobs.messages import read_messages
from spark_jobs.session import build_session
from spark_jobs.topic_state import TopicIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa
    from pyspark.sql import SparkSession

_NOBODY = "127.0.0.1:9"
_SECONDS_TO_END = 300
_BATCH = Batch(1, "training", "id", "load", (OffsetRange(0, 0, 1), OffsetRange(1, 0, 1)))
_MESSAGES = (
    "partition int, offset bigint, timestamp timestamp, key binary, value binary, "
    "headers array<struct<key: string, value: binary>>"
)


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
    """Prepare to read a topic where nobody answers, and write and read a lake of one message."""
    read_messages(spark, _BATCH, _NOBODY, None)
    _make_consumer(spark)
    messages = spark.createDataFrame([(0, 0, None, b"", b"{}", None)], _MESSAGES)
    append_to_bronze(messages.mapInArrow(_pass_on, _MESSAGES), _BATCH, folder)
    count_messages(read_lake(spark, TopicIdentity("training", "", "id"), _BATCH.ranges, folder))


def _make_consumer(spark: SparkSession) -> None:
    """What reads from Kafka in Spark's tasks, to which no task comes without brokers."""
    java: Any = spark.sparkContext._jvm  # noqa: SLF001  (PySpark offers no other way to its JVM)
    settings = java.java.util.Properties()
    settings.put("bootstrap.servers", _NOBODY)
    for kind in ("key", "value"):
        settings.put(f"{kind}.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer")
    consumer = java.org.apache.kafka.clients.consumer.KafkaConsumer(settings)
    consumer.assign([java.org.apache.kafka.common.TopicPartition("training", 0)])
    consumer.poll(java.java.time.Duration.ofMillis(200))
    consumer.close()


def _pass_on(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches


if __name__ == "__main__":
    main()
