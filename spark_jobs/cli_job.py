"""What commands run on: the user's settings go in, addresses, contracts and a job come out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
import typer

from trendscript.errors import TrendscriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyspark.sql import SparkSession

    from spark_jobs.job import Job, LoadJob
    from spark_jobs.report import BatchReport, TopicReport
    from trendscript.contracts.model import Contract
    from trendscript.notices.news import Outcome
    from trendscript.settings import Settings

WRITER = "pipeline_writer"
PATIENCE_SECONDS = 60.0
"""A load that goes on gives a topic back after each batch: so long an operator's command waits for that."""

Report = TypeVar("Report")
AnyJob = TypeVar("AnyJob", bound="Job")

MaxQuarantinePercent = Annotated[
    float | None,
    typer.Option(
        "--max-quarantine-percent",
        metavar="PERCENT",
        min=0,
        max=100,
        help="Stop where a larger share of the messages is refused; 100 never does. Else what the contract says.",
    ),
]


def build_job(settings: Settings, topics: list[str], progress: Any, *, with_kafka: bool = True) -> LoadJob:
    """Gather all that a load of these topics needs; Spark is started only when Postgres and Kafka can serve it.

    `progress` has `step(topic, text)`. Without `with_kafka` no broker is asked; their address is known where it can be.
    Raises PostgresUnreachable, DatabaseNotMigrated, BrokerUnreachable, BrokerRefused or TopicMissing.
    """
    from spark_jobs.job import LoadJob

    dsn, servers = writer_dsn(settings), _find_brokers(settings, topics, needed=with_kafka)
    return LoadJob(
        spark=start_spark(settings, progress),
        dsn=dsn,
        bootstrap_servers=servers,
        client_properties=settings.kafka_client_properties,
        lake=lake_address(settings),
        max_messages=settings.load_max_messages,
        silver=settings.lake_silver,
        patience=PATIENCE_SECONDS,
        on_step=progress.step,
    )


def _find_brokers(settings: Settings, topics: list[str], *, needed: bool) -> str:
    """The brokers' address, once they have these topics; where they aren't needed nobody asks them, and "" is none."""
    from trendscript.endpoints import NoServer, kafka_bootstrap_servers
    from trendscript.kafka import client_options, require_topics

    try:
        servers = kafka_bootstrap_servers(settings)
    except NoServer:
        if needed:
            raise
        return ""
    if needed:
        require_topics(topics, options=client_options(servers, settings.kafka_client_properties))
    return servers


def start_spark(settings: Settings, progress: Any) -> SparkSession:
    """Start Spark as the settings say, or take the session that is there. `progress` has `step(topic, text)`."""
    from spark_jobs.session import build_session

    progress.step("", "starting Spark")
    log_file = settings.trendscript_home / "logs" / "spark.log"
    return build_session(settings.spark_master, log_file, lambda text: progress.step("", text))


def build_ledger_job(settings: Settings, *, with_kafka: bool) -> Job:
    """What work on the ledger needs that does without Spark; `with_kafka`, the brokers' address too.

    Raises PostgresUnreachable or DatabaseNotMigrated.
    """
    from spark_jobs.job import Job
    from trendscript.endpoints import kafka_bootstrap_servers

    return Job(
        dsn=writer_dsn(settings),
        bootstrap_servers=kafka_bootstrap_servers(settings) if with_kafka else "",
        client_properties=settings.kafka_client_properties,
        max_messages=settings.load_max_messages,
        patience=PATIENCE_SECONDS,
    )


def writer_dsn(settings: Settings) -> str:
    """Postgres as `role_dsn` has it, for who may do no more than a load does."""
    return role_dsn(settings, WRITER)


def role_dsn(settings: Settings, role: str) -> str:
    """Postgres as the settings' user; in the local stack as this role.

    Raises PostgresUnreachable or DatabaseNotMigrated.
    """
    from trendscript.endpoints import postgres_dsn
    from trendscript.migrations import require_migrated

    # Asked as the settings' user, since the migrations are what makes the role.
    require_migrated(postgres_dsn(settings))
    return postgres_dsn(settings, user=None if settings.postgres_host else role)


def lake_address(settings: Settings) -> str | None:
    """Where bronze goes: LAKE_PATH, else a folder of the local stack; None when LAKE_PATH is `off`."""
    if settings.lake_path == "off":
        return None
    return settings.lake_path or str(settings.trendscript_home / "lake")


def allow_quarantine(contract: Contract, percent: float | None) -> Contract:
    """The contract with this ceiling on quarantine for one run; with its own if None is given."""
    return contract if percent is None else replace(contract, max_quarantine_percent=percent)


def find_contracts(topics: list[str]) -> list[Contract]:
    """The contracts of these topics; all there are if none is named. Raises ContractMissing."""
    from trendscript.contracts import load_contract, load_contracts

    if not topics:
        return list(load_contracts().values())
    return [load_contract(topic) for topic in dict.fromkeys(topics)]


def run_each(
    job: AnyJob,
    contracts: Iterable[Contract],
    work: Callable[[AnyJob, Contract], TopicReport],
    *,
    busy_is_fine: bool = False,
    outcome: Outcome | None = None,
) -> tuple[list[TopicReport], TrendscriptError | None]:
    """Do work that reports a load's counts topic after topic, as `each_topic` does.

    The report of a topic that failed has the batches that were committed before. How each topic fared is noted in
    `outcome`, for who is told of it.
    """
    from spark_jobs.report import TopicReport

    committed: defaultdict[str, list[BatchReport]] = defaultdict(list)
    telling = replace(job, on_batch=lambda topic, batch: committed[topic].append(batch))
    return each_topic(
        contracts,
        lambda contract: work(telling, contract),
        lambda topic, note: TopicReport(topic, tuple(committed[topic]), note=note),
        busy_is_fine=busy_is_fine,
        outcome=outcome,
    )


def each_topic(
    contracts: Iterable[Contract],
    work: Callable[[Contract], Report],
    to_note: Callable[[str, str], Report],
    *,
    busy_is_fine: bool = False,
    outcome: Outcome | None = None,
) -> tuple[list[Report], TrendscriptError | None]:
    """Do the work topic after topic. What came of each, and the gravest failure; one topic's doesn't stop the others.

    `to_note` makes the report of a topic that failed, from its name and a sentence. Where `busy_is_fine`, a topic
    that somebody works on is no failure, unless that takes too long.
    """
    from spark_jobs.lease_holders import TopicBusy

    reports: list[Report] = []
    failures: list[TrendscriptError] = []
    for contract in contracts:
        found: TrendscriptError | None = None
        try:
            reports.append(work(contract))
        except TrendscriptError as failure:
            reports.append(to_note(contract.topic, str(failure)))
            if busy_is_fine and isinstance(failure, TopicBusy) and not failure.stuck:
                continue
            found = failure
            failures.append(failure)
        if outcome is not None:
            outcome.note(contract.topic, found)
    return reports, max(failures, key=lambda failure: failure.exit_code, default=None)


def show_reports(
    reports: list[TopicReport], failure: TrendscriptError | None = None, *, as_json: bool, dry_run: bool = False
) -> None:
    """Print what came of the topics, for a person or as one JSON document; then raise the failure, if there is one."""
    if as_json:
        typer.echo(orjson.dumps({"topics": [report.to_json() for report in reports]}, option=orjson.OPT_INDENT_2))
    else:
        from spark_jobs.display import print_reports

        print_reports(reports, dry_run=dry_run)
    if failure is not None:
        raise failure
