"""Rights: contracts go in, what each role must and must not be allowed comes out, and what the database says to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trendscript.contracts import Contract
    from trendscript.doctor.surroundings import Surroundings

Role = Literal["trendscript_owner", "pipeline_writer", "pipeline_janitor", "data_analyst"]

ROLES: tuple[Role, ...] = ("trendscript_owner", "pipeline_writer", "pipeline_janitor", "data_analyst")
_LEDGER = ("topic", "batch", "batch_range", "position", "dead_letter", "accepted_gap", "lease", "notice")
_NOTING = ("select", "insert", "update")
_WRITING = ("insert", "update", "delete", "truncate")

# A privilege of a role on tables; `null` stands for tables that there are not.
_TABLES = """
    select rule.number, array_agg(name order by name)
    from jsonb_to_recordset(%(rules)s::jsonb) as rule (number integer, role text, privilege text, allowed boolean,
        tables text[])
    cross join unnest(rule.tables) as name
    where has_table_privilege(rule.role::name, to_regclass(name)::oid, rule.privilege) is distinct from rule.allowed
    group by rule.number order by rule.number
"""
_ALL_TABLES = """
    select format('%I.%I', schemaname, tablename), schemaname from pg_tables
    where schemaname in ('pipeline', 'processed') order by 1
"""
_OTHERS = """
    select 'data_analyst may create in schema ' || nspname from pg_namespace
    where nspname in ('pipeline', 'processed', 'trusted') and has_schema_privilege('data_analyst', oid, 'create')
    union all
    select 'data_analyst is a member of ' || rolname from pg_roles
    where rolname <> 'data_analyst' and pg_has_role('data_analyst', oid, 'member')
        and (rolname in ('trendscript_owner', 'pipeline_writer', 'pipeline_janitor') or rolsuper)
    union all
    select rolname || ' is a superuser' from pg_roles
    where rolsuper and rolname in ('pipeline_writer', 'pipeline_janitor', 'data_analyst')
    union all
    select 'pipeline_writer may not make temporary tables'
    where not has_database_privilege('pipeline_writer', current_database(), 'temporary')
    union all
    select 'data_analyst may not read ' || viewname from pg_views
    where schemaname = 'trusted' and not has_table_privilege('data_analyst', format('%I.%I', schemaname, viewname),
        'select')
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a role must be allowed, or must not be, on tables by their full names."""

    role: Role
    privilege: str
    tables: tuple[str, ...]
    allowed: bool = True

    def said(self, tables: list[str]) -> str:
        """That these of the tables break it."""
        where = tables[0] if len(tables) == 1 else f"{tables[0]} and {len(tables) - 1} more tables"
        return f"{self.role} may {'not ' if self.allowed else ''}{self.privilege} {where}"


def to_rules(contracts: Iterable[Contract]) -> list[Rule]:
    """What loads, purges and readers need of the contracts' tables and of the ledger."""
    fed = {table.physical_name for contract in contracts for table in contract.tables}
    ledger = tuple(f"pipeline.{name}" for name in _LEDGER)
    processed = tuple(sorted(name for name in fed if name.startswith("processed.")))
    written = (*sorted(fed), *ledger)
    return [
        *(Rule("pipeline_writer", privilege, written) for privilege in _NOTING),
        Rule("pipeline_janitor", "delete", (*processed, "pipeline.dead_letter", "pipeline.api_usage")),
        *(Rule("pipeline_janitor", privilege, ("pipeline.purge", "pipeline.lease")) for privilege in _NOTING),
        Rule("data_analyst", "select", processed),
    ]


def broken_rules(surroundings: Surroundings, rules: list[Rule]) -> list[str]:
    """What is not as it must be, a sentence's part each; analysts are asked about every table there is."""
    from psycopg2.extras import Json  # noqa: PLC0415  (keeps --help quick)

    tables = surroundings.rows(_ALL_TABLES)
    everything, hidden = tuple(name for name, _ in tables), tuple(name for name, at in tables if at == "pipeline")
    rules = [
        *rules,
        *(Rule("data_analyst", privilege, everything, allowed=False) for privilege in _WRITING),
        Rule("data_analyst", "select", hidden, allowed=False),
    ]
    asked = [
        {"number": number, "role": rule.role, "privilege": rule.privilege, "allowed": rule.allowed}
        | {"tables": list(rule.tables)}
        for number, rule in enumerate(rules)
    ]
    broken = surroundings.rows(_TABLES, {"rules": Json(asked)})
    return [*(rules[number].said(names) for number, names in broken), *(said for (said,) in surroundings.rows(_OTHERS))]
