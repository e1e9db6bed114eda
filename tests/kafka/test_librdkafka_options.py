"""librdkafka's options are those of the connection that kafka-python makes from the same file, and no others."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from trendscript.kafka import ClientPropertiesRefused, client_options, librdkafka_options

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
    assert librdkafka_options("a:1,b:2", None) == {"bootstrap.servers": "a:1,b:2", "client.id": "trendscript"}


def test_what_is_no_part_of_the_connection_stays_out(tmp_path: Path) -> None:
    """A consumer's file goes in whole; what it says of groups and offsets must not be followed."""
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
    assert librdkafka_options("a:1", path) == {
        "bootstrap.servers": "a:1",
        "client.id": "charts",
        "socket.timeout.ms": "9000",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "u",
        "sasl.password": "p",
    }
    assert librdkafka_options("", path)["bootstrap.servers"] == "b:2"


@pytest.mark.parametrize("key", ["ssl.ca.location", "ssl.truststore.type=pem\nssl.truststore.location"])
def test_certificates_by_both_of_their_names(tmp_path: Path, authorities: Path, key: str) -> None:
    """The host's name is checked unless the file says otherwise, as in Java."""
    lines = ["security.protocol=SSL", f"{key}={authorities}", "acks=all"]
    expected = {
        "bootstrap.servers": "a:1",
        "client.id": "trendscript",
        "security.protocol": "SSL",
        "ssl.ca.location": str(authorities),
    }
    assert client_options("a:1", _file(tmp_path, *lines))["ssl_context"].get_ca_certs()
    assert librdkafka_options("a:1", _file(tmp_path, *lines)) == expected
    unchecked = _file(tmp_path, *lines, "ssl.endpoint.identification.algorithm=")
    assert librdkafka_options("a:1", unchecked) == {**expected, "ssl.endpoint.identification.algorithm": "none"}


def test_certificates_in_the_file_itself(tmp_path: Path, authorities: Path) -> None:
    """They are handed on as text."""
    text = authorities.read_text(encoding="ascii").strip()
    path = _file(tmp_path, "security.protocol=SSL", "ssl.truststore.certificates=" + text.replace("\n", "\\n"))
    found = librdkafka_options("a:1", path)
    assert found["ssl.ca.pem"] == text
    assert "ssl.ca.location" not in found


def test_without_certificates_this_machine_s_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that Python takes, so that SSL_CERT_FILE holds for both clients."""
    authorities = tmp_path / "authorities.pem"
    authorities.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    path = _file(tmp_path, "security.protocol=SSL")
    assert librdkafka_options("a:1", path)["ssl.ca.location"] == str(authorities)


def test_stores_of_a_connection_without_tls_stay_out(tmp_path: Path) -> None:
    """kafka-python doesn't look at them, so librdkafka isn't told of them."""
    path = _file(tmp_path, "ssl.keystore.location=/no/such.jks", "ssl.truststore.location=/no/such.jks")
    assert librdkafka_options("a:1", path) == {
        "bootstrap.servers": "a:1",
        "client.id": "trendscript",
        "security.protocol": "PLAINTEXT",
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
        librdkafka_options("a:1", path)
    assert str(one.value) == str(other.value)
