"""How an executor reaches Postgres: the address comes with the task, the password is read here and nowhere else."""

from __future__ import annotations

from psycopg2.extensions import make_dsn, parse_dsn

from trendscript.settings import read_postgres_password

_KEEPALIVES = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


def without_password(dsn: str) -> str:
    """The address as it may travel in a task's closure."""
    return str(make_dsn(**{name: value for name, value in parse_dsn(dsn).items() if name != "password"}))


def executor_dsn(dsn: str) -> str:
    """The address with this machine's secret: POSTGRES_PASSWORD, or the file that POSTGRES_PASSWORD_FILE names."""
    password = read_postgres_password()
    secret = {"password": password.get_secret_value()} if password else {}
    return str(make_dsn(dsn, **_KEEPALIVES, **secret))
