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


class RightMissing(BrokerRefused):
    """Raised when a broker knows the user, who may not do this; `right` says what has to be granted, where known."""

    def __init__(self, said: str, right: str = "") -> None:
        self.right = right
        super().__init__(said)


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
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.SecurityDisabledError,
)
_REFUSAL_WORDS = ("SaslAuthentication", "UnsupportedSaslMechanism")
# Python's words, and librdkafka's.
_UNTRUSTED = re.compile("certificate verify failed(?P<why>: [^(]*)?", re.IGNORECASE)
_NO_TLS = re.compile(
    r"WRONG_VERSION_NUMBER|UNEXPECTED_EOF|EOF occurred in violation|SSL handshake failed", re.IGNORECASE
)
# What librdkafka takes for a refusal where a broker goes away while it asks who is there.
_HUNG_UP = re.compile("transport failure|timed out|disconnected|reset by peer", re.IGNORECASE)
# What a broker that speaks TLS answers to one who doesn't, taken for the length of an answer.
_TLS_ALERT = "Invalid frame length"
# What a right is lacking on, by the code of both clients.
_TOPIC, _GROUP = errors.TopicAuthorizationFailedError.errno, errors.GroupAuthorizationFailedError.errno
_LACKING = {
    _TOPIC: "topic",
    _GROUP: "consumer group",
    errors.ClusterAuthorizationFailedError.errno: "cluster",
    errors.TransactionalIdAuthorizationFailedError.errno: "transactional id",
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


# librdkafka writes fatal errors to standard error at every level; all that matters comes to its error_cb.
SILENT = logging.getLogger("trendscript.librdkafka")
SILENT.propagate = False
SILENT.addHandler(logging.NullHandler())


class Heard:
    """What librdkafka says of its connections while it goes on trying: why it failed last, or a refusal, which stays.

    That all brokers are down is said on top of each cause, and isn't one.
    """

    def __init__(self) -> None:
        self.text = ""

    def hear(self, error: KafkaError) -> None:
        """To be called with everything that it says."""
        down = error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001  (public by its documentation)
        if not self.text or not (down or _is_refusal(self.text)):
            self.text = error.str()


@contextmanager
def kafka_failures(options: dict[str, Any], *, needs: str = "") -> Iterator[None]:
    """Turn the client's exceptions into BrokerUnreachable or BrokerRefused, which name the servers and the cause.

    `needs` is the right on topics that is needed meanwhile, such as Describe.
    Not for every message: it listens to the client's log while it is open.
    """
    seen = _Cause()
    client_log = logging.getLogger("kafka")
    client_log.addHandler(seen)
    try:
        yield
    except (errors.KafkaError, OSError) as error:
        raise to_failure(error, options, seen.text, needs=needs) from error
    finally:
        client_log.removeHandler(seen)


def is_refusal(error: KafkaError) -> bool:
    """Whether librdkafka tells that a broker answers, but not to this user, or with a certificate not to be trusted.

    A right on the consumer group is none that anybody here needs of it.
    """
    if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001  (public by its documentation)
        return not _HUNG_UP.search(error.str())
    lacking = error.code() in _LACKING and error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED
    return lacking or error.code() == KafkaError.SASL_AUTHENTICATION_FAILED or _is_refusal(error.str())


def _right_missing(servers: str, user: str, right: str) -> RightMissing:
    who = f"the user {user!r}" if user else "clients without a name"
    return RightMissing(
        f"Kafka at {servers} doesn't let {who} do this: {right} is missing. Grant it with kafka-acls.sh; "
        "docs/operations.md lists the rights that each command needs.",
        right,
    )


def is_gone(error: KafkaError) -> bool:
    """Whether librdkafka tells that there is no such topic or partition."""
    return error.code() in _GONE_CODES


def to_failure(
    error: Exception | KafkaError, options: dict[str, Any], logged: str = "", *, needs: str = "", topic: str = ""
) -> BrokerRefused | BrokerUnreachable:
    """The fact behind an error of a client, made with these options, that had logged this cause before.

    `options` are kafka-python's or librdkafka's; `needs` is as in `kafka_failures`, `topic` on which it is needed.
    """
    servers = _servers(options)
    code = error.code() if isinstance(error, KafkaError) else getattr(error, "errno", 0)
    if code in _LACKING and isinstance(error, KafkaError | errors.AuthorizationError):
        user = options.get("sasl_plain_username") or options.get("sasl.username", "")
        return _right_missing(servers, user, _to_right(code, error, needs, topic))
    cause = logged or (error.str() if isinstance(error, KafkaError) else str(error))
    if untrusted := _UNTRUSTED.search(cause):
        return BrokerRefused(
            f"Kafka at {servers} shows a certificate that isn't trusted here{(untrusted['why'] or '').rstrip(' .')}. "
            "Name its authority's certificate by ssl.truststore.location in the file of KAFKA_CLIENT_PROPERTIES, "
            "and the servers as the certificate does."
        )
    refused = is_refusal(error) if isinstance(error, KafkaError) else isinstance(error, _REFUSALS)
    if refused or _is_refusal(cause):
        return BrokerRefused(
            f"Kafka at {servers} refused this client ({cause}). "
            "Mend user, password or certificates in the file that KAFKA_CLIENT_PROPERTIES names."
        )
    return BrokerUnreachable(
        f"Kafka at {servers} can't be reached or stopped answering ({cause}). "
        f"Start it (`trendscript up` for the local one) or mend KAFKA_BOOTSTRAP_SERVERS.{_hint(cause, options)}"
    )


def _to_right(code: int, error: Exception | KafkaError, needs: str, topic: str) -> str:
    """The right that is missing, as in "Read on the topic charts"."""
    operation = {_TOPIC: needs, _GROUP: "Read"}.get(code) or "a right"
    name = topic or (_names(error.args[0]) if isinstance(error, Exception) and error.args else "")
    return f"{operation} on the {_LACKING[code]}{f' {name}' if name else ''}"


def _names(said: object) -> str:
    """The topics or the group that kafka-python names; in some of its errors a sentence stands in their place."""
    names = [said] if isinstance(said, str) else said if isinstance(said, set | frozenset | list | tuple) else []
    return ", ".join(sorted(name for name in map(str, names) if " " not in name))


def _hint(cause: str, options: dict[str, Any]) -> str:
    """What else it may be, where a broker answers and hangs up."""
    protocol = options.get("security_protocol") or options.get("security.protocol", "PLAINTEXT")
    if protocol == "PLAINTEXT" and (_HUNG_UP.search(cause) or _TLS_ALERT in cause):
        return " If it wants TLS or a password, name a file that has them in KAFKA_CLIENT_PROPERTIES."
    if protocol.endswith("SSL") and _NO_TLS.search(cause):
        return f" If it doesn't speak TLS there, mend security.protocol, which is {protocol}."
    if protocol.startswith("SASL") and _HUNG_UP.search(cause):
        return " If it is up, it may hang up on a user or a password that it doesn't know."
    return ""


def _servers(options: dict[str, Any]) -> str:
    named = options.get("bootstrap_servers")
    return ", ".join(named) if named else str(options.get("bootstrap.servers", "")).replace(",", ", ")


def _is_refusal(cause: str) -> bool:
    if "SASL authentication error" in cause:
        return not _HUNG_UP.search(cause)
    return any(word in cause for word in _REFUSAL_WORDS) or _UNTRUSTED.search(cause) is not None
