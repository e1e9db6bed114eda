"""Connecting to Postgres, and the sentence where it can't be done."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import pytest

from trendscript.postgres import DatabaseMissing, PostgresRefused, PostgresUnreachable, connect, describe

if TYPE_CHECKING:
    from tests.conftest import Stack


def _with_login(dsn: str, login: str) -> str:
    address = urlsplit(dsn)
    return urlunsplit(address._replace(netloc=f"{login}@{address.netloc.rpartition('@')[2]}"))


def test_a_connection_says_who_it_is_and_notices_a_dead_network(stack: Stack) -> None:
    """The name is in pg_stat_activity, time-outs are set, and those of the address come first."""
    dsn = f"{stack.dsn}?connect_timeout=3"
    with closing(connect(dsn, application_name="a test", autocommit=True)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("select application_name from pg_stat_activity where pid = pg_backend_pid()")
            assert cursor.fetchone() == ("a test",)
        parameters = connection.info.dsn_parameters
        assert (parameters["keepalives_idle"], parameters["connect_timeout"]) == ("10", "3")
        assert connection.autocommit


def test_no_server_is_unreachable() -> None:
    """Port 1 answers nobody."""
    with pytest.raises(PostgresUnreachable, match=r"127.0.0.1:1.*trendscript up") as failure:
        connect("postgresql://me:secret@127.0.0.1:1/trendscript", application_name="a test")
    assert failure.value.exit_code == 69
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("name", ["nowhere", "certificates"])
def test_a_missing_database_is_named(stack: Stack, name: str) -> None:
    """The sentence says what creates it; a name that sounds like TLS changes nothing."""
    dsn = urlunsplit(urlsplit(stack.dsn)._replace(path=f"/{name}"))
    with pytest.raises(DatabaseMissing, match=rf"'{name}'.*trendscript migrate") as failure:
        connect(dsn, application_name="a test")
    assert failure.value.exit_code == 78


@pytest.mark.parametrize("login", ["nobody", "nobody:secret"])
def test_a_refused_login_names_the_user_and_not_the_password(stack: Stack, login: str) -> None:
    """An unknown role is refused like a wrong password."""
    with pytest.raises(PostgresRefused, match=r"'nobody'.*POSTGRES_PASSWORD") as failure:
        connect(_with_login(stack.dsn, login), application_name="a test")
    assert failure.value.exit_code == 78
    assert "secret" not in str(failure.value)


def test_an_address_that_cant_be_read_is_not_repeated() -> None:
    """The driver would quote it, password and all."""
    with pytest.raises(PostgresRefused) as failure:
        connect("postgresql://me:sec ret@127.0.0.1:5432:x/db?nonsense=1", application_name="a test")
    assert "ret" not in str(failure.value).replace("address", "")
    assert failure.value.__cause__ is None


def test_an_address_is_described_without_its_password() -> None:
    """For sentences and logs."""
    assert describe("postgresql://me:secret@db.example:6432/house") == "db.example:6432, database 'house', user 'me'"
