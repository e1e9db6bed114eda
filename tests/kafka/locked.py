"""A broker with its door locked: TLS by an authority of its own, passwords, and nobody may do what isn't granted."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

from tests.certificates import Authority
from trendscript.kafka import client_options
from trendscript.local.broker import ONE_BROKER, java_options, new_cluster_id
from trendscript.local.jars import kafka_classpath
from trendscript.local.java import java_command
from trendscript.local.ports import LOOPBACK, choose_port, is_held_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
ADMIN = "admin"
USERS = (ADMIN, "migrator", "producer", "loader", "transcriber", "operator", "nobody")
DOCUMENTED = Path(__file__).parents[2] / "docs" / "operations.md"

_MODULE = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
# As in the other tests' servers: Java lives for minutes here.
_ENVIRONMENT = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", **os.environ}
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.CLUSTER}
_numbers = itertools.count()
_SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=CLIENTS://{host}:{port},READABLE://{host}:{readable_port},CONTROLLER://{host}:{controller_port}
advertised.listeners=CLIENTS://localhost:{port},READABLE://localhost:{readable_port}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENTS:SASL_SSL,READABLE:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data

ssl.keystore.type=PEM
ssl.keystore.location=server.pem
ssl.truststore.type=PEM
ssl.truststore.location=authority.pem
sasl.enabled.mechanisms={mechanisms}
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.clients.plain.sasl.jaas.config={module} required username="admin" password="{password}" {users};
listener.name.readable.plain.sasl.jaas.config={module} required username="admin" password="{password}" {users};
listener.name.clients.scram-sha-256.sasl.jaas.config={scram_module} required;
listener.name.clients.scram-sha-512.sasl.jaas.config={scram_module} required;
listener.name.readable.scram-sha-256.sasl.jaas.config={scram_module} required;
listener.name.readable.scram-sha-512.sasl.jaas.config={scram_module} required;

authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS

"""


def password_of(user: str) -> str:
    """A password with what a file of properties, a login line and a URL have to be told about."""
    return f"{user}-s3/cr+et= x"


@dataclass(frozen=True, slots=True)
class LockedBroker:
    """The running broker, whose certificate says `localhost`, and the files of those who enter.

    What is said at `readable_port` is not encrypted.
    """

    folder: Path
    port: int
    readable_port: int
    authority: Path

    @property
    def address(self) -> str:
        """Where its certificate says that it is."""
        return f"localhost:{self.port}"

    @property
    def address_by_number(self) -> str:
        """The same place, by a name that its certificate doesn't have."""
        return f"{LOOPBACK}:{self.port}"

    def properties(self, user: str, mechanism: str = "PLAIN", *lines: str, password: str | None = None) -> Path:
        """A file as a hosting company hands it out, with the authority's certificate and these lines added."""
        known = password_of(user) if password is None else password
        path = self.folder / f"{next(_numbers)}-{user}.properties"
        text = [
            "# Required connection configs for Kafka producer, consumer, and admin",
            f"bootstrap.servers={self.address}",
            "security.protocol=SASL_SSL",
            f"sasl.jaas.config={_MODULE[mechanism]} required username='{user}' password='{known}';",
            f"sasl.mechanism={mechanism}",
            "# Required for correctness in Apache Kafka clients prior to 2.6",
            "client.dns.lookup=use_all_dns_ips",
            "# Best practice for higher availability in Apache Kafka clients prior to 3.0",
            "session.timeout.ms=45000",
            "# Best practice for Kafka producer to prevent data loss",
            "acks=all",
            f"ssl.truststore.location={self.authority}",
            *lines,
        ]
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        path.chmod(0o600)
        return path

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """A client that may do everything."""
        with closing(KafkaAdminClient(**client_options("", self.properties(ADMIN)))) as admin:
            yield admin

    def grant(self, *rights: ACL) -> None:
        """Let somebody do something, as kafka-acls.sh --add does."""
        with self.admin() as admin:
            created = admin.create_acls(list(rights))
        assert len(created["succeeded"]) == len(rights), created

    def revoke(self, *rights: ACL) -> None:
        """Take it back."""
        with self.admin() as admin:
            admin.delete_acls(list(rights))


def documented_rights(user: str) -> list[ACL]:
    """What docs/operations.md tells an operator to grant a user, each right by itself."""
    commands = re.findall(
        r"^kafka-acls\.sh .*?[^\\]$", DOCUMENTED.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    words = [shlex.split(command.replace("\\\n", " ")) for command in commands]
    return [right for command in words if f"User:{user}" in command for right in _rights(command)]


def _rights(words: Sequence[str]) -> Iterator[ACL]:
    """The rights of one command: each operation on each resource."""
    pairs = list(itertools.pairwise([*words, "--"]))
    (principal,) = (value for word, value in pairs if word == "--allow-principal")
    for operation in (value for word, value in pairs if word == "--operation"):
        for word, value in pairs:
            if (kind := _KINDS.get(word.removeprefix("--"))) is not None:
                name = "kafka-cluster" if kind == ResourceType.CLUSTER else value
                yield ACL(
                    principal,
                    "*",
                    ACLOperation[re.sub(r"(?<!^)(?=[A-Z])", "_", operation).upper()],
                    ACLPermissionType.ALLOW,
                    ResourcePattern(kind, name, ACLResourcePatternType.LITERAL),
                )


@contextmanager
def locked_broker(folder: Path) -> Iterator[LockedBroker]:
    """A broker of one's own in this folder, stopped at the end."""
    authority = Authority.make(folder / "authority.pem")
    certificate, key = authority.certify(folder, "localhost")
    (folder / "server.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    port = choose_port(19_192)
    readable_port = choose_port(19_193, taken=[port])
    _write_properties(folder, port, readable_port, choose_port(19_194, taken=[port, readable_port]))
    classpath, java = kafka_classpath(), java_command()
    _format(folder, java, classpath)
    log = folder / "kafka.log"
    with (
        log.open("wb") as written,
        subprocess.Popen(
            [java, *java_options(), "-cp", classpath, "kafka.Kafka", "server.properties"],
            cwd=folder,
            stdout=written,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
        ) as server,
    ):
        try:
            deadline = time.monotonic() + 120
            while not is_held_by(server.pid, port):
                assert server.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-4000:]
                assert time.monotonic() < deadline, "the broker doesn't listen"
                time.sleep(0.1)
            yield LockedBroker(folder, port, readable_port, authority.file)
        finally:
            server.terminate()


def _write_properties(folder: Path, port: int, readable_port: int, controller_port: int) -> None:
    users = " ".join(f'user_{user}="{password_of(user)}"' for user in USERS)
    text = _SERVER_PROPERTIES.format(
        host=LOOPBACK,
        port=port,
        readable_port=readable_port,
        controller_port=controller_port,
        mechanisms=",".join(MECHANISMS),
        module=_MODULE["PLAIN"],
        scram_module=_MODULE["SCRAM-SHA-256"],
        password=password_of(ADMIN),
        users=users,
    )
    (folder / "server.properties").write_text(text + ONE_BROKER, encoding="ascii")


def _format(folder: Path, java: str, classpath: str) -> None:
    scram = [
        f"{mechanism}=[name={user},password={password_of(user)}]"
        for mechanism in MECHANISMS
        if mechanism.startswith("SCRAM")
        for user in USERS
    ]
    added = [word for credential in scram for word in ("--add-scram", credential)]
    tool = [java, *java_options(), "-cp", classpath, "kafka.tools.StorageTool", "format", "-t", new_cluster_id()]
    formatted = subprocess.run(
        [*tool, "-c", "server.properties", *added],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=_ENVIRONMENT,
    )
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr
