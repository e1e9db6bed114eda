"""Topics of a real Kafka against their contracts."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

    from tests.conftest import Stack
    from tests.doctor.conftest import Patient
    from trendscript.contracts import Contract
    from trendscript.doctor.finding import Finding


def _look(patient: Patient, contract: Contract, name: str = "topics") -> Finding:
    return patient.but(surroundings={"contracts": {contract.topic: contract}}).find(name)


def _set(admin: KafkaAdminClient, topic: str, **configs: str) -> None:
    """Change settings of a topic, and wait until the broker goes by them."""
    named = {name.replace("_", "."): value for name, value in configs.items()}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, named)])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic, list(named))]
        found = admin.describe_configs(asked, config_filter="all")["topic"][topic]
        if all(found[name]["value"] == value for name, value in named.items()):
            return
        time.sleep(0.05)


def test_topics_as_their_contracts_say_are_fine(
    patient: Patient, contract: Contract, kafka_admin: KafkaAdminClient
) -> None:
    """Longer retention and larger messages are nobody's harm; topics without a contract are not looked at."""
    assert _look(patient, contract).state == "ok"
    _set(kafka_admin, contract.topic, retention_ms="-1", max_message_bytes="10000000")
    found = _look(patient, contract)
    assert (found.state, found.found) == ("ok", "1 of 1 topics are as their contracts say.")


def test_a_missing_topic_is_broken(patient: Patient, contract: Contract) -> None:
    """With the command that makes it."""
    found = _look(patient, replace(contract, topic="doctor_never_made"))
    assert (found.state, found.found) == ("broken", "Missing: doctor_never_made.")
    assert "trendscript migrate" in found.mend


@pytest.mark.parametrize(
    ("configs", "state", "words", "mend"),
    [
        ({"retention_ms": "3600000"}, "warning", "leave after 0.0 days instead of 7", "retention.ms=604800000"),
        ({"retention_bytes": "1000"}, "warning", "leave past 1,000 bytes", "retention.bytes=-1"),
        ({"max_message_bytes": "1000"}, "broken", "past 1,000 bytes are refused", "max.message.bytes=8388608"),
        ({"cleanup_policy": "compact"}, "broken", "leave by key (compact)", "cleanup.policy=delete"),
    ],
    ids=["retention", "retention by size", "largest message", "compaction"],
)
def test_another_setting_is_named_with_its_mend(  # noqa: PLR0913, PLR0917  (a row of the table, and what it needs)
    patient: Patient,
    contract: Contract,
    kafka_admin: KafkaAdminClient,
    configs: dict[str, str],
    state: str,
    words: str,
    mend: str,
) -> None:
    """Broken where messages are lost or refused; else a warning."""
    _set(kafka_admin, contract.topic, **configs)
    found = _look(patient, contract)
    assert (found.state, f"{contract.topic}: " in found.found) == (state, True)
    assert words in found.found
    assert mend in found.mend
    assert contract.topic in found.mend


def test_other_partitions_are_a_warning(patient: Patient, contract: Contract, kafka_admin: KafkaAdminClient) -> None:
    """Keys may have moved between them; there is nothing to be done about it any more."""
    topic = f"{contract.topic}_more"
    kafka_admin.create_topics([NewTopic(topic, 6, 1, topic_configs={"max.message.bytes": "8388608"})])
    kafka_admin.wait_for_topics([topic])
    found = _look(patient, replace(contract, topic=topic, retention_days=1))
    assert (found.state, found.found) == ("warning", f"{topic}: 6 partitions instead of 4.")


def test_a_message_from_the_future_is_a_warning(stack: Stack, patient: Patient, contract: Contract) -> None:
    """The clock of whoever produced it is ahead; one of now says nothing."""
    with closing(KafkaProducer(bootstrap_servers=stack.bootstrap_servers)) as producer:
        producer.send(contract.topic, b"{}").get(30)
        assert _look(patient, contract, "message times").state == "ok"
        ahead = datetime.now(UTC) + timedelta(minutes=10)
        producer.send(contract.topic, b"{}", timestamp_ms=int(ahead.timestamp() * 1000)).get(30)
    found = _look(patient, contract, "message times")
    assert (found.state, contract.topic in found.found) == ("warning", True)
