"""Commands for the warehouse: `migrate` makes it and brings it up to date, `ask` reads its answers."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from trendscript.cli.answers import write_csv, write_json, write_table
from trendscript.endpoints import kafka_bootstrap_servers, postgres_dsn
from trendscript.errors import UsageError
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from trendscript.questions import Answer, Question
    from trendscript.settings import Settings

_ROWS_FOR_A_PERSON = 20


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(migrate)
    app.command()(ask)


def migrate(
    *,
    database_only: Annotated[bool, typer.Option("--database-only", help="Leave Kafka's topics alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Make the database and the topics, or bring them up to this release; harmless when they are."""
    from trendscript import migrations  # noqa: PLC0415  (keeps --help quick)

    settings = read_settings()
    applied = migrations.migrate(postgres_dsn(settings))
    if not as_json:
        typer.echo(f"Database: {', '.join(applied)} applied." if applied else "Database: up to date.")
    created = None if database_only else _create_topics(settings)
    if as_json:
        topics = {} if created is None else {"topics": {"created": created}}
        typer.echo(json.dumps({"database": {"applied": applied}} | topics))
    elif created is not None:
        typer.echo(f"Topics: {', '.join(created)} created." if created else "Topics: all there.")


def ask(
    question: Annotated[str | None, typer.Argument(help="As q03. Without one, the questions are listed.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print all rows as a JSON array.")] = False,
    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="Print all rows as CSV; texts like formulas get a leading apostrophe."),
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help=f"At most so many rows. Default: {_ROWS_FOR_A_PERSON} in a table, else all."),
    ] = None,
) -> None:
    """Answer a question from the warehouse; without one, list the questions."""
    from trendscript import questions  # noqa: PLC0415  (keeps --help quick)

    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other; give one of them.")
    dsn = postgres_dsn(read_settings())
    if question is None:
        _show_questions(questions.read_questions(dsn), as_json=as_json, as_csv=as_csv)
        return
    for_person = not (as_json or as_csv)
    wanted = limit or (_ROWS_FOR_A_PERSON if for_person else None)
    # One row more than is shown tells whether there are more.
    with questions.open_answer(dsn, question, limit=wanted + 1 if wanted and for_person else wanted) as answer:
        if for_person:
            _show_answer(answer, wanted or _ROWS_FOR_A_PERSON)
        else:
            (write_json if as_json else write_csv)(answer.columns, answer.rows)


def _create_topics(settings: Settings) -> list[str]:
    from trendscript.contracts import load_contracts  # noqa: PLC0415  (keeps --help quick)
    from trendscript.kafka import ensure_topics  # noqa: PLC0415  (keeps --help quick)

    return ensure_topics(
        load_contracts().values(),
        bootstrap_servers=kafka_bootstrap_servers(settings),
        client_properties=settings.kafka_client_properties,
    )


def _show_questions(known: list[Question], *, as_json: bool, as_csv: bool) -> None:
    if as_json or as_csv:
        rows = [(question.number, question.view, question.text, question.reading) for question in known]
        (write_json if as_json else write_csv)(("number", "view", "question", "reading"), rows)
        return
    for question in known:
        typer.echo(f"{question.number}  {question.text}")


def _show_answer(answer: Answer, limit: int) -> None:
    rows = list(islice(answer.rows, limit))
    hidden = write_table(answer.columns, rows)
    if not rows:
        typer.echo("No rows yet: load some charts first.")
    notes = [f"{hidden} more columns" if hidden else "", "more rows" if next(answer.rows, None) is not None else ""]
    if any(notes):
        typer.echo(f"There are {' and '.join(note for note in notes if note)}: --json or --csv shows all.")
