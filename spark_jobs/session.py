"""The Spark session: the only place for Spark's options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from trendscript.local.jars import spark_jars
from trendscript.local.java import java_home

if TYPE_CHECKING:
    from collections.abc import Callable

_OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # A table's log is small here; the default of 50 partitions makes each append two seconds slower.
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "5000",
    # Arrow's text columns hold 2 GiB at most, and 5,000 messages of 8 MiB would be past that.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 * 1024 * 1024),
    "spark.sql.redaction.options.regex": "(?i)url|secret|password|jaas|token|key",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def build_session(master: str, on_progress: Callable[[str], None] = lambda _: None) -> SparkSession:
    """Start Spark, or take the session that spark-submit has made, with the options the job relies on.

    Started from here it finds Java and the jars itself; spark-submit has its own ways to name them.
    """
    builder = SparkSession.Builder().appName("trendscript load")
    for name, value in _OPTIONS.items():
        builder = builder.config(name, value)
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = _launched_here(builder, master, on_progress)
    return builder.getOrCreate()


def _launched_here(
    builder: SparkSession.Builder, master: str, on_progress: Callable[[str], None]
) -> SparkSession.Builder:
    os.environ["JAVA_HOME"] = str(java_home())
    builder = builder.master(master).config("spark.jars", ",".join(str(jar) for jar in spark_jars(on_progress)))
    quiet = Path(__file__).parent / "log4j2.properties"
    builder = builder.config("spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={quiet.as_uri()}")
    if master.startswith("local"):
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    return builder
