"""Connection options: a Java client.properties file goes in, options of kafka-python and of librdkafka come out."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any

import structlog

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from pathlib import Path

_log = structlog.get_logger(__name__)

_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
_UNDERSTOOD = {
    "bootstrap.servers",
    "client.id",
    "request.timeout.ms",
    "sasl.jaas.config",
    "sasl.mechanism",
    "security.protocol",
    "ssl.ca.location",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.type",
}
_LOGIN_FIELD = re.compile(
    r"""(?P<name>\w+)\s*=\s*(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>(?:\\.|[^'\\])*)'|(?P<bare>[^\s;"']+))"""
)
# What librdkafka takes, in milliseconds; a Java client takes longer ones.
_SOCKET_TIMEOUTS = (10, 300_000)
# How long a client goes on trying before it gives up, while brokers are away.
_BOOTSTRAP_MILLISECONDS = 10_000
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class ClientPropertiesRefused(NeedsAPerson):
    """Raised when a client.properties file asks for something this client can't do."""

    def __init__(self, path: Path, fault: str) -> None:
        self.path = path
        super().__init__(f"{path} can't be used: {fault}")


def client_options(bootstrap_servers: str, client_properties: Path | None) -> dict[str, Any]:
    """Options that every kafka-python client takes: where the brokers are and how to enter.

    `bootstrap_servers` (comma-separated) goes before the file's; it may be empty when the file has one.
    Keys of security that can't be honoured are refused, since leaving one out could weaken a
    connection; a Java client's tuning keys are left out and logged.
    """
    properties = {} if client_properties is None else _read_properties(client_properties)
    servers = bootstrap_servers or properties.get("bootstrap.servers", "")
    options: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in servers.split(",") if server.strip()],
        "bootstrap_timeout_ms": _BOOTSTRAP_MILLISECONDS,
        "reconnect_backoff_max_ms": 1_000,
        "client_id": properties.get("client.id", "trendscript"),
    }
    if client_properties is not None:
        _check_keys(properties, client_properties)
        options |= _security_options(properties, client_properties)
    if "request.timeout.ms" in properties:
        options["request_timeout_ms"] = int(properties["request.timeout.ms"])
    return options


def librdkafka_options(bootstrap_servers: str, client_properties: Path | None) -> dict[str, str]:
    """The same connection as `client_options` makes, as options of librdkafka.

    What `client_options` refuses is refused, and what it leaves out is left out: a reader has settings of its own,
    which a file's `group.id` or `auto.offset.reset` must not change.
    """
    properties = {} if client_properties is None else _read_properties(client_properties)
    kept = {
        "bootstrap.servers": bootstrap_servers or properties.get("bootstrap.servers", ""),
        "client.id": properties.get("client.id", "trendscript"),
    }
    if client_properties is None:
        return kept
    _check_keys(properties, client_properties)
    options = _security_options(properties, client_properties)
    kept["security.protocol"] = options["security_protocol"]
    if "sasl_mechanism" in options:
        kept["sasl.mechanism"] = options["sasl_mechanism"]
        kept["sasl.username"] = options["sasl_plain_username"]
        kept["sasl.password"] = options["sasl_plain_password"]
    if "ssl_context" in options:
        kept |= _librdkafka_ssl(properties)
    if "request.timeout.ms" in properties:
        shortest, longest = _SOCKET_TIMEOUTS
        kept["socket.timeout.ms"] = str(min(max(int(properties["request.timeout.ms"]), shortest), longest))
    return kept


def _librdkafka_ssl(properties: dict[str, str]) -> dict[str, str]:
    """Certificates as `_load_certificates` takes them; where none are named, this machine's, as Python finds them."""
    found: dict[str, str] = {}
    system = ssl.get_default_verify_paths()
    if certificates := properties.get("ssl.truststore.certificates"):
        found["ssl.ca.pem"] = certificates
    elif location := _ca_file(properties) or system.cafile or system.capath:
        found["ssl.ca.location"] = location
    if keystore := properties.get("ssl.keystore.location"):
        found |= {"ssl.certificate.location": keystore, "ssl.key.location": keystore}
        if "ssl.key.password" in properties:
            found["ssl.key.password"] = properties["ssl.key.password"]
    if _any_host(properties):
        found["ssl.endpoint.identification.algorithm"] = "none"
    return found


def parse_properties(text: str) -> dict[str, str]:
    """Read Java's properties format: comments, `=`, `:` or blanks between key and value, continued lines, escapes."""
    found: dict[str, str] = {}
    logical = re.sub(r"(?<!\\)((?:\\\\)*)\\\r?\n[ \t\f]*", r"\1", text)
    for line in logical.splitlines():
        stripped = line.lstrip()
        if not stripped or stripped[0] in "#!":
            continue
        match = re.match(r"((?:\\.|[^\\=:\s])+)\s*[=:]?\s*(.*)", stripped)
        if match:
            found[_unescape(match[1])] = _unescape(match[2]).strip()
    return found


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|.)", replace, text)


def _read_properties(path: Path) -> dict[str, str]:
    try:
        return parse_properties(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ClientPropertiesRefused(path, f"{error}. Mend KAFKA_CLIENT_PROPERTIES or the file.") from error


def _check_keys(properties: dict[str, str], path: Path) -> None:
    unknown = sorted(key for key in properties if key not in _UNDERSTOOD)
    refused = [key for key in unknown if key.startswith(("ssl.", "sasl.", "security."))]
    if refused:
        raise ClientPropertiesRefused(
            path, f"{', '.join(refused)} is not understood here. Understood are {', '.join(sorted(_UNDERSTOOD))}."
        )
    if unknown:
        _log.info("client_properties_left_out", path=str(path), keys=unknown)


def _security_options(properties: dict[str, str], path: Path) -> dict[str, Any]:
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}:
        raise ClientPropertiesRefused(path, f"security.protocol is {protocol}; use SASL_SSL, SSL or PLAINTEXT.")
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(properties, path)
    if protocol.startswith("SASL"):
        options |= _sasl_options(properties, path)
    return options


def _sasl_options(properties: dict[str, str], path: Path) -> dict[str, Any]:
    mechanism = properties.get("sasl.mechanism", "").upper()
    module = _LOGIN_MODULES.get(mechanism)
    if module is None:
        raise ClientPropertiesRefused(
            path, f"sasl.mechanism is {mechanism or 'not set'}; use one of {', '.join(_LOGIN_MODULES)}."
        )
    jaas = properties.get("sasl.jaas.config", "")
    fields = {
        found["name"]: re.sub(r"\\(.)", r"\1", found["double"] or found["single"] or "") or found["bare"] or ""
        for found in _LOGIN_FIELD.finditer(jaas)
    }
    if not jaas.startswith(module) or not {"username", "password"} <= fields.keys():
        raise ClientPropertiesRefused(path, f'sasl.jaas.config must read: {module} required username="…" password="…";')
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": fields["username"],
        "sasl_plain_password": fields["password"],
    }


def _ssl_context(properties: dict[str, str], path: Path) -> ssl.SSLContext:
    for store in ("ssl.truststore", "ssl.keystore"):
        kind = properties.get(f"{store}.type", "PEM" if store == "ssl.keystore" else _truststore_kind(properties))
        if kind.upper() != "PEM":
            raise ClientPropertiesRefused(
                path, f"{store} is of type {kind}; export it to PEM and set {store}.type=PEM."
            )
    if _ca_file(properties) and properties.get("ssl.truststore.certificates"):
        raise ClientPropertiesRefused(
            path, "ssl.truststore.certificates and a file of certificates are both set; Java takes one of them."
        )
    try:
        return _load_certificates(properties)
    except (OSError, ssl.SSLError) as error:
        raise ClientPropertiesRefused(path, f"a certificate file can't be loaded ({error}).") from error


def _truststore_kind(properties: dict[str, str]) -> str:
    """Java takes a truststore of no stated type for JKS; a name that ends as PEM files do is taken for PEM."""
    location = properties.get("ssl.truststore.location", ".pem")
    return "PEM" if location.endswith((".pem", ".crt", ".cer")) else "JKS"


def _load_certificates(properties: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=_ca_file(properties), cadata=properties.get("ssl.truststore.certificates") or None
    )
    if _any_host(properties):
        context.check_hostname = False
    if "ssl.keystore.location" in properties:
        context.load_cert_chain(properties["ssl.keystore.location"], password=properties.get("ssl.key.password"))
    return context


def _ca_file(properties: dict[str, str]) -> str | None:
    return properties.get("ssl.truststore.location") or properties.get("ssl.ca.location") or None


def _any_host(properties: dict[str, str]) -> bool:
    return properties.get("ssl.endpoint.identification.algorithm", "https") == ""
