"""Kafka's failures: the client's exceptions go in, facts with a sentence come out."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError
from kafka import errors

from trendscript.errors import InputRefused, NeedsAPerson, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trendscript.kafka.message import Message


class BrokerUnreachable(ServerUnreachable):
    """Raised when no broker answers, or one stops answering before everything is delivered."""


class BrokerRefused(NeedsAPerson):
    """Raised when a broker answers, but not to this user: wrong password, certificate or rights."""


class TopicMissing(NeedsAPerson):
    """Raised when a topic doesn't exist; brokers are not asked to create one in passing."""

    def __init__(self, topics: list[str]) -> None:
        self.topics = topics
        what = f"topic {topics[0]} does" if len(topics) == 1 else f"topics {', '.join(topics)} do"
        super().__init__(f"The Kafka {what} not exist. Run `trendscript migrate`, which creates the topics.")


def check_described(description: dict[str, Any]) -> None:
    """Raise what a topic's description says of it: TopicMissing, or the client's error for any other trouble."""
    code = description["error_code"]
    if code == errors.UnknownTopicOrPartitionError.errno:
        raise TopicMissing([description["name"]])
    if code:
        raise errors.for_code(code)(description["name"])


class MessageTooLarge(InputRefused):
    """Raised when a message is past the limit of its topic; nothing of that message is sent."""

    def __init__(self, message: Message, limit: int) -> None:
        self.topic, self.key, self.size, self.limit = message.topic, message.key, message.size(), limit
        key = (message.key or b"").decode("utf-8", "replace")
        super().__init__(
            f"The message with key {key!r} for {message.topic} is {self.size:,} bytes; the most is {limit:,}, "
            "the few bytes around it included. It was not sent; take it out of the input or make it smaller."
        )


_REFUSALS = (
    errors.SaslAuthenticationFailedError,
    errors.AuthorizationError,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.SecurityDisabledError,
)
_REFUSAL_WORDS = (
    "SaslAuthentication",
    "AuthorizationFailed",
    "CERTIFICATE_VERIFY_FAILED",
    "certificate verify failed",
    "UnsupportedSaslMechanism",
)
# What librdkafka takes for a refusal where a broker goes away while it asks who is there.
_HUNG_UP = re.compile("transport failure|timed out", re.IGNORECASE)
_REFUSAL_CODES = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001  (public by its documentation)
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
_GONE_CODES = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}  # noqa: SLF001

_FAILED_ATTEMPT = re.compile(r"Bootstrap \w+ to \S+ failed: (?P<cause>.*?)( \(backoff [\d.]+ secs\))?$", re.DOTALL)


class _Cause(logging.Handler):
    """Keeps why the client's attempts failed, which its timeout error leaves out: the newest cause, or a refusal.

    A refusal stays: a broker that has refused a password once hangs up on the next attempts without a word.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        attempt = _FAILED_ATTEMPT.match(record.getMessage())
        if attempt and not _is_refusal(self.text):
            self.text = attempt["cause"]


@contextmanager
def kafka_failures(options: dict[str, Any]) -> Iterator[None]:
    """Turn the client's exceptions into BrokerUnreachable or BrokerRefused, which name the servers and the cause.

    Not for every message: it listens to the client's log while it is open.
    """
    seen = _Cause()
    client_log = logging.getLogger("kafka")
    client_log.addHandler(seen)
    try:
        yield
    except (errors.KafkaError, OSError) as error:
        raise to_failure(error, options, seen.text) from error
    finally:
        client_log.removeHandler(seen)


def is_refusal(error: KafkaError) -> bool:
    """Whether librdkafka tells that a broker answers, but not to this user."""
    if error.code() == KafkaError._AUTHENTICATION and _HUNG_UP.search(error.str()):  # noqa: SLF001  (as above)
        return False
    return error.code() in _REFUSAL_CODES or _is_refusal(error.str())


def is_gone(error: KafkaError) -> bool:
    """Whether librdkafka tells that there is no such topic or partition."""
    return error.code() in _GONE_CODES


def to_failure(
    error: Exception | KafkaError, options: dict[str, Any], logged: str = ""
) -> BrokerRefused | BrokerUnreachable:
    """The fact behind an error of a client, made with these options, that had logged this cause before."""
    servers = ", ".join(options["bootstrap_servers"])
    cause = logged or (error.str() if isinstance(error, KafkaError) else str(error))
    refused = is_refusal(error) if isinstance(error, KafkaError) else isinstance(error, _REFUSALS)
    if refused or _is_refusal(cause):
        return BrokerRefused(
            f"Kafka at {servers} refused this client ({cause}). "
            "Mend user, password or certificates in the file that KAFKA_CLIENT_PROPERTIES names."
        )
    return BrokerUnreachable(
        f"Kafka at {servers} can't be reached or stopped answering ({cause}). "
        "Start it (`trendscript up` for the local one) or mend KAFKA_BOOTSTRAP_SERVERS."
    )


def _is_refusal(cause: str) -> bool:
    return any(word in cause for word in _REFUSAL_WORDS)
