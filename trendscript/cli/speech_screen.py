"""How what was said is shown: for a person with its words in bold and a link, for programs as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import orjson
from rich.console import Console
from rich.text import Text

from trendscript.cli.answers import to_shown_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trendscript.search import Hit, Result

_INDENT = " " * 9
_PIPE_WIDTH = 2_000


def to_json(query: str, result: Result) -> bytes:
    """A search as JSON: `marks` are where in `text` the words are, `highlighted` has them in «»; times are UTC."""
    hits = [asdict(hit) | {"highlighted": hit.highlighted} for hit in result.hits]
    value = {"query": query, "found": result.found, "fallback": result.close, "hits": hits}
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)


def show(query: str, result: Result, hints: Sequence[str] = ()) -> None:
    """Print hits for a person: what is said when, in which video, and the link; nothing in it steers the terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH)
    for line in _lines(query, result, hints):
        console.print(line, soft_wrap=True)


def to_clock(seconds: float) -> str:
    """Seconds as a player shows them: 0:43, 12:05, 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _lines(query: str, result: Result, hints: Sequence[str]) -> Iterator[Text]:
    shown = to_shown_cell(query)
    if result.close:
        yield Text(f"Nothing matches {shown} exactly; close:\n")
    elif not result.hits:
        yield Text(f"Nothing is said of {shown}.")
    for hit in result.hits:
        yield from _of_hit(hit)
    for line in (*_count(result), *hints):
        yield Text(line)


def _of_hit(hit: Hit) -> Iterator[Text]:
    clock = "" if hit.start_seconds is None else to_clock(hit.start_seconds)
    said = Text(f"{clock:>7}  ", end="")
    for part, marked in hit.parts():
        said.append(to_shown_cell(part), style="bold" if marked else "")
    yield said
    day = f"{hit.published_at:%Y-%m-%d}" if hit.published_at else None
    doubt = f"doubtful: {' '.join(hit.flags)}" if hit.doubtful else None
    parts = (hit.title or "title unknown", hit.channel_title, day, hit.method.replace("_", " "), hit.language, doubt)
    yield Text(_INDENT + " · ".join(to_shown_cell(part) for part in parts if part), style="dim")
    yield Text(f"{_INDENT}{hit.url}\n")


def _count(result: Result) -> Iterator[str]:
    if result.close or not result.hits:
        return
    if result.found is None:
        yield "So many sentences hold this that only the newest were looked through; more words narrow it down."
    elif result.found > len(result.hits):
        yield f"{len(result.hits)} of {result.found:,} sentences; --limit shows more."
