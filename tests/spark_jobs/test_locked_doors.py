"""A load behind locked doors: Kafka by TLS, passwords and rights, PostgreSQL by TLS and passwords if there is one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from tests.builders import a_chart_message
from tests.kafka.locked import documented_rights, locked_broker
from tests.postgres_15 import locked_postgres, needs_postgres_15
from tests.spark_jobs.test_cli import load
from tests.spark_jobs.test_follow import Following
from trendscript.contracts import load_contracts
from trendscript.errors import NeedsAPerson
from trendscript.kafka import Message, ensure_topics, publish
from trendscript.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kafka.locked import LockedBroker
    from tests.postgres_15 import LockedPostgres
    from tests.spark_jobs.conftest import Loading

CHARTS = "youtube_trending"
WRITER_PASSWORD = "wr/ter's +"  # noqa: S105  (made up)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedBroker]:
    """The broker with all topics, and the rights of docs/operations.md."""
    with locked_broker(tmp_path_factory.mktemp("locked")) as running:
        for user in ("producer", "loader"):
            running.grant(*documented_rights(user))
        ensure_topics(load_contracts().values(), bootstrap_servers="", client_properties=running.properties("admin"))
        yield running


def _publish(broker: LockedBroker, *video_ids: str) -> None:
    publish(
        (Message(CHARTS, video_id.encode(), orjson.dumps(a_chart_message(video_id))) for video_id in video_ids),
        bootstrap_servers="",
        client_properties=broker.properties("producer", "SCRAM-SHA-512"),
    )


@pytest.fixture
def at_the_door(broker: LockedBroker, loading: Loading) -> Loading:
    """A load of the charts' own topic from the locked broker, into a database of the test's own."""
    job = replace(loading.job, bootstrap_servers=broker.address, client_properties=broker.properties("loader"))
    return replace(loading, contract=replace(loading.contract, topic=CHARTS), job=job)


def _videos(loading: Loading) -> set[str]:
    return {video_id for (video_id,) in loading.query("select video_id from processed.chart_entry")}


def test_a_load_reads_with_the_loaders_file(broker: LockedBroker, at_the_door: Loading) -> None:
    """Driver and tasks enter by it, and the messages are in the lake and in the tables."""
    _publish(broker, "a" * 11, "b" * 11)
    report = at_the_door.load()
    assert sum(batch.messages.accepted for batch in report.batches) >= 2
    assert _videos(at_the_door) >= {"a" * 11, "b" * 11}


@pytest.mark.parametrize("with_lake", [True, False])
def test_a_load_with_the_producers_file_is_refused(
    broker: LockedBroker, at_the_door: Loading, *, with_lake: bool
) -> None:
    """Whoever may write can't read: the right is named, a person has to grant it, and nothing is changed."""
    _publish(broker, "c" * 11)
    changes = {} if with_lake else {"lake": None}
    with pytest.raises(NeedsAPerson, match=r"'producer'.*Read on the topic youtube_trending is missing") as refusal:
        at_the_door.load(client_properties=broker.properties("producer"), **changes)
    assert refusal.value.exit_code == 78
    assert _videos(at_the_door) == set()


def test_a_load_that_goes_on_takes_up_a_new_password_of_kafka(broker: LockedBroker, at_the_door: Loading) -> None:
    """The old one is refused, which is said; the file with the new one is read at the next turn."""
    file = broker.properties("loader", "SCRAM-SHA-256")
    following = Following([at_the_door], changes={"client_properties": file})
    done: list[str] = []

    def then(_pause: int) -> bool:
        failing = following.status.failing()
        if not done and following.batches:
            _change_password(broker, "loader", "n3w")
            _publish(broker, "d" * 11)
            done.append("changed")
        elif done == ["changed"] and failing:
            assert failing[CHARTS].cause == "BrokerRefused"
            assert "n3w" not in str(failing[CHARTS].failure)
            file.write_text(broker.properties("loader", "SCRAM-SHA-256", password="n3w").read_text())  # noqa: S106  (made up)
            done.append("told")
        return done == ["changed", "told"] and "d" * 11 in _videos(at_the_door)

    _publish(broker, "e" * 11)
    following.run(then)
    assert following.status.gravest() is None


def _change_password(broker: LockedBroker, user: str, password: str) -> None:
    with broker.admin() as admin:
        changed = admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_256, password=password)]
        )
    assert changed == {user: None}


@pytest.fixture(scope="module")
def warehouse() -> Iterator[LockedPostgres]:
    """A migrated database behind TLS and passwords."""
    with locked_postgres() as server:
        migrate(server.dsn())
        server.query("alter role pipeline_writer password %s", WRITER_PASSWORD)
        yield server


@needs_postgres_15
def test_a_command_loads_through_both_doors(broker: LockedBroker, warehouse: LockedPostgres, tmp_path: Path) -> None:
    """`trendscript load` with nothing but settings: Kafka by SASL_SSL, PostgreSQL by verify-full as the writer."""
    _publish(broker, "f" * 11)
    environment = {
        **warehouse.settings("pipeline_writer"),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_PASSWORD_FILE": str(tmp_path / "password"),
        "KAFKA_CLIENT_PROPERTIES": str(broker.properties("loader", "SCRAM-SHA-512")),
        "TRENDSCRIPT_HOME": str(tmp_path),
    }
    (tmp_path / "password").write_text(WRITER_PASSWORD, encoding="ascii")
    loaded = load(CHARTS, "--json", environment=environment)
    assert loaded.returncode == 0, loaded.stderr
    (topic,) = json.loads(loaded.stdout)["topics"]
    assert topic["batches"]
    assert ("f" * 11,) in warehouse.query("select video_id from processed.chart_entry")
    assert (tmp_path / "lake" / "bronze").exists()


@needs_postgres_15
def test_a_load_that_goes_on_takes_up_a_new_password_of_postgres(
    at_the_door: Loading, broker: LockedBroker, warehouse: LockedPostgres, tmp_path: Path
) -> None:
    """The old one is refused, which is said; the new one is taken before the topic is tried again.

    Tasks take it from a file of libpq's here: the environment of this run's Spark has no password.
    """
    passwords = tmp_path / "pgpass"

    def to_dsn(password: str) -> str:
        passwords.write_text(f"*:*:*:*:{password.replace(':', chr(92) + ':')}\n", encoding="ascii")
        passwords.chmod(0o600)
        return f"{warehouse.dsn('pipeline_writer', password)}&passfile={passwords}"

    current = {"password": WRITER_PASSWORD}
    following = Following(
        [at_the_door],
        changes={"dsn": to_dsn(WRITER_PASSWORD)},
        renew=lambda job: replace(job, dsn=to_dsn(current["password"])),
    )

    def loaded(video_id: str) -> bool:
        return bool(warehouse.query("select 1 from processed.chart_entry where video_id = %s", video_id))

    def then(_pause: int) -> bool:
        failing = following.status.failing()
        if loaded("g" * 11) and current["password"] == WRITER_PASSWORD and not failing:
            warehouse.query("alter role pipeline_writer password %s", "n3w")
            _publish(broker, "h" * 11)
        elif failing:
            assert failing[CHARTS].cause == "PostgresRefused"
            current["password"] = "n3w"  # noqa: S105  (made up)
        return loaded("h" * 11)

    _publish(broker, "g" * 11)
    following.run(then)
    assert current["password"] == "n3w"  # noqa: S105  (made up)
    assert following.status.gravest() is None
