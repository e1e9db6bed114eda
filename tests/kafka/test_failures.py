"""What the client logs and raises, as recorded from it, becomes a fact that names the cause."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from kafka import errors

from trendscript.kafka import BrokerRefused, BrokerUnreachable
from trendscript.kafka.failures import kafka_failures

OPTIONS: dict[str, Any] = {"bootstrap_servers": ["broker-1:9092", "broker-2:9092"]}
REFUSED_LOGIN = (
    "Bootstrap connection to bootstrap-0 failed: [Error 58] SaslAuthenticationFailedError: Authentication failed: "
    "Invalid username or password (backoff 0.05 secs)"
)
HUNG_UP = "Bootstrap attempt to bootstrap-0 failed: KafkaConnectionError: socket disconnected (backoff 0.87 secs)"
NO_TRUST = (
    "Bootstrap connection to bootstrap-0 failed: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
    "self-signed certificate (_ssl.c:1006) (backoff 0.05 secs)"
)


def _fail(*logged: str) -> None:
    with kafka_failures(OPTIONS):
        for line in logged:
            logging.getLogger("kafka.net.manager").warning(line)
        raise errors.KafkaTimeoutError("Unable to bootstrap")


@pytest.mark.parametrize(
    ("logged", "cause"), [(REFUSED_LOGIN, "Invalid username or password"), (NO_TRUST, "self-signed certificate")]
)
def test_a_refusal_is_told_from_a_broker_that_is_away(logged: str, cause: str) -> None:
    """A wrong password or an untrusted certificate needs a person: code 78, though the client says time-out."""
    with pytest.raises(BrokerRefused, match=cause) as failure:
        _fail(logged, HUNG_UP)
    assert failure.value.exit_code == 78
    assert "backoff" not in str(failure.value)


def test_the_newest_cause_is_named() -> None:
    """All servers and what the last attempt met are in the sentence."""
    with pytest.raises(BrokerUnreachable, match=r"broker-1:9092, broker-2:9092.*socket disconnected\)"):
        _fail("Bootstrap connection to bootstrap-1 failed: KafkaConnectionError: 111 ECONNREFUSED", HUNG_UP)


def test_without_a_logged_cause_the_exception_is_named() -> None:
    """A client that logged nothing leaves its exception's own words."""
    with pytest.raises(BrokerUnreachable, match="Unable to bootstrap"):
        _fail("something else failed: no matter")


def test_other_exceptions_pass_through() -> None:
    """What isn't Kafka's is nobody's to translate."""
    with pytest.raises(KeyError), kafka_failures(OPTIONS):
        raise KeyError("x")
