"""Questions: a number like q03 goes in, the rows of the view that answers it come out."""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg2 import errors, sql

from trendscript.errors import TryAgainLater, UsageError
from trendscript.migrations import VIEWS, DatabaseNotMigrated
from trendscript.postgres import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg2.extensions import connection as Connection  # noqa: N812  (a class with a lower-case name)

_FETCHED_AT_ONCE = 2_000
_WORK_MEMORY = "64MB"  # sorts of a year's charts stay off the disk

_QUESTIONS = r"""
    select c.relname, coalesce(obj_description(c.oid, 'pg_class'), '')
    from pg_class as c
    where c.relnamespace = to_regnamespace('trusted') and c.relkind = 'v' and c.relname ~ '^q\d\d_'
    order by c.relname
"""


class UnknownQuestion(UsageError):
    """Raised when there is no question of that number; the text lists those there are."""

    def __init__(self, asked: str, known: list[Question]) -> None:
        self.asked = asked
        numbers = ", ".join(question.number for question in known)
        super().__init__(f"There is no question {asked!r}; there are {numbers}. `trendscript ask` lists what they ask.")


class AnswerTookTooLong(TryAgainLater):
    """Raised when the server ends the query, as it does for analysts after their role's statement_timeout."""


@dataclass(frozen=True, slots=True)
class Question:
    """A view that answers a question, with what its comment says: the question, then how to read the answer."""

    view: str
    text: str
    reading: str

    @property
    def number(self) -> str:
        """The short name, as q03."""
        return self.view.partition("_")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a view. They stream from the server and can be read once."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def read_questions(dsn: str) -> list[Question]:
    """Read which questions the database answers, in order. Raises DatabaseNotMigrated when it has no views."""
    with closing(connect(dsn, application_name="trendscript ask")) as connection:
        return _read_questions(connection)


@contextmanager
def open_answer(dsn: str, asked: str, *, limit: int | None = None) -> Iterator[Answer]:
    """Open the answer to a question given as q03, Q3, 3 or the view's name; at most `limit` rows of it.

    Nothing is written, and memory does not grow with the rows. Raises UnknownQuestion, AnswerTookTooLong,
    DatabaseNotMigrated, and what `connect` raises.
    """
    with closing(connect(dsn, application_name="trendscript ask")) as connection, _time_limit():
        question = find_question(asked, _read_questions(connection))
        with connection.cursor() as settings:
            settings.execute(f"set transaction read only; set local work_mem = '{_WORK_MEMORY}'")
        with connection.cursor(name="answer") as cursor:
            cursor.itersize = _FETCHED_AT_ONCE
            statement = sql.SQL("select * from {} limit %s").format(sql.Identifier("trusted", question.view))
            cursor.execute(statement, (limit,))
            first = cursor.fetchmany(_FETCHED_AT_ONCE)  # a server-side cursor knows its columns once it has fetched
            columns = tuple(column.name for column in cursor.description or ())
            yield Answer(columns, _chain(first, cursor))


def find_question(asked: str, known: list[Question]) -> Question:
    """The question of a number given as q03, Q3, 3 or the view's name. Raises UnknownQuestion."""
    short = re.fullmatch(r"q?(\d{1,2})", asked.lower())
    wanted = f"q{int(short[1]):02d}" if short else asked.lower()
    for question in known:
        if wanted in (question.number, question.view):
            return question
    raise UnknownQuestion(asked, known)


def _read_questions(connection: Connection) -> list[Question]:
    with connection.cursor() as cursor:
        cursor.execute(_QUESTIONS)
        found = [_to_question(view, comment) for view, comment in cursor.fetchall()]
    if not found:
        raise DatabaseNotMigrated([VIEWS])
    return found


def _to_question(view: str, comment: str) -> Question:
    text, mark, reading = comment.partition("? ")
    return Question(view, text + mark.strip(), reading)


def _chain(first: list[tuple[Any, ...]], rest: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield from first
    yield from rest


@contextmanager
def _time_limit() -> Iterator[None]:
    try:
        yield
    except errors.QueryCanceled as error:
        raise AnswerTookTooLong(
            "The server ended the query, most likely at the role's statement_timeout. "
            "Ask for less with SQL on the view (a region, a week), or try again when the server has less to do."
        ) from error
