"""What the demo shows at its end: a loaded warehouse goes in; answers, a search and what to try next are written."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from spark_jobs.dead_letters import find_dead_letters
from trendscript.cli import speech_screen
from trendscript.cli.demo_screen import program
from trendscript.demo.answers import QUESTIONS
from trendscript.demo.speech import PHRASE, SAID_BY_OTHERS
from trendscript.endpoints import postgres_dsn
from trendscript.postgres import connect
from trendscript.search import search

if TYPE_CHECKING:
    from trendscript.cli.demo_screen import Screen
    from trendscript.settings import Settings


def show_answers(screen: Screen, settings: Settings) -> None:
    """Answer the demo's questions as an analyst may: read-only, from schema trusted. Then say what to try next."""
    screen.write(f"{screen.seconds:5.1f} s  in all")
    for question in QUESTIONS:
        screen.write()
        screen.write(f"{question.text}  [{question.name}]", bold=True)
        screen.write(question.note)
        _show_rows(screen, settings, question.query)
    _show_speech(screen, settings)
    letters = _broken_messages(settings)
    if letters:
        screen.write("One message was broken: its view count is a text. It is kept as it came; its neighbours are in.")
    screen.write()
    screen.write("Next", bold=True)
    commands = _next_commands(letters)
    width = max(len(command) for command, _ in commands)
    for command, what in commands:
        screen.write(f"  {program()} {command:<{width}}  {what}")
    screen.write()
    screen.write("README.md says how to go on with charts of your own: a free key, or files you have.")


def _show_rows(screen: Screen, settings: Settings, query: str) -> None:
    dsn = postgres_dsn(settings, user="data_analyst")
    with closing(connect(dsn, application_name="trendscript demo")) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        screen.table([column.name for column in cursor.description or ()], cursor.fetchall())


def _show_speech(screen: Screen, settings: Settings) -> None:
    """Search what was said, as an analyst may, and show where."""
    screen.write()
    screen.write(f"Who says {PHRASE}, and when?  [search]", bold=True)
    screen.write("A model listened to clips of three videos; the link leads to the second it is said.")
    screen.write()
    speech_screen.show(PHRASE, search(postgres_dsn(settings, user="data_analyst"), PHRASE))


def _broken_messages(settings: Settings) -> list[str]:
    """Ids of what is in quarantine; none once an operator has cleared it."""
    dsn = postgres_dsn(settings)
    _total, letters = find_dead_letters(dsn, topic="youtube_trending", state="open", limit=1)
    return [letter.identifier for letter in letters]


def _next_commands(letters: list[str]) -> list[tuple[str, str]]:
    return [
        ("ask q03", "the whole answer; also --json and --csv"),
        (f"search {SAID_BY_OTHERS}", "another phrase, with a link to its second"),
        *((f"dead-letters show {letter}", "the broken message and its reason") for letter in letters),
        ("load --dry-run", "what a load would do, without doing it"),
        ("status", "addresses, for psql and for other programs"),
        ("down", "stop the servers; data stay"),
    ]
