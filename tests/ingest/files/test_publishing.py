"""An import into a real broker: what was published is there, whatever else the files hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from kafka import KafkaConsumer, TopicPartition

from ingest.files.entries import Given
from ingest.files.importing import Import
from ingest.files.rejects import Rejects
from tests.ingest.files.building import FIRST_ID, SECOND_ID, THIRD_ID, a_row, a_table
from trendscript.kafka import publish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeTopic, Stack


def test_published_rows_are_in_the_topic(tmp_path: Path, stack: Stack, make_topic: MakeTopic) -> None:
    """In order, under their keys, as many as the report says; a bad row and a broken file stop none."""
    topic = make_topic("charts")
    good, broken = tmp_path / "USvideos.csv", tmp_path / "FRvideos.csv.xz"
    rows = [a_row(), a_row(video_id="#NAME?", thumbnail_link=""), a_row(video_id=SECOND_ID), a_row(video_id=THIRD_ID)]
    good.write_text(a_table(*rows))
    broken.write_bytes(b"\xfd7zXZ\x00")
    with Rejects(None, lambda _: None) as rejects:
        work = Import([broken, good], Given(), rejects)
        messages = (message._replace(topic=topic) for message in work.messages())
        delivered = publish(messages, bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    assert (delivered, work.published, work.rejected) == (3, 3, 1)
    found = read_topic(stack.bootstrap_servers, topic)
    assert [key for key, _ in found] == [FIRST_ID, SECOND_ID, THIRD_ID]
    assert [rank for _, rank in found] == [1, 3, 4]


def read_topic(bootstrap_servers: str, topic: str) -> list[tuple[str, int]]:
    """Key and rank of every message of a topic of one partition."""
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers)
    try:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        found: list[tuple[str, int]] = []
        while consumer.position(partition) < end:
            records = consumer.poll(1_000).get(partition, [])
            found.extend((record.key.decode(), orjson.loads(record.value)["rank"]) for record in records)
        return found
    finally:
        consumer.close()
