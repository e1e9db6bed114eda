"""Command lines that pages and files show: they are read by the real command line, and not run."""

from __future__ import annotations

import re
import shlex

from typer.core import TyperGroup
from typer.main import get_command

from trendscript.cli.main import app


def to_words(command: str) -> list[str]:
    """The words of one command, without what a shell does with its output."""
    return shlex.split(re.split(r" (?:2?>>?|\|) ", command, maxsplit=1)[0])


def resolve(words: list[str]) -> tuple[str, ...]:
    """Let the real command line read the words, without running the command: its name. Raises what it raises."""
    command, name, rest = get_command(app), list[str](), words[1:]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"`{' '.join(words)}`: there is no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
        name.append(command.name or "")
    if rest:
        command.make_context(words[0], list(rest))
    return tuple(name)
