"""The transcriber's commands: arguments go in, videos are asked for and transcribed, counts come out."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (Typer reads the annotations when it runs)
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the transcriber's commands to the command line."""
    app.command("request-transcription")(request_transcription)
    app.command("transcribe")(transcribe)


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
        str | None,
        typer.Option(
            "--model",
            help="Model to transcribe with: one of Whisper's sizes, or of the transcriber's TRANSCRIPTION_MODELS. "
            "Default: the transcriber's settings.",
        ),
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
    from transcriber.requests.commands import run_request  # noqa: PLC0415  (Kafka's client would slow every `--help`)
    from transcriber.requests.requesting import Wish  # noqa: PLC0415  (as above)

    wish = Wish(tuple(videos or ()), ids_file, charted_since, model, again=again, if_changed=if_changed)
    run_request(wish, dry_run=dry_run, as_json=as_json)


def transcribe(
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on waiting for requests until stopped; wait out what may be mended.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Model for requests that name none. Default: WHISPER_MODEL or OPENAI_MODEL."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=0, max=65535, help="Serve /metrics and /health there. Default: nowhere."),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option("--metrics-host", help="Address to serve them at; 0.0.0.0 lets other machines ask.")
    ] = "127.0.0.1",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Work off the requests that wait: bring each video's audio, have it transcribed, publish what is said.

    Stopped or killed, it goes on where it was the next time; what is done of a long video is not done again.
    """
    from transcriber.service.command import run_transcribe  # noqa: PLC0415  (PyAV and Kafka's client are slow)

    run_transcribe(follow=follow, model=model, metrics_port=metrics_port, metrics_host=metrics_host, as_json=as_json)
