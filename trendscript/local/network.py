"""Java's network: the environment's proxy and certificate settings go in, options for a `java` command come out."""

from __future__ import annotations

import base64
import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# The variables in which people tell Python's and OpenSSL's programs of a private certificate authority.
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
# Where systems keep their certificate authorities in Java's own form, which a Java from elsewhere doesn't know.
_SYSTEM_STORES = (Path("/etc/ssl/certs/java/cacerts"), Path("/etc/pki/java/cacerts"))

_JKS_MAGIC, _JKS_VERSION, _TRUSTED_CERTIFICATE = 0xFEEDFEED, 2, 2
_PEM = re.compile(rb"-----BEGIN (?:TRUSTED )?CERTIFICATE-----(.+?)-----END", re.DOTALL)


def network_options(folder: Path, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return options that let Java trust and reach what other programs of this environment do.

    A trust store made for the purpose is written into `folder`, which must outlive the command.
    """
    return [*_trust_options(folder, environ), *_proxy_options(environ)]


def _trust_options(folder: Path, environ: Mapping[str, str]) -> list[str]:
    for name in _BUNDLES:
        bundle = Path(environ.get(name) or "/nonexistent")
        if bundle.is_file():
            store = folder / "trust.jks"
            store.write_bytes(to_trust_store(bundle.read_bytes()))
            return [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=JKS"]
    return [f"-Djavax.net.ssl.trustStore={store}" for store in _SYSTEM_STORES if store.is_file()][:1]


def to_trust_store(pem: bytes) -> bytes:
    """Convert a PEM bundle into a Java key store (JKS) of trusted certificates.

    Its integrity digest is left blank: Java checks that only when it is given a password.
    """
    certificates = [base64.b64decode(body) for body in _PEM.findall(pem)]
    store = struct.pack(">III", _JKS_MAGIC, _JKS_VERSION, len(certificates))
    for number, certificate in enumerate(certificates):
        store += struct.pack(">I", _TRUSTED_CERTIFICATE) + _text(str(number)) + struct.pack(">Q", 0)
        store += _text("X.509") + struct.pack(">I", len(certificate)) + certificate
    return store + bytes(20)


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode("ascii")


def _proxy_options(environ: Mapping[str, str]) -> list[str]:
    address = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    proxy = urlsplit(address if address and "//" in address else f"//{address or ''}")
    if not proxy.hostname:
        return []
    return [f"-Dhttps.proxyHost={proxy.hostname}", f"-Dhttps.proxyPort={proxy.port or 80}"]
