"""Where clients are sent: to what the settings name, else to the running stack, else to a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from pydantic import SecretStr

from trendscript.endpoints import NoServer, kafka_bootstrap_servers, postgres_dsn
from trendscript.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Stack


def settings(**values: Any) -> Settings:
    """Build settings that neither this machine's environment nor a .env file fills."""
    return Settings.model_construct(None, **values)


def test_the_running_stack_is_the_default(stack: Stack) -> None:
    """Where nothing else is set, both addresses are the stack's, and the DSN works as it is."""
    local = settings(trendscript_home=stack.home)
    assert kafka_bootstrap_servers(local) == stack.bootstrap_servers
    assert postgres_dsn(local) == stack.dsn
    psycopg2.connect(postgres_dsn(local)).close()


def test_servers_named_in_client_properties_alone_are_enough(tmp_path: Path) -> None:
    """A file as a hosted Kafka gives it holds the address too; a setting of our own wins over it."""
    file = tmp_path / "client.properties"
    file.write_text("bootstrap.servers=one:9092,two:9092\n", encoding="utf-8")
    hosted = settings(trendscript_home=tmp_path, kafka_client_properties=file)
    assert kafka_bootstrap_servers(hosted) == "one:9092,two:9092"
    both = settings(kafka_client_properties=file, kafka_bootstrap_servers="three:9092")
    assert kafka_bootstrap_servers(both) == "three:9092"


def test_another_role_or_database_of_the_stack(stack: Stack) -> None:
    """The superuser's password isn't given to other roles, which need none here."""
    local = settings(trendscript_home=stack.home, postgres_db="other")
    place = stack.dsn.rpartition("@")[2].rpartition("/")[0]
    assert postgres_dsn(local, user="data_analyst") == f"postgresql://data_analyst@{place}/other"
    assert postgres_dsn(local) == stack.dsn.replace("/trendscript", "/other")


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    """Without a stack and without settings, both name the two ways out."""
    nowhere = settings(trendscript_home=tmp_path)
    with pytest.raises(NoServer, match="`trendscript up`") as kafka:
        kafka_bootstrap_servers(nowhere)
    with pytest.raises(NoServer, match="POSTGRES_HOST") as postgres:
        postgres_dsn(nowhere)
    assert (kafka.value.exit_code, postgres.value.exit_code) == (69, 69)


def test_settings_win_over_the_stack(stack: Stack) -> None:
    """A named server is meant even while the stack runs."""
    remote = settings(trendscript_home=stack.home, kafka_bootstrap_servers="broker:9092", postgres_host="db.example")
    assert kafka_bootstrap_servers(remote) == "broker:9092"
    assert postgres_dsn(remote) == "postgresql://postgres@db.example:5432/trendscript?sslmode=prefer"


def test_an_authority_that_is_named_is_asked() -> None:
    """Else a server that fails the check would be used in clear; who sets the mode has it as set."""
    named = settings(postgres_host="db.example", postgres_sslrootcert="/ca.pem")
    assert psycopg2.extensions.parse_dsn(postgres_dsn(named))["sslmode"] == "verify-full"
    chosen = settings(postgres_host="db.example", postgres_sslrootcert="/ca.pem", postgres_sslmode="verify-ca")
    assert psycopg2.extensions.parse_dsn(postgres_dsn(chosen))["sslmode"] == "verify-ca"


def test_a_password_of_any_characters_survives_the_uri() -> None:
    """Libpq reads back what was set; the password goes with its own role only."""
    remote = settings(postgres_host="::1", postgres_password=SecretStr("p@ss/w:rd% é"), postgres_user="a b")
    parsed = psycopg2.extensions.parse_dsn(postgres_dsn(remote))
    assert (parsed["user"], parsed["password"], parsed["host"]) == ("a b", "p@ss/w:rd% é", "::1")
    assert "password" not in psycopg2.extensions.parse_dsn(postgres_dsn(remote, user="other"))
