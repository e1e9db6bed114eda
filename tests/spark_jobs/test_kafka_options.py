"""Spark's Kafka options are those of the connection that kafka-python makes from the same file, and no others."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from spark_jobs.kafka_options import spark_kafka_options
from trendscript.kafka import ClientPropertiesRefused, client_options

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";'


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "client.properties"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    """A file of certificates, as a cluster's operator hands one out."""
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    path = tmp_path / "authorities"
    path.write_text(ssl.DER_cert_to_PEM_cert(found[0]), encoding="ascii")
    return path


def test_a_local_broker_needs_its_address_only() -> None:
    """Without a file there is nothing else to say."""
    assert spark_kafka_options("a:1,b:2", None) == {"kafka.bootstrap.servers": "a:1,b:2"}


def test_what_is_no_part_of_the_connection_stays_out(tmp_path: Path) -> None:
    """A consumer's file goes in whole; Spark refuses some of its keys, and must not follow the others."""
    path = _file(
        tmp_path,
        "bootstrap.servers=b:2",
        "client.id=charts",
        "request.timeout.ms=9000",
        "security.protocol=sasl_plaintext",
        "sasl.mechanism=plain",
        f"sasl.jaas.config={LOGIN}",
        "group.id=theirs",
        "auto.offset.reset=earliest",
        "enable.auto.commit=true",
        "key.deserializer=org.apache.kafka.common.serialization.StringDeserializer",
        "isolation.level=read_uncommitted",
        "max.poll.records=1",
    )
    assert spark_kafka_options("a:1", path) == {
        "kafka.bootstrap.servers": "a:1",
        "kafka.client.id": "charts",
        "kafka.request.timeout.ms": "9000",
        "kafka.security.protocol": "SASL_PLAINTEXT",
        "kafka.sasl.mechanism": "PLAIN",
        "kafka.sasl.jaas.config": LOGIN,
    }
    assert spark_kafka_options("", path)["kafka.bootstrap.servers"] == "b:2"


@pytest.mark.parametrize("key", ["ssl.ca.location", "ssl.truststore.type=pem\nssl.truststore.location"])
def test_certificates_are_said_to_be_pem(tmp_path: Path, authorities: Path, key: str) -> None:
    """Java knows no `ssl.ca.location`, takes a store of no type for JKS, and knows types in capitals only."""
    path = _file(
        tmp_path, "security.protocol=SSL", f"{key}={authorities}", "ssl.endpoint.identification.algorithm=", "acks=all"
    )
    assert client_options("a:1", path)["ssl_context"].get_ca_certs()
    assert spark_kafka_options("a:1", path) == {
        "kafka.bootstrap.servers": "a:1",
        "kafka.security.protocol": "SSL",
        "kafka.ssl.truststore.location": str(authorities),
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.endpoint.identification.algorithm": "",
    }


def test_certificates_in_the_file_itself(tmp_path: Path, authorities: Path) -> None:
    """They are PEM as well, and the host's name is checked where the file doesn't say otherwise."""
    text = authorities.read_text(encoding="ascii")
    path = _file(tmp_path, "security.protocol=SSL", "ssl.truststore.certificates=" + text.strip().replace("\n", "\\n"))
    found = spark_kafka_options("a:1", path)
    assert found["kafka.ssl.truststore.certificates"] == text.strip()
    assert found["kafka.ssl.truststore.type"] == "PEM"
    assert "kafka.ssl.endpoint.identification.algorithm" not in found


def test_stores_of_a_connection_without_tls_stay_out(tmp_path: Path) -> None:
    """kafka-python doesn't look at them, so Spark isn't told of them."""
    path = _file(tmp_path, "ssl.keystore.location=/no/such.jks", "ssl.truststore.location=/no/such.jks")
    assert spark_kafka_options("a:1", path) == {
        "kafka.bootstrap.servers": "a:1",
        "kafka.security.protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize(
    "lines",
    [
        ["sasl.login.callback.handler.class=x.Y"],
        ["security.protocol=SSL", "ssl.truststore.location=/etc/trust.jks"],
        ["security.protocol=SASL_SSL", "sasl.mechanism=GSSAPI"],
        ["security.protocol=SSL", "ssl.ca.location=/etc/a.pem", "ssl.truststore.certificates=-----BEGIN"],
    ],
)
def test_both_clients_refuse_the_same(tmp_path: Path, lines: list[str]) -> None:
    """What one client could not honour is refused with the same sentence by the other."""
    path = _file(tmp_path, *lines)
    with pytest.raises(ClientPropertiesRefused) as one:
        client_options("a:1", path)
    with pytest.raises(ClientPropertiesRefused) as other:
        spark_kafka_options("a:1", path)
    assert str(one.value) == str(other.value)
