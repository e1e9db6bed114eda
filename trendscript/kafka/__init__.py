"""Kafka: messages and contracts go in, delivered messages and topics come out."""

from __future__ import annotations

import logging

from trendscript.kafka.client_properties import ClientPropertiesRefused, client_options, librdkafka_options
from trendscript.kafka.failures import BrokerRefused, BrokerUnreachable, MessageTooLarge, RightMissing, TopicMissing
from trendscript.kafka.last_words import hear_out
from trendscript.kafka.message import MAX_MESSAGE_BYTES, Message
from trendscript.kafka.publisher import Publisher, publish
from trendscript.kafka.topics import ensure_topics, identify_topic, require_topics

__all__ = [
    "MAX_MESSAGE_BYTES",
    "BrokerRefused",
    "BrokerUnreachable",
    "ClientPropertiesRefused",
    "Message",
    "MessageTooLarge",
    "Publisher",
    "RightMissing",
    "TopicMissing",
    "client_options",
    "ensure_topics",
    "identify_topic",
    "librdkafka_options",
    "publish",
    "require_topics",
]

# Unhandled, the client's warnings of each attempt would stand beside the one sentence that our own errors say.
logging.getLogger("kafka").addHandler(logging.NullHandler())
hear_out()
