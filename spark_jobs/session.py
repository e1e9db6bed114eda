"""The Spark session: the only place for Spark's options."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from spark_jobs.class_archive import empty_conf, find_class_archive, to_java_options
from spark_jobs.failures import SparkDied
from trendscript.local.jars import spark_jars
from trendscript.local.java import find_java, home_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trendscript.local.java import Java

_OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # A table's log is small here; the default of 50 partitions makes each append two seconds slower.
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.shuffle.partitions": "2",
    # A vacuum lists a table's folders in so many tasks, be they as few as they are; the default is 10,000.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "5000",
    # Arrow's text columns hold 2 GiB at most, and 5,000 messages of 8 MiB would be past that.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 * 1024 * 1024),
    "spark.sql.redaction.options.regex": "(?i)url|secret|password|jaas|token|key",
    "spark.ui.enabled": "false",
    # Kept for a page that nobody is shown; a process that goes on for weeks has no use for the last thousand.
    "spark.ui.retainedJobs": "20",
    "spark.ui.retainedStages": "20",
    "spark.ui.retainedTasks": "200",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.ui.showConsoleProgress": "false",
}


def build_session(
    master: str,
    log_file: Path | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
    *,
    java_options: Sequence[str] | None = None,
) -> SparkSession:
    """Start Spark, or take the session that spark-submit has made, with the options the job relies on.

    Started from here it finds Java and the jars itself, and what the Java side has to say goes to
    `log_file`; spark-submit has its own ways for all three. `java_options` stand for those of the class archive.
    """
    builder = SparkSession.Builder().appName("trendscript load")
    for name, value in _OPTIONS.items():
        builder = builder.config(name, value)
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        return builder.getOrCreate()
    builder = _launched_here(builder, master, java_options, on_progress)
    with _output_into(log_file):
        return builder.getOrCreate()


def check_alive(spark: SparkSession) -> None:
    """Raises SparkDied when the session's Java side doesn't answer, or has been stopped."""
    try:
        _ = spark.sparkContext.defaultParallelism
    except (Py4JError, OSError) as error:
        raise SparkDied from error


def check_started_alive() -> None:
    """Raises SparkDied when this process has started Spark and its Java side doesn't answer any more."""
    try:
        session = SparkSession.getActiveSession()
    except (Py4JError, OSError) as error:
        raise SparkDied from error
    if session is not None:
        check_alive(session)


def _launched_here(
    builder: SparkSession.Builder, master: str, java_options: Sequence[str] | None, on_progress: Callable[[str], None]
) -> SparkSession.Builder:
    java = find_java()
    os.environ["JAVA_HOME"] = str(home_of(java))
    # Spark would start the `python3` of the PATH, which need not be this environment's.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = builder.master(master)
    options = [f"-Dlog4j2.configurationFile={(Path(__file__).parent / 'log4j2.properties').as_uri()}"]
    jars = [str(jar) for jar in spark_jars(on_progress)]
    if master.startswith("local"):
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
        archived = _use_class_archive(java)
        options += archived if java_options is None else java_options
        # Not "spark.jars": an archive holds classes of the class path alone.
        builder = builder.config("spark.driver.extraClassPath", os.pathsep.join(jars))
    else:
        builder = builder.config("spark.jars", ",".join(jars))
    return builder.config("spark.driver.extraJavaOptions", to_java_options(options))


def _use_class_archive(java: Java) -> list[str]:
    """Java's options for a quicker start, if that was prepared."""
    archive = find_class_archive(java)
    if archive is None:
        return []
    empty_conf().mkdir(parents=True, exist_ok=True)
    os.environ["SPARK_CONF_DIR"] = str(empty_conf())
    return archive.options


@contextmanager
def _output_into(log_file: Path | None) -> Iterator[None]:
    """Let processes started in the block inherit a standard output and error that are the file; this one keeps its own.

    Delta says on standard output what a vacuum deleted, where a command's JSON goes.
    """
    if log_file is None:
        yield
        return
    log_file.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {stream: os.dup(stream) for stream in (1, 2)}
    try:
        with log_file.open("ab") as log:
            for stream in kept:
                os.dup2(log.fileno(), stream)
        yield
    finally:
        for stream, own in kept.items():
            os.dup2(own, stream)
            os.close(own)
