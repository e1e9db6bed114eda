"""The warehouse: whether Postgres answers, and whether its database, roles and clock are as a load needs them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trendscript.doctor.finding import Finding
from trendscript.doctor.rights import ROLES, broken_rules, to_rules

if TYPE_CHECKING:
    from trendscript.doctor.surroundings import Surroundings

_OLDEST = 150_000
_SHOWN = 4
_GRANT_ANEW = "delete from pipeline.sql_checksum where name = 'views', then run `trendscript migrate`"


def check_postgres(surroundings: Surroundings) -> Finding:
    """It answers, and is 15 or newer. Raises NoServer, PostgresUnreachable, PostgresRefused or DatabaseMissing."""
    from trendscript.postgres import describe  # noqa: PLC0415  (keeps --help quick)

    version = surroundings.connection.server_version
    ((name,),) = surroundings.rows("select current_setting('server_version')")
    found = f"PostgreSQL {name} at {describe(surroundings.dsn)}."
    if version < _OLDEST:
        return Finding("broken", found, "The SQL here needs PostgreSQL 15 or newer: upgrade it.")
    return Finding("ok", found)


def check_clock(surroundings: Surroundings) -> Finding:
    """The server's clock agrees with this machine's, give or take how long the question took."""
    before = datetime.now(UTC)
    ((there,),) = surroundings.rows("select clock_timestamp()")
    after = datetime.now(UTC)
    apart = max(before - there, there - after).total_seconds()
    if apart > surroundings.thresholds.skew.total_seconds():
        return Finding(
            "warning",
            f"Its clock and this machine's are {apart:,.0f} s apart, so ages and freshness are wrong by as much.",
            "Let both keep time by NTP.",
        )
    return Finding("ok", "Its clock agrees with this machine's.")


def check_migrations(surroundings: Surroundings) -> Finding:
    """All migrations of this release are applied, none was changed since, and the views are this release's."""
    from trendscript.migrations import VIEWS, migration_names  # noqa: PLC0415  (keeps --help quick)
    from trendscript.migrations.checksums import read_checksums  # noqa: PLC0415  (as above)
    from trendscript.migrations.sql_files import migration_checksum, views_checksum  # noqa: PLC0415  (as above)

    applied, ours = read_checksums(surroundings.connection), migration_names()
    edited = [name for name in ours if name in applied and applied[name] != migration_checksum(name)]
    missing = [name for name in ours if name not in applied]
    later = sorted(applied.keys() - {*ours, VIEWS})
    if edited:
        return Finding(
            "broken",
            f"{', '.join(edited)} differs from what this database was made with.",
            "Put the file back as it was released, and bring the change as a migration of its own.",
        )
    if missing:
        return Finding("broken", f"Not applied: {', '.join(missing)}.", "Run `trendscript migrate`.")
    if later:
        return Finding(
            "warning", f"The database knows {', '.join(later)}, and this release does not.", "Upgrade this program."
        )
    if applied.get(VIEWS) != views_checksum():
        return Finding("warning", "Views and grants are another release's.", "Run `trendscript migrate`.")
    return Finding("ok", f"All {len(ours)} are applied and unchanged; the views are current.")


def check_trigrams(surroundings: Surroundings) -> Finding:
    """The extension that searches need is where they look for it."""
    schemas = surroundings.rows("select extnamespace::regnamespace::text from pg_extension where extname = 'pg_trgm'")
    if not schemas:
        return Finding("broken", "The extension pg_trgm is not installed.", "Run `trendscript migrate`.")
    if schemas != [("public",)]:
        return Finding(
            "broken",
            f"The extension pg_trgm is in schema {schemas[0][0]}, and searches look for it in public.",
            "As its owner: alter extension pg_trgm set schema public.",
        )
    return Finding("ok", "The extension pg_trgm is in schema public.")


def check_roles(surroundings: Surroundings) -> Finding:
    """Every role is there, and may do what its work needs and nothing that another's does."""
    there = {name for (name,) in surroundings.rows("select rolname from pg_roles where rolname = any(%s)", [[*ROLES]])}
    missing = [role for role in ROLES if role not in there]
    if missing:
        return Finding("broken", f"Missing: {', '.join(missing)}.", f"To make and grant anew: {_GRANT_ANEW}.")
    broken = broken_rules(surroundings, to_rules(surroundings.contracts.values()))
    if broken:
        more = f"; and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        return Finding(
            "broken",
            f"{'; '.join(broken[:_SHOWN])}{more}.",
            f"Revoke what was granted by hand; to grant what is missing: {_GRANT_ANEW}.",
        )
    return Finding("ok", "The writer writes, the janitor deletes, analysts read and can't write.")
