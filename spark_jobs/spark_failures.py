"""Failures of Spark's work on a topic's lake: what Spark and Delta raise goes in, what may follow it comes out.

Everything that comes out leaves other topics their turn; what a batch's own job fails with is `run_batch`'s.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException, PythonException

from spark_jobs.failures import LoadInterrupted
from spark_jobs.lake import lake_failures
from spark_jobs.session import check_started_alive
from trendscript.errors import NeedsAPerson
from trendscript.kafka import BrokerRefused, ClientPropertiesRefused, RightMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

_PYTHON_ON_EXECUTOR = "org.apache.spark.api.python.PythonException"
"""What a write that failed names among its causes where a function of ours raised."""

_READING_FAILED = re.compile(
    r"\b(?P<kind>ReadingCutOff|BrokerRefused|RightMissing|ClientPropertiesRefused): (?P<said>[^\n]*)"
)
"""The last line of the traceback of a task that could not read from Kafka."""


class LakeRefused(NeedsAPerson):
    """Raised when Spark refuses work on a topic's lake, and would again: a table's columns are others, say."""

    def __init__(self, topic: str, said: str) -> None:
        self.topic, self.said = topic, said
        super().__init__(
            f"{topic}: Spark refuses this work on its tables in the lake: {said} What was committed is kept. A silver "
            "table whose columns the contract has changed can be deleted: the next load makes it anew from bronze."
        )


class TaskRefused(NeedsAPerson):
    """Raised when a task can't use the `client.properties` of the machine it runs on; the text says which and why."""


def is_bug(error: Exception) -> bool:
    """Whether a function of ours raised on an executor, and for no reason that Kafka gave it."""
    of_ours = isinstance(error, PythonException) or _PYTHON_ON_EXECUTOR in str(error)
    return of_ours and _READING_FAILED.search(str(error)) is None


def check_refused(error: Exception) -> None:
    """Raises BrokerRefused, RightMissing or TaskRefused, when that is what a task met."""
    found = _READING_FAILED.search(str(error))
    if found and found["kind"] == ClientPropertiesRefused.__name__:
        raise TaskRefused(found["said"]) from error
    if found and found["kind"] == RightMissing.__name__:
        raise RightMissing(found["said"]) from error
    if found and found["kind"] == BrokerRefused.__name__:
        raise BrokerRefused(found["said"]) from error


def say_what_failed(error: Exception) -> str:
    """What Spark's job failed with: why Kafka could not be read, or Spark's own first line."""
    found = _READING_FAILED.search(str(error))
    return found["said"] if found else str(error).strip().splitlines()[0]


@contextmanager
def spark_failures(topic: str) -> Iterator[None]:
    """Turn what Spark fails with into LoadInterrupted, when it may pass, or into what it is instead.

    That is LakeBroken, LakeRefused or SparkDied. A bug in what runs on executors goes through.
    """
    try:
        with lake_failures(topic):
            yield
    except PythonException:
        raise
    except AnalysisException as error:
        raise LakeRefused(topic, _first_words(error)) from error
    except (PySparkException, Py4JError, ConnectionError) as error:  # what PySpark can't classify stays Py4J's
        if _PYTHON_ON_EXECUTOR in str(error):
            raise
        check_started_alive()
        raise LoadInterrupted(
            f"{topic}: Spark's job failed ({_first_words(error)}); what was committed is kept; run it again."
        ) from error


def _first_words(error: Exception) -> str:
    """What is said, without the stack of the Java side; Py4J says in its first line only where it was."""
    return " ".join(line.strip() for line in str(error).strip().splitlines()[:2])
