"""A real broker behind TLS, passwords and rights: who may enter does his work, and everybody else is told why not."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ResourceType

from spark_jobs.batch import OffsetRange
from spark_jobs.failures import ReadingCutOff
from spark_jobs.kafka_reader import read_range
from spark_jobs.topic_state import read_topic_state, read_topic_states
from tests.certificates import Authority
from tests.commands import Run, command_line
from tests.faults.proxy import Proxy, Trouble
from tests.ingest.files.building import a_row, a_table
from tests.kafka.locked import MECHANISMS, documented_rights, locked_broker
from transcriber.records import TRANSCRIPTIONS
from transcriber.service.consumer import Delivery, Membership, RequestConsumer
from transcriber.service.outbox import Outbox
from transcriber.service.serve import OUTPUTS
from trendscript.contracts import load_contracts
from trendscript.kafka import (
    BrokerRefused,
    BrokerUnreachable,
    Message,
    RightMissing,
    client_options,
    client_properties,
    ensure_topics,
    identify_topic,
    librdkafka_options,
    publish,
    require_topics,
)
from trendscript.kafka.failures import kafka_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kafka.admin import ACL

    from tests.kafka.locked import LockedBroker

TOPICS = sorted(load_contracts())
PRODUCED = [topic for topic in TOPICS if topic != TRANSCRIPTIONS]
CHARTS, REQUESTS = "youtube_trending", "transcription_request"
ROLES = ("migrator", "producer", "loader", "transcriber", "operator")


@pytest.fixture(scope="module", autouse=True)
def _soon() -> Iterator[None]:
    """Refusals are waited for like anything that may pass; here nothing does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client_properties, "_BOOTSTRAP_MILLISECONDS", 3_000)
        yield


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LockedBroker]:
    """The broker with the rights of docs/operations.md and all topics, made by who may do no more."""
    with locked_broker(tmp_path_factory.mktemp("locked")) as running:
        running.grant(*(right for role in ROLES for right in documented_rights(role)))
        _migrate(running.properties("migrator"))
        yield running


def _migrate(file: Path) -> None:
    ensure_topics(load_contracts().values(), bootstrap_servers="", client_properties=file)


def _describe(file: Path | None, servers: str = "") -> None:
    options = client_options(servers, file)
    with kafka_failures(options), closing(KafkaAdminClient(**options)) as admin:
        admin.describe_cluster()


def _publish(file: Path | None, topic: str, servers: str = "") -> None:
    publish([Message(topic, b"key", b"{}")], bootstrap_servers=servers, client_properties=file)


def _read(file: Path, topic: str, servers: str = "") -> None:
    """What a load asks of the brokers, and what its tasks read."""
    state = read_topic_state(topic, servers, file)
    wanted = next(OffsetRange(n, end - 1, end) for n, end in sorted(state.end.items()) if end)
    _read_range(file, topic, wanted, servers)


def _read_range(file: Path, topic: str, wanted: OffsetRange, servers: str = "") -> None:
    (batch,) = read_range(topic, wanted, librdkafka_options(servers, file), silent_seconds=15)
    assert batch.num_rows == 1


def _transcribe(file: Path) -> list[bytes | None]:
    """All that the transcriber asks of the brokers; the requests that it got."""
    options = client_options("", file)
    require_topics(OUTPUTS, options=options)
    identify_topic(TRANSCRIPTIONS, options=options)
    outbox = Outbox(bootstrap_servers="", client_properties=file)
    with RequestConsumer(REQUESTS, Membership("transcriber"), bootstrap_servers="", client_properties=file) as consumer:
        got: list[Delivery] = []
        until = time.monotonic() + 30
        while not (got and consumer.has_drained()) and time.monotonic() < until:
            got += consumer.poll(0.2)
        outbox.publish([Message(topic, b"key", b"{}") for topic in OUTPUTS])
        assert consumer.commit({delivery.partition: delivery.offset for delivery in got})  # as it was before
    outbox.close()
    return [delivery.value for delivery in got]


def _work_of(role: str, file: Path) -> None:
    """All that a role's commands ask of the brokers."""
    if role == "migrator":
        _migrate(file)
    elif role == "producer":
        for topic in PRODUCED:
            _publish(file, topic)
    elif role == "loader":
        assert read_topic_states(TOPICS, "", file).keys() == set(TOPICS)
        for topic in PRODUCED:
            _read(file, topic)
    elif role == "transcriber":
        assert b"{}" in _transcribe(file)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_one_file_lets_both_clients_in(broker: LockedBroker, mechanism: str) -> None:
    """kafka-python looks topics up, librdkafka publishes and reads, each by the password of the file."""
    _publish(broker.properties("producer", mechanism), CHARTS)
    _read(broker.properties("loader", mechanism), CHARTS)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_charts_of_a_file_are_published(
    broker: LockedBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    mechanism: str,
) -> None:
    """By the command, with nothing but the file to go by."""
    charts = tmp_path / "USvideos.csv"
    charts.write_text(a_table(a_row()), encoding="utf-8")
    monkeypatch.setenv("KAFKA_CLIENT_PROPERTIES", str(broker.properties("producer", mechanism)))
    run = command_line(monkeypatch, capfd)("ingest", "file", str(charts), "--json")
    assert (run.code, run.report["published"]) == (0, 1), run.err


@pytest.mark.parametrize("role", ROLES[:-1])
def test_each_user_can_work_with_the_rights_that_the_docs_name(broker: LockedBroker, role: str) -> None:
    """And has no others: the broker denies what isn't granted."""
    if role in ("loader", "transcriber"):
        _work_of("producer", broker.properties("producer"))
    _work_of(role, broker.properties(role))


def _one_of_each(role: str) -> list[Any]:
    """One right of each operation and kind of resource."""
    found = {(right.operation, right.resource_pattern.resource_type): right for right in documented_rights(role)}
    return [
        pytest.param(role, right, id=f"{role}-{operation.name}-{kind.name}")
        for (operation, kind), right in found.items()
    ]


@pytest.mark.parametrize(("role", "right"), [one for role in ROLES[:-1] for one in _one_of_each(role)])
def test_no_right_of_the_docs_can_be_left_out(broker: LockedBroker, role: str, right: ACL) -> None:
    """Without it the work is refused, by a sentence that names right, resource and user."""
    pattern = right.resource_pattern
    broker.revoke(right)
    try:
        if role == "migrator" and right.operation.name == "CREATE":
            with broker.admin() as admin:
                admin.delete_topics([pattern.resource_name])
        with pytest.raises(RightMissing, match=f"{role!r}.*docs/operations.md") as refusal:
            _until_refused(lambda: _work_of(role, broker.properties(role)))
    finally:
        broker.grant(right)
        _until_allowed(lambda: _migrate(broker.properties("migrator")))
    kind = "consumer group" if pattern.resource_type == ResourceType.GROUP else "topic"
    assert refusal.value.right.endswith(f" on the {kind} {pattern.resource_name}")
    assert refusal.value.exit_code == 78


def _until_refused(work: Callable[[], None]) -> None:
    """Rights are taken back a moment after the broker has said so."""
    for _ in range(5):
        work()
        time.sleep(0.5)


def _until_allowed(work: Callable[[], None]) -> None:
    for _ in range(10):
        try:
            work()
        except RightMissing:
            time.sleep(0.5)
        else:
            return
    work()


def test_a_producer_may_not_read(broker: LockedBroker) -> None:
    """Whoever fills a topic can't look into it."""
    file = broker.properties("producer")
    _publish(file, CHARTS)
    (partition, end), *_ = ((n, end) for n, end in read_topic_state(CHARTS, "", file).end.items() if end)
    with pytest.raises(RightMissing, match=r"'producer'.*Read on the topic youtube_trending is missing"):
        _read_range(file, CHARTS, OffsetRange(partition, end - 1, end))


def test_a_loader_may_not_write(broker: LockedBroker, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever reads topics can't add to them; the client's own words stay off the screen."""
    with pytest.raises(RightMissing, match=r"'loader'.*Write on the topic youtube_trending is missing"):
        _publish(broker.properties("loader"), CHARTS)
    assert "FATAL" not in capfd.readouterr().err


def test_one_without_rights_is_told_so_and_not_kept_waiting(broker: LockedBroker) -> None:
    """Not as a topic that isn't there, nor as brokers that are silent."""
    file = broker.properties("nobody")
    for topics in ([CHARTS], TOPICS):
        with pytest.raises(RightMissing, match=r"'nobody'.*Describe on the topic"):
            read_topic_states(topics, "", file)
    with pytest.raises(RightMissing, match=r"'nobody'.*Describe on the topic youtube_trending"):
        _publish(file, CHARTS)
    begun = time.monotonic()
    with pytest.raises(RightMissing, match=r"'nobody'.*Read on the topic youtube_trending"):
        list(read_range(CHARTS, OffsetRange(0, 0, 1), librdkafka_options("", file)))
    assert time.monotonic() - begun < 30


def _entering() -> list[Any]:
    """Both clients' ways in."""
    return [pytest.param(_describe, id="kafka-python"), pytest.param(_read_anything, id="librdkafka")]


def _read_anything(file: Path | None, servers: str = "") -> None:
    list(read_range(CHARTS, OffsetRange(0, 0, 1), librdkafka_options(servers, file), silent_seconds=5))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("enter", _entering())
def test_a_wrong_password_is_refused_and_not_shown(
    broker: LockedBroker, enter: Callable[[Path], None], mechanism: str
) -> None:
    """A broker that refuses one hangs up; it is not taken for one that is away."""
    with pytest.raises(BrokerRefused, match=r"(?i)authentication failed.*Mend user, password") as refusal:
        enter(broker.properties("loader", mechanism, password="wr0ng"))  # noqa: S106  (made up)
    assert refusal.value.exit_code == 78
    assert "wr0ng" not in str(refusal.value)


def test_a_broker_that_hangs_up_before_it_has_heard_the_password_is_away(broker: LockedBroker) -> None:
    """It may be going down: nobody is to mend a password for that. What else it may be is said."""
    file = broker.properties("loader", "PLAIN", "security.protocol=SASL_PLAINTEXT")
    with Proxy(broker.readable_port) as proxy:
        address = f"localhost:{proxy.port}"
        _describe(file, address)
        proxy.make(Trouble(cut_before=b"SCRAM-SHA-512"))  # among the ways that it offers
        with pytest.raises(BrokerUnreachable, match="hang up on a user or a password"):
            _describe(file, address)
        with pytest.raises(ReadingCutOff):
            _read_anything(file, address)
        assert proxy.befallen > 1


def test_what_the_transcriber_publishes_with_is_opened_anew_after_a_refusal(broker: LockedBroker) -> None:
    """A password that was changed is mended in the file, and the same outbox goes on."""
    file = broker.properties("transcriber", password="old")  # noqa: S106  (made up)
    outbox = Outbox(bootstrap_servers="", client_properties=file)
    message = Message(TRANSCRIPTIONS, b"key", b"{}")
    with pytest.raises(BrokerRefused):
        outbox.publish([message])
    file.write_text(broker.properties("transcriber").read_text(encoding="utf-8"), encoding="utf-8")
    outbox.publish([message])
    outbox.close()


@pytest.mark.parametrize("enter", _entering())
def test_an_unknown_authority_is_not_trusted(
    broker: LockedBroker, tmp_path: Path, enter: Callable[[Path], None]
) -> None:
    """The password isn't sent to such a server."""
    other = Authority.make(tmp_path / "other.pem", "Another authority")
    with pytest.raises(BrokerRefused, match=r"certificate that isn't trusted here.*ssl\.truststore\.location"):
        enter(broker.properties("loader", "PLAIN", f"ssl.truststore.location={other.file}"))


@pytest.mark.parametrize("enter", _entering())
def test_a_server_by_another_name_is_not_trusted_unless_the_file_says_so(
    broker: LockedBroker, enter: Callable[[Path, str], None]
) -> None:
    """An empty ssl.endpoint.identification.algorithm takes any name, as in Java."""
    with pytest.raises(BrokerRefused, match="certificate that isn't trusted here"):
        enter(broker.properties("loader"), broker.address_by_number)
    any_name = broker.properties("loader", "PLAIN", "ssl.endpoint.identification.algorithm=")
    _publish(broker.properties("producer"), CHARTS)
    _read(any_name, CHARTS, broker.address_by_number)


def test_who_comes_without_a_file_is_told_what_the_server_may_want(broker: LockedBroker) -> None:
    """TLS and plain words don't understand each other."""
    with pytest.raises(BrokerUnreachable, match=r"wants TLS or a password.*KAFKA_CLIENT_PROPERTIES"):
        _describe(None, broker.address)


@pytest.fixture
def doctor(
    broker: LockedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Path], dict[str, Any]]:
    """What `trendscript doctor` finds of Kafka, by name, with such a file."""
    del broker

    def look(file: Path) -> dict[str, Any]:
        monkeypatch.setenv("TRENDSCRIPT_HOME", str(tmp_path))
        monkeypatch.setenv("KAFKA_CLIENT_PROPERTIES", str(file))
        run: Run = command_line(monkeypatch, capfd)("doctor", "--json")
        return {check["name"]: check for check in run.report["checks"]}

    return look


def test_the_doctor_looks_through_a_locked_door(broker: LockedBroker, doctor: Callable[[Path], dict[str, Any]]) -> None:
    """With the rights of the docs it says that all is well; with fewer, which are missing."""
    found = doctor(broker.properties("operator", "SCRAM-SHA-256"))
    assert {name: found[name]["state"] for name in ("kafka", "topics", "message times")} == {
        "kafka": "ok",
        "topics": "ok",
        "message times": "ok",
    }, found
    found = doctor(broker.properties("nobody"))
    assert (found["kafka"]["state"], found["topics"]["state"]) == ("ok", "broken")
    assert "Describe on the topic" in found["topics"]["found"]
    found = doctor(broker.properties("nobody", password="wr0ng"))  # noqa: S106  (made up)
    assert (found["kafka"]["state"], found["topics"]["state"]) == ("broken", "skipped")
    assert "Mend user, password" in found["kafka"]["found"]
