"""The command `trendscript` as an Airflow task: a command line goes in, small counts and Airflow's outcome come out.

Nothing of Trendscript is imported: Airflow has an environment of its own, and knows the command, its exit codes and
its `--json`. TRENDSCRIPT_BIN names the command where it isn't on PATH.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from airflow.sdk import Context

GRACE_SECONDS = 60.0
"""So long a command that was told to end may take, before it is killed with all that it started."""

_IN_VAIN = {2: "called wrongly", 65: "input refused", 78: "a person must decide"}
_LATER = {1: "a bug", 69: "a server can't be reached", 75: "try again later"}

SCHEDULE: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,  # one run reads what is there now and loads all that waits; older runs have nothing to add
    "max_active_runs": 1,
    "tags": ["trendscript"],
}
"""What all DAGs are made with."""

TRIES: dict[str, Any] = {
    "owner": "trendscript",
    "retries": 3,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
}
"""What all tasks are made with; each has its own `execution_timeout`."""


class CommandOperator(BaseOperator):
    """Runs a command; its report, made small by `to_result`, is what the task returns.

    `command` begins with the word `trendscript` and has `--json`. Each line of its standard error is a line of the
    task's log, as it comes; its report follows. Exit codes 2, 65 and 78 fail the task at once, others but those in
    `fine` let Airflow try again. `skip_because` skips the task and says why. `environment` is put over that of the
    worker, whose settings for Airflow itself the command doesn't get.
    """

    template_fields = ("command",)

    def __init__(
        self,
        *,
        command: str,
        to_result: Callable[[Any], dict[str, Any]],
        fine: Container[int] = (0,),
        skip_because: str | None = None,
        environment: Mapping[str, str] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.command = command
        self.to_result = to_result
        self.fine = fine
        self.skip_because = skip_because
        self.environment = dict(environment or {})
        self._running: Running | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the command to its end. Raises what Airflow tries again, fails or skips by."""
        del context
        if self.skip_because is not None:
            raise AirflowSkipException(self.skip_because)
        self._running = start(self.command, self.environment)
        ended = self._running.follow(self.log.info)
        if ended.out.strip():
            self.log.info(ended.out.strip())
        if ended.told_to_stop:
            raise AirflowException(f"`{self.command}` was told to end, and has; the next try goes on where it was.")
        if ended.code not in self.fine:
            raise to_failure(self.command, ended.code, ended.last_line)
        return self.to_result(json.loads(ended.out))

    def on_kill(self) -> None:
        """Pass it on: Airflow wants the task to end."""
        if self._running is not None:
            self._running.stop()


class Ended:
    """How a command ended."""

    def __init__(self, code: int, out: str, last_line: str, *, told_to_stop: bool) -> None:
        self.code, self.out, self.last_line, self.told_to_stop = code, out, last_line, told_to_stop


class Running:
    """A command at work, in a session of its own: what Airflow sends to the task's processes doesn't reach it twice."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `follow`; unlike a pipe it never fills up)
        self._told_to_stop = False
        self._process = subprocess.Popen(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def follow(self, on_line: Callable[[str], object]) -> Ended:
        """Give each line of standard error to `on_line`, until the command has ended.

        Whatever is raised meanwhile, as Airflow's time-out is, is raised when the command was told to end and has.
        """
        last_line = ""
        try:
            for line in self._lines():
                last_line = line
                on_line(line)
            code = self._process.wait()
        except BaseException:
            self.stop()
            for line in self._lines():
                on_line(line)
            self._process.wait()
            raise
        with self._out:
            self._out.seek(0)
            out = self._out.read().decode(errors="replace")
        return Ended(code, out, last_line, told_to_stop=self._told_to_stop)

    def _lines(self) -> Any:
        assert self._process.stderr is not None  # noqa: S101  (it is a pipe)
        return (stripped for line in self._process.stderr if (stripped := line.rstrip()))

    def stop(self) -> None:
        """Tell the command to end, once: a second signal would end it before it has tidied up."""
        if self._told_to_stop or self._process.poll() is not None:
            return
        self._told_to_stop = True
        self._process.send_signal(signal.SIGTERM)
        killer = threading.Timer(GRACE_SECONDS, self._kill)
        killer.daemon = True
        killer.start()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def start(command: str, environment: Mapping[str, str]) -> Running:
    """Start a command line. Raises AirflowFailException where there is no such program."""
    program = os.environ.get("TRENDSCRIPT_BIN") or "trendscript"
    theirs = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith("AIRFLOW")}
    try:
        return Running([program, *shlex.split(command)[1:]], theirs | environment)
    except OSError as error:
        raise AirflowFailException(
            f"{program} can't be run ({error.strerror}). Set TRENDSCRIPT_BIN to the path of the command `trendscript` "
            "in the environment of Airflow's workers."
        ) from error


def to_failure(command: str, code: int, last_line: str) -> AirflowException:
    """What the task ends with: AirflowFailException where trying again is in vain, by README's table of exit codes."""
    if code in _IN_VAIN:
        return AirflowFailException(f"`{command}` ended with {code}, {_IN_VAIN[code]}: {last_line}")
    meaning = _LATER.get(code, "killed by a signal" if code < 0 else "an unknown code")
    return AirflowException(f"`{command}` ended with {code}, {meaning}: {last_line}")


def pick(*names: str) -> Callable[[Any], dict[str, int]]:
    """A function that makes a report small: what stands under these names; of lists the sizes, of counts the sums."""
    return lambda report: {name: _measure(report[name]) for name in names}


def _measure(value: Any) -> int:
    if isinstance(value, dict):
        return sum(value.values())
    return len(value) if isinstance(value, list) else value


def count_messages(report: Any) -> dict[str, int]:
    """What became of the messages of a load, over all topics and batches."""
    found = [batch["messages"] for topic in report["topics"] for batch in topic["batches"]]
    return {name: sum(messages[name] for messages in found) for name in ("read", "accepted", "quarantined")}


def count_tables(report: Any) -> dict[str, int]:
    """How many tables of the lake were worked on."""
    return {"tables": sum(len(topic["tables"]) for topic in report["topics"])}


def count_purged(report: Any) -> dict[str, int]:
    """Rows that were deleted or emptied to stubs, and messages that left quarantine."""
    tables = [counts for topic in report["topics"] for counts in topic["tables"].values()]
    rows = {name: sum(counts[name] for counts in tables) for name in ("deleted", "emptied")}
    return {**rows, "dead_letters": sum(topic["dead_letters"] for topic in report["topics"])}


def check_fresh(report: Any) -> dict[str, Any]:
    """What `trendscript doctor` says of freshness. Raises AirflowException where that is anything but well."""
    for check in report["checks"]:
        if check["name"] == "freshness":
            if check["state"] != "ok":
                raise AirflowException(f"{check['found']} {check['mend']}".strip())
            return {"freshness": check["found"]}
    raise AirflowFailException("`trendscript doctor` says nothing of freshness. Is it another release than these DAGs?")
