"""The demo as a list of steps: each calls what production calls; only the API's address and the clock differ."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ingest.categories import CATEGORIES
from ingest.charts import CHARTS, read_chart
from ingest.loopback_api import LoopbackApi
from ingest.quota import QuotaLedger
from ingest.records import Chart, to_chart_messages
from ingest.region_run import RegionsRequest, ingest_regions
from ingest.youtube_api import connect_api
from spark_jobs.cli_job import build_job
from spark_jobs.load import load_topic
from trendscript.cli.demo_answers import show_answers
from trendscript.cli.demo_screen import Screen, program
from trendscript.cli.demo_speech import ask_for_speech, listen
from trendscript.contracts import load_contracts
from trendscript.demo.charts import make_categories, make_chart, reading_time, readings, video_ids
from trendscript.demo.videos import DAYS, REGIONS
from trendscript.endpoints import kafka_bootstrap_servers, postgres_dsn
from trendscript.errors import NeedsAPerson
from trendscript.kafka import ensure_topics, publish
from trendscript.local import stack
from trendscript.migrations import migrate
from trendscript.postgres import DatabaseMissing, connect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ingest.region_run import RegionSource
    from spark_jobs.job import LoadJob
    from spark_jobs.report import TopicReport
    from trendscript.settings import Settings

_UNITS = 1_000  # for one day's charts, whatever a real key may spend


class OwnServersSet(NeedsAPerson):
    """Raised when settings lead to servers or a lake of the user's own, which made-up charts have no place in."""


class OtherDataHere(NeedsAPerson):
    """Raised when the warehouse already holds something that isn't the demo's."""


@dataclass(slots=True)
class Demo:
    """What the steps share. `settings` are the user's, with the address of the stand-in API."""

    settings: Settings
    api: LoopbackApi
    screen: Screen
    job: LoadJob | None = field(default=None, init=False)


def run_demo(settings: Settings) -> None:
    """Run the pipeline over the demo's charts, and show what became of them; run again, it adds nothing.

    Raises OwnServersSet or OtherDataHere before it has written anything, and what the steps raise.
    """
    check_settings(settings)
    screen = Screen()
    screen.write(f"Trendscript demo: made-up charts of {len(REGIONS)} regions over {DAYS} days,")
    screen.write("through real Kafka, Spark and PostgreSQL on this machine.")
    screen.write()
    with LoopbackApi() as api:
        ours = {"youtube_api_key": SecretStr("demo"), "youtube_api_endpoint": api.endpoint}
        demo = Demo(settings.model_copy(update=ours), api, screen)
        screen.do("starting Kafka and PostgreSQL", lambda: start_servers(demo))
        check_warehouse(demo)
        screen.do("making tables and topics", lambda: migrate_all(demo))
        screen.do("reading charts", lambda: ingest_all(demo))
        screen.do("listening to videos", lambda: listen_all(demo))
        screen.do("starting Spark", lambda: start_spark(demo))
        screen.do("loading", lambda: load_all(demo))
        screen.do("loading again", lambda: load_again(demo))
    show_answers(screen, demo.settings)


def check_settings(settings: Settings) -> None:
    """Raise OwnServersSet unless the demo would stay on this machine's own servers."""
    own = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "POSTGRES_HOST": settings.postgres_host,
        "LAKE_PATH": settings.lake_path if settings.lake_path != "off" else None,
    }
    names = [name for name, value in own.items() if value]
    if names:
        raise OwnServersSet(
            f"{' and '.join(names)} lead{'s' if len(names) == 1 else ''} to servers of your own, and the demo would "
            "fill them with made-up charts. Run it without: take the setting out of the environment and of .env."
        )


def start_servers(demo: Demo) -> str:
    """Start Kafka and PostgreSQL where they don't run."""
    home = stack.up(demo.settings.trendscript_home, demo.screen.say).home
    return f"Kafka and PostgreSQL run; their data are in {home}"


def migrate_all(demo: Demo) -> str:
    """Make the tables and topics that are missing."""
    migrate(postgres_dsn(demo.settings))
    contracts = load_contracts()
    ensure_topics(contracts.values(), bootstrap_servers=kafka_bootstrap_servers(demo.settings), client_properties=None)
    return f"PostgreSQL has its tables, Kafka its {len(contracts)} topics"


def check_warehouse(demo: Demo) -> None:
    """Raise OtherDataHere where readings or videos aren't the demo's: made-up ones among them would spoil both."""
    try:
        ((made,),) = _query(demo.settings, "select to_regclass('processed.chart_reading') is not null")
    except DatabaseMissing:
        return
    if made and _holds_others(demo):
        raise OtherDataHere(
            f"The warehouse in {demo.settings.trendscript_home} holds data that are not the demo's, and made-up charts "
            f"would spoil them. Give the demo another folder: TRENDSCRIPT_HOME=/tmp/demo {program()} demo"
        )


def _holds_others(demo: Demo) -> bool:
    regions, times = zip(*readings(), strict=True)
    ((others,),) = _query(
        demo.settings,
        """
        select
            exists (
                select from processed.chart_reading
                where (region_code, captured_at) not in (select * from unnest(%s::text[], %s::timestamptz[]))
            )
            or exists (select from processed.video where video_id <> all (%s))
        """,
        (list(regions), list(times), video_ids()),
    )
    return bool(others)


def ingest_all(demo: Demo) -> str:
    """Read the charts day by day, each with the clock at that day's noon; those in the warehouse are left out."""
    missing = find_missing(demo)
    if not missing:
        return f"Ingest: all {len(readings())} charts are in the warehouse since an earlier demo; none was read again"
    demo.api.data.categories = {region: make_categories() for region in REGIONS}
    published = _ingest(demo, CATEGORIES, REGIONS, 0)
    for day in range(DAYS):
        regions = tuple(region for region in REGIONS if (region, reading_time(day)) in missing)
        if regions:
            demo.screen.step("", f"reading the charts of {reading_time(day):%d %B}")
            demo.api.data.charts = {(region, "0"): make_chart(region, day) for region in regions}
            published += _ingest(demo, CHARTS, regions, day)
    return f"Ingest: {len(missing)} charts read from a stand-in for YouTube's API, {published:,} messages published"


def listen_all(demo: Demo) -> str:
    """Ask for the words of three videos, and transcribe them."""
    asked = ask_for_speech(demo.settings)
    tally = listen(demo.settings).tally
    if not asked:
        return "Speech: the videos that have sound were transcribed by an earlier demo"
    return (
        f"Speech: {asked} videos asked for, {tally.transcribed} transcribed, {tally.audio_seconds:.0f} seconds of audio"
    )


def _ingest(demo: Demo, source: RegionSource, regions: tuple[str, ...], day: int) -> int:
    request = RegionsRequest(regions, max_units=_UNITS)
    report = ingest_regions(demo.settings, source, request, now=lambda: reading_time(day))
    failure = report.failure()
    if failure is not None:
        raise failure
    return report.published


def find_missing(demo: Demo) -> set[tuple[str, datetime]]:
    """Readings of the demo that the warehouse lacks."""
    found = _query(demo.settings, "select region_code, captured_at from processed.chart_reading")
    return set(readings()) - {(region, captured_at) for region, captured_at in found}


def start_spark(demo: Demo) -> str:
    """Start Spark once, for both loads."""
    # It lives for half a minute, in which the optimising compiler takes more time than it saves.
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    demo.job = build_job(demo.settings, list(load_contracts()), demo.screen)
    return "Spark has started"


def load_all(demo: Demo) -> str:
    """Load every topic, as `trendscript load` does."""
    return f"Load: {_load(demo)}"


def load_again(demo: Demo) -> str:
    """Deliver the last day's charts once more, as a retry somewhere would, and load them."""
    api = connect_api(demo.settings, QuotaLedger(_UNITS))
    demo.api.data.charts = {(region, "0"): make_chart(region, DAYS - 1) for region in REGIONS}
    at = reading_time(DAYS - 1)
    messages = [message for region in REGIONS for message in to_chart_messages(read_chart(api, Chart(region), at))]
    publish(messages, bootstrap_servers=kafka_bootstrap_servers(demo.settings), client_properties=None)
    return f"Last day delivered twice, load again: {_load(demo)}"


def _load(demo: Demo) -> str:
    if demo.job is None:
        raise RuntimeError("Spark has not been started")
    job = demo.job
    return describe(load_topic(job, contract) for contract in load_contracts().values())


def describe(reports: Iterable[TopicReport]) -> str:
    """One line on what became of all messages and rows of a load."""
    done = list(reports)
    read = sum(report.messages.read for report in done)
    quarantined = sum(report.messages.quarantined for report in done)
    rows = [counts for report in done for counts in report.tables.values()]
    new, changed = sum(row.inserted + row.stubs for row in rows), sum(row.updated + row.deleted for row in rows)
    if not read:
        return "nothing new"
    held = f", {quarantined:,} in quarantine" if quarantined else ""
    return f"{read:,} messages{held}; {new:,} rows new, {changed:,} changed"


def _query(settings: Settings, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with (
        closing(connect(postgres_dsn(settings), application_name="trendscript demo")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query, values)
        return cursor.fetchall()
