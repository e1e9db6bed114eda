"""A Java client.properties file becomes kafka-python's options, or a sentence that says why it can't."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendscript.kafka import ClientPropertiesRefused, client_options
from trendscript.kafka.client_properties import parse_properties

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="%s" password="%s";'


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "client.properties"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_without_a_file_the_servers_are_all_there_is() -> None:
    """A plain local broker needs nothing but its address; several are told apart by commas."""
    options = client_options("a:9092, b:9092", None)
    assert options["bootstrap_servers"] == ["a:9092", "b:9092"]
    assert "security_protocol" not in options


def test_a_managed_cluster_with_sasl_ssl(tmp_path: Path) -> None:
    """The file that a hosting company hands out works as it is, its tuning keys left out."""
    path = _file(
        tmp_path,
        "# Required connection configs",
        "bootstrap.servers=pkc-1.example.com:9092",
        "security.protocol=SASL_SSL",
        "sasl.jaas.config=" + PLAIN % ("KEY", "se/cr+et=="),
        "sasl.mechanism=PLAIN",
        "client.dns.lookup=use_all_dns_ips",
        "session.timeout.ms=45000",
        "acks=all",
    )
    options = client_options("", path)
    assert options["bootstrap_servers"] == ["pkc-1.example.com:9092"]
    assert options["security_protocol"] == "SASL_SSL"
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("PLAIN", "KEY")
    assert options["sasl_plain_password"] == "se/cr+et=="  # noqa: S105  (made up)
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname


def test_the_given_servers_go_before_those_of_the_file(tmp_path: Path) -> None:
    """KAFKA_BOOTSTRAP_SERVERS is the one documented setting; the file only fills in for it."""
    assert client_options("a:1", _file(tmp_path, "bootstrap.servers=b:2"))["bootstrap_servers"] == ["a:1"]


def test_an_empty_endpoint_identification_turns_the_host_check_off(tmp_path: Path) -> None:
    """As in Java, the key with nothing behind it means: don't compare the host's name."""
    path = _file(tmp_path, "security.protocol=SSL", "ssl.endpoint.identification.algorithm=")
    context = client_options("a:1", path)["ssl_context"]
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["security.protocol=SSL", "ssl.truststore.location=/etc/trust.jks"], "ssl.truststore is of type JKS.*PEM"),
        (["security.protocol=SSL", "ssl.truststore.location=/no/such.pem"], "can't be loaded"),
        (["security.protocol=SASL_SSL", "sasl.mechanism=GSSAPI"], "sasl.mechanism is GSSAPI; use one of PLAIN"),
        (["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN"], "sasl.jaas.config must read"),
        (["security.protocol=TLS"], "security.protocol is TLS"),
        (["sasl.login.callback.handler.class=x.Y"], "sasl.login.callback.handler.class is not understood"),
    ],
)
def test_what_cannot_be_honoured_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    """Security that this client can't give is refused with the key's name, never left out in silence."""
    with pytest.raises(ClientPropertiesRefused, match=said) as refusal:
        client_options("a:1", _file(tmp_path, *lines))
    assert refusal.value.exit_code == 78


def test_a_refusal_does_not_show_the_password(tmp_path: Path) -> None:
    """A login line that can't be used is not quoted."""
    path = _file(tmp_path, "security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", 'sasl.jaas.config=x password="hush";')
    with pytest.raises(ClientPropertiesRefused) as refusal:
        client_options("a:1", path)
    assert "hush" not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The sentence names the file and the setting."""
    with pytest.raises(ClientPropertiesRefused, match=r"gone\.properties.*KAFKA_CLIENT_PROPERTIES"):
        client_options("a:1", tmp_path / "gone.properties")


def test_every_form_of_java_properties() -> None:
    """Comments, three kinds of separators, continued lines and escapes, as java.util.Properties reads them."""
    text = "! no\n# no\n a = 1\nb:2\nc 3\nd\\:e = f\\\n   g\nh=\\u00e9\\\\\ni=\n"
    assert parse_properties(text) == {"a": "1", "b": "2", "c": "3", "d:e": "fg", "h": "é\\", "i": ""}


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_any_password_survives_its_quoting(tmp_path_factory: pytest.TempPathFactory, password: str) -> None:
    """A password as Java wants it written, quoted for JAAS and then escaped for the file, comes out the same."""
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    login = (PLAIN % ("user", quoted)).replace("\\", "\\\\")
    path = _file(
        tmp_path_factory.mktemp("properties"),
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=PLAIN",
        f"sasl.jaas.config={login}",
    )
    assert client_options("a:1", path)["sasl_plain_password"] == password
