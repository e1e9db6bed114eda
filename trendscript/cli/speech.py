"""Commands for what is said in videos: `search` finds it to the second, `export transcript` writes it to a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trendscript.endpoints import postgres_dsn
from trendscript.errors import InputRefused, UsageError
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from trendscript.search import Conditions, Result

_Method = Literal["speech", "captions_manual", "captions_generated"]
_Language = Annotated[str | None, typer.Option("--lang", metavar="CODE", help="A language's code, as en or pt.")]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="A file. Default: standard output.")]
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_REGION = re.compile(r"[A-Z]{2}")


class ConditionRefused(UsageError):
    """Raised when a search is to keep to something that can't be read."""


class FileNotWritten(InputRefused):
    """Raised when the file for an export can't be written."""


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(search)
    export = typer.Typer(name="export", help="Write what is stored to a file.", no_args_is_help=True)
    export.callback()(_export)
    export.command()(transcript)
    app.add_typer(export)


def search(  # noqa: PLR0913  (each is an option of the command)
    query: Annotated[
        list[str], typer.Argument(help='Words, "a phrase" in quotes, -without, or. Put -- first for a -.')
    ],
    *,
    lang: _Language = None,
    channel: Annotated[str | None, typer.Option(help="Only of this channel: its id or its whole title.")] = None,
    region: Annotated[str | None, typer.Option(help="Only of videos that charted there, as US.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only of videos published since: 7d, 12h, 2w or 2026-01-31.")
    ] = None,
    method: Annotated[_Method | None, typer.Option(help="Only what was found out this way.")] = None,
    include_doubtful: Annotated[
        bool, typer.Option("--include-doubtful", help="Also sentences that may be made up or wrong.")
    ] = False,
    all_versions: Annotated[
        bool, typer.Option("--all-versions", help="All transcripts of a video, not just the best of each language.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many sentences.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is found as JSON.")] = False,
) -> None:
    """Find what is said in videos, with a link to the second.

    Quotes of a phrase have to pass the shell: trendscript search '"climate bill" -tax'.
    """
    from trendscript import search as searching  # noqa: PLC0415  (keeps --help quick)
    from trendscript.cli import speech_screen  # noqa: PLC0415  (as above)

    conditions = searching.Conditions(
        language=_read_language(lang),
        channel=channel,
        region=_read_region(region),
        since=None if since is None else _read_since(since),
        method=method,
        include_doubtful=include_doubtful,
        all_versions=all_versions,
    )
    text = " ".join(query)
    result = searching.search(postgres_dsn(read_settings()), text, conditions, limit=limit)
    if as_json:
        typer.echo(speech_screen.to_json(text, result))
    else:
        speech_screen.show(text, result, _hints(conditions, result))


def transcript(  # noqa: PLR0913  (each is an option of the command)
    video_id: Annotated[str, typer.Argument(help="Id of the video. Put -- before one that starts with -.")],
    *,
    wanted: Annotated[
        Literal["srt", "vtt", "txt", "json"], typer.Option("--format", help="Subtitles, plain text, or all there is.")
    ] = "txt",
    method: Annotated[_Method | None, typer.Option(help="Only what was found out this way.")] = None,
    lang: _Language = None,
    transcription_id: Annotated[str | None, typer.Option(help="This very transcript of the video.")] = None,
    output: _Output = None,
) -> None:
    """Write a video's transcript: the best one in the language that is spoken, unless another is named."""
    from trendscript import transcript_export, transcript_store  # noqa: PLC0415  (keeps --help quick)
    from trendscript.ids import VIDEO_ID, check_id  # noqa: PLC0415  (as above)

    asked = transcript_store.Wanted(check_id(video_id, VIDEO_ID), method, _read_language(lang), transcription_id)
    stored = transcript_store.read_transcript(postgres_dsn(read_settings()), asked)
    text = transcript_export.to_text(stored, wanted).encode()
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_bytes(text)
    except OSError as error:
        raise FileNotWritten(f"{output} can't be written ({error.strerror}).") from error
    typer.echo(f"{output}: {stored.about['method']}, {len(stored.segments)} segments.", err=True)


def _export() -> None:
    """Keep `export` a group while it has one command."""


def _read_language(given: str | None) -> str | None:
    if given is None or _LANGUAGE.fullmatch(given.lower()):
        return given and given.lower()
    raise ConditionRefused(f"{given!r} is not a language's code. Give two or three letters, as en, pt or haw.")


def _read_region(given: str | None) -> str | None:
    if given is None or _REGION.fullmatch(given.upper()):
        return given and given.upper()
    raise ConditionRefused(f"{given!r} is not a country's code. Give two letters, as US.")


def _read_since(given: str) -> datetime:
    """A day begins at midnight, UTC."""
    from trendscript.ids import DurationRefused, parse_duration  # noqa: PLC0415  (keeps --help quick)

    try:
        day = datetime.fromisoformat(given)
    except ValueError:
        try:
            return datetime.now(UTC) - parse_duration(given)
        except (DurationRefused, OverflowError) as error:
            raise ConditionRefused(
                f"{given!r} is no time. Give a length of time, as 12h, 7d or 2w, or a day, as 2026-01-31."
            ) from error
    return day if day.tzinfo else day.replace(tzinfo=UTC)


def _hints(conditions: Conditions, result: Result) -> list[str]:
    """What to try where nothing was found."""
    if result.hits and not result.close:
        return []
    doubtful = "Sentences that may be made up or wrong were left out; --include-doubtful takes them in."
    return [] if conditions.include_doubtful else [doubtful]
