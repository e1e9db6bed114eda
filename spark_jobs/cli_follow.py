"""`load --follow`: settings go in, topics are loaded until a signal comes; what became of them comes out."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson
import structlog
import typer

from spark_jobs.cli_job import build_job, writer_dsn
from trendscript.notices.news import Outcome
from trendscript.notices.telling import telling_along
from trendscript.settings import read_settings
from trendscript.stopping import INTERRUPTED, StopSignals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spark_jobs.follow import Pace
    from spark_jobs.follow_status import FollowStatus
    from spark_jobs.job import LoadJob
    from spark_jobs.report import BatchReport
    from trendscript.contracts.model import Contract
    from trendscript.settings import Settings


_log = structlog.get_logger(__name__)

_PATIENT_TIMES = 5
"""So many attempts at a topic take about half a minute; what has passed by then is told to nobody."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where metrics are served."""

    host: str
    port: int


def to_pace(every_seconds: float | None, min_messages: int | None) -> Pace:
    """How often topics are loaded, by the options."""
    from spark_jobs.follow import Pace

    pace = Pace(min_messages=min_messages)
    return pace if every_seconds is None else replace(pace, every_seconds=every_seconds)


def run_follow(  # noqa: PLR0913  (how it loads, and who hears of it)
    settings: Settings,
    contracts: list[Contract],
    pace: Pace,
    outcome: Outcome,
    *,
    served: Served | None,
    as_json: bool,
) -> None:
    """Load until SIGTERM or Ctrl-C, then print what became of the topics, and raise the gravest failure still open.

    With `as_json`, each batch is a line of JSON when it is committed. A second signal ends the process at once.
    People are told on the way; how the topics fared in the end is noted in `outcome`.
    """
    from spark_jobs.display import Progress, print_totals
    from spark_jobs.follow import Follower
    from spark_jobs.follow_status import FollowStatus

    topics = [contract.topic for contract in contracts]
    signals = StopSignals(unwinding=False)  # PySpark waits for the job that was interrupted
    with Progress(quiet=True) as progress, ExitStack() as opened:
        # Turns are tried again by the follower, which meanwhile lets the other topics have theirs.
        job = replace(build_job(settings, topics, progress), attempts=1)
        status = FollowStatus(topics)
        if as_json:
            status.listen(_print_line)
        if served is not None:
            opened.enter_context(_serve(job, status, topics, served))
        opened.enter_context(telling_along(lambda: to_outcome(status)))
        # Only now: Spark takes Ctrl-C for itself when it starts.
        opened.enter_context(signals.caught())
        job = replace(job, on_step=lambda topic, step: progress.step(topic, _in_turn(step, signals)))
        follower = Follower(job, contracts, pace, status, lambda: progress.step("", _to_line(status)), renew=_renew)
        follower.follow(signals.stop)
    if not as_json:
        print_totals(status.totals())
    failure = status.gravest()
    note_topics(status, outcome)
    if failure is not None:
        raise failure
    if signals.interrupted:
        raise typer.Exit(INTERRUPTED)


def _renew(job: LoadJob) -> LoadJob:
    """The job with the address and the password of today: POSTGRES_PASSWORD_FILE may hold another one by now."""
    return replace(job, dsn=writer_dsn(read_settings()))


def to_outcome(status: FollowStatus) -> Outcome:
    """How the topics fare now."""
    outcome = Outcome("load")
    outcome.note_end(None)
    note_topics(status, outcome)
    return outcome


def note_topics(status: FollowStatus, outcome: Outcome) -> None:
    """Note how the topics fare. One that fails for a reason that may pass is given some attempts before."""
    for topic in status.loaded():
        outcome.note(topic, None)
    for topic, one in status.failing().items():
        if one.parked or one.times > _PATIENT_TIMES:
            outcome.note(topic, one.failure)
        else:
            outcome.borne.append(one.failure)


@contextmanager
def _serve(job: LoadJob, status: FollowStatus, topics: list[str], served: Served) -> Iterator[None]:
    """Serve metrics and health for the block. Raises MetricsPortTaken."""
    from spark_jobs.metrics import FollowCollector, LoadCollector
    from trendscript.metrics_server import serve_metrics

    collector = FollowCollector(LoadCollector(lambda **_: _renew(job), topics), status)
    status.listen(collector.note_batch)
    with serve_metrics(collector, status.health, host=served.host, port=served.port) as port:
        _log.info("metrics_served", host=served.host, port=port)
        yield


def _print_line(topic: str, batch: BatchReport) -> None:
    typer.echo(orjson.dumps({"topic": topic} | batch.to_json()))


def _in_turn(step: str, signals: StopSignals) -> str:
    return f"{step}; stopping after this batch, a second signal stops at once" if signals.stop.is_set() else step


def _to_line(status: FollowStatus) -> str:
    totals = status.totals()
    batches, messages = sum(one.batches for one in totals), sum(one.messages.read for one in totals)
    line = f"waiting; {batches:,} batches, {messages:,} messages so far"
    failing = [f"{topic} fails: {one.cause}" for topic, one in status.failing().items()]
    return "; ".join([line, *failing])
