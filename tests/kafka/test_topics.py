"""Topics of a real broker against what contracts say."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from trendscript.contracts import load_contract
from trendscript.kafka import TopicMissing, client_options, ensure_topics, identify_topic, require_topics

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

    from tests.conftest import MakeTopic, Stack


def test_missing_topics_are_created_as_the_contract_says(stack: Stack, kafka_admin: KafkaAdminClient) -> None:
    """Partitions, retention and largest message come from the contract; a second time nothing is created."""
    topic = f"youtube_trending_{uuid.uuid4().hex[:8]}"
    contract = replace(load_contract("youtube_trending"), topic=topic, partitions=3, retention_days=7)
    created = ensure_topics([contract], bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    again = ensure_topics([contract], bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    assert (created, again) == ([topic], [])
    [described] = kafka_admin.describe_topics([topic])
    assert len(described["partitions"]) == 3
    settings = _topic_settings(kafka_admin, topic)
    assert settings["retention.ms"] == "604800000"
    assert settings["max.message.bytes"] == "8388608"
    assert settings["cleanup.policy"] == "delete"


def test_an_existing_topic_is_left_as_it_is(stack: Stack, kafka_admin: KafkaAdminClient, make_topic: MakeTopic) -> None:
    """A topic with fewer partitions than its contract keeps them: more would move keys."""
    topic = make_topic(partitions=1)
    contract = replace(load_contract("youtube_trending"), topic=topic, partitions=4)
    assert ensure_topics([contract], bootstrap_servers=stack.bootstrap_servers, client_properties=None) == []
    assert len(kafka_admin.describe_topics([topic])[0]["partitions"]) == 1


def test_all_missing_topics_are_named(stack: Stack, make_topic: MakeTopic) -> None:
    """The sentence names each topic that is missing, and not the one that is there."""
    there = make_topic()
    options = client_options(stack.bootstrap_servers, None)
    with pytest.raises(TopicMissing) as missing:
        require_topics([there, "missing_b", "missing_a"], options=options)
    assert missing.value.topics == ["missing_a", "missing_b"]


def test_a_topic_is_told_from_all_others_and_from_itself_made_again(
    stack: Stack, kafka_admin: KafkaAdminClient, make_topic: MakeTopic
) -> None:
    """The name alone says nothing of what is in it."""
    options = client_options(stack.bootstrap_servers, None)
    one, other = make_topic(), make_topic()
    first = identify_topic(one, options=options)
    assert first == identify_topic(one, options=options)
    assert first != identify_topic(other, options=options)
    kafka_admin.delete_topics([one])
    while one in kafka_admin.list_topics():
        time.sleep(0.1)
    kafka_admin.create_topics({one: {"num_partitions": 1}})
    kafka_admin.wait_for_topics([one])
    assert identify_topic(one, options=options) not in {first, identify_topic(other, options=options)}


def _topic_settings(admin: KafkaAdminClient, topic: str) -> dict[str, str]:
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: setting["value"] for name, setting in described["topic"][topic].items()}
