"""Where the servers are: settings go in; Kafka's bootstrap servers and Postgres's DSN come out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from trendscript.errors import ServerUnreachable
from trendscript.kafka import client_options
from trendscript.local import stack

if TYPE_CHECKING:
    from trendscript.settings import Settings

_LOCAL_SUPERUSER = "postgres"


class NoServer(ServerUnreachable):
    """Raised when no setting names a server and the local stack doesn't run."""


def kafka_bootstrap_servers(settings: Settings) -> str:
    """Return what the settings or their client.properties name, else the address of the running local stack.

    Raises NoServer, or ClientPropertiesRefused when the file can't be read.
    """
    if settings.kafka_bootstrap_servers:
        return settings.kafka_bootstrap_servers
    if settings.kafka_client_properties:
        named = client_options("", settings.kafka_client_properties)["bootstrap_servers"]
        if named:
            return ",".join(named)
    kafka = stack.status(settings.trendscript_home).kafka
    if kafka.running and kafka.address:
        return kafka.address
    raise NoServer(
        "No Kafka to talk to: the local stack doesn't run and KAFKA_BOOTSTRAP_SERVERS isn't set. "
        "Run `trendscript up`, or set it."
    )


def postgres_dsn(settings: Settings, *, user: str | None = None) -> str:
    """Return a libpq URI for what the settings name, else for the running local stack.

    `user` connects as another role than the settings' one; the password stays with the role it was given for.
    Raises NoServer.
    """
    role = user or settings.postgres_user
    if settings.postgres_host:
        return _remote_dsn(settings, role)
    postgres = stack.status(settings.trendscript_home).postgres
    if postgres.running and postgres.address:
        return _local_dsn(postgres.address, role, settings)
    raise NoServer(
        "No Postgres to talk to: the local stack doesn't run and POSTGRES_HOST isn't set. "
        "Run `trendscript up`, or set it."
    )


def _remote_dsn(settings: Settings, role: str) -> str:
    secret = settings.postgres_password if role == settings.postgres_user else None
    password = f":{quote(secret.get_secret_value(), safe='')}" if secret else ""
    host = quote(settings.postgres_host or "", safe=":[]")
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    tls = {"sslmode": settings.postgres_sslmode}
    if settings.postgres_sslrootcert:
        tls["sslrootcert"] = settings.postgres_sslrootcert
        # libpq's `prefer` would go on in clear where the check fails.
        if "postgres_sslmode" not in settings.model_fields_set:
            tls["sslmode"] = "verify-full"
    return (
        f"postgresql://{quote(role, safe='')}{password}@{bracketed}:{settings.postgres_port}"
        f"/{quote(settings.postgres_db, safe='')}?{urlencode(tls, quote_via=quote, safe='')}"
    )


def _local_dsn(address: str, role: str, settings: Settings) -> str:
    """Put role and database into the stack's own DSN: its password is the superuser's, other roles need none."""
    parts = urlsplit(address)
    login = parts.netloc if role == _LOCAL_SUPERUSER else f"{quote(role, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=login, path=f"/{quote(settings.postgres_db, safe='')}"))
