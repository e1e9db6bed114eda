"""The transcriber's commands: arguments go in, videos are asked for and transcribed, counts come out."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (Typer reads the annotations when it runs)
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from types import ModuleType


def register(app: typer.Typer) -> None:
    """Add the transcriber's commands to the command line."""
    app.command("request-transcription")(request_transcription)


def request_transcription(  # noqa: PLR0913  (one parameter a flag)
    videos: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[VIDEO]...",
            help="Ids of videos, or their addresses at YouTube, of which only the id is taken. "
            "Put -- before an id that starts with -.",
            show_default=False,
        ),
    ] = None,
    *,
    ids_file: Annotated[
        Path | None, typer.Option("--ids-file", help="A text file with one video a line; - for standard input.")
    ] = None,
    charted_since: Annotated[
        str | None,
        typer.Option("--charted-since", metavar="TIME", help="Those in a chart within this time: 12h, 7d or 2w."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Model to transcribe with. Default: the transcriber's settings.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask also for what was asked for or transcribed before, and do it anew.")
    ] = False,
    if_changed: Annotated[
        bool,
        typer.Option(
            "--if-changed",
            help="Look at the audio of each video seen before, and ask only where its format or size is another.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Publish nothing; print how many videos and hours, and the time or dollars."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Ask for the words of videos: one message each to transcription_request, which `trendscript transcribe` works off.

    Videos that were asked for before are left out and counted; --again asks for them too.
    """
    requesting = _requesting()
    wish = requesting.Wish(tuple(videos or ()), ids_file, charted_since, model, again=again, if_changed=if_changed)
    requesting.run_request(wish, dry_run=dry_run, as_json=as_json)


def _requesting() -> ModuleType:
    from transcriber import requesting  # noqa: PLC0415  (the clients of Kafka and Postgres would slow every `--help`)

    return requesting
