"""`trendscript ingest`: arguments go in, a source is read into its topic, counts and an exit code come out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.files.cli import register_file

if TYPE_CHECKING:
    from types import ModuleType

_Regions = Annotated[
    list[str] | None,
    typer.Option("--region", help="A country's two letters, as FR. Repeat it for more. Default: YOUTUBE_REGIONS."),
]
_AllRegions = Annotated[bool, typer.Option("--all-regions", help="Every region that YouTube lists (one unit more).")]
_MaxUnits = Annotated[
    int | None,
    typer.Option("--max-units", min=0, help="Stop before more quota units are spent. Default: YOUTUBE_MAX_UNITS."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
_IdsFile = Annotated[
    Path | None, typer.Option("--ids-file", help="A text file with one id a line; - for standard input.")
]
_ChartedSince = Annotated[
    str | None,
    typer.Option("--charted-since", metavar="TIME", help="Those in a chart within this time: 12h, 7d or 2w."),
]


def register(app: typer.Typer) -> None:
    """Add `ingest` and its commands to the command line."""
    ingest = typer.Typer(name="ingest", help="Bring records from a source to its topic.", no_args_is_help=True)
    ingest.command()(charts)
    register_file(ingest)
    ingest.command()(videos)
    ingest.command()(channels)
    ingest.command()(categories)
    app.add_typer(ingest)


def charts(  # noqa: PLR0913  (one parameter a flag)
    *,
    region: _Regions = None,
    all_regions: _AllRegions = False,
    category: Annotated[
        list[str] | None, typer.Option("--category", help="A category's number, as 10. Default: the whole chart.")
    ] = None,
    max_units: _MaxUnits = None,
    transcribe_top: Annotated[
        int | None,
        typer.Option(
            "--transcribe-top",
            min=1,
            metavar="N",
            help="Also request transcriptions of the first N videos of each chart that were not asked for before.",
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Read YouTube's most popular videos of regions, whole charts only, into youtube_trending.

    A region that can't be read stops no other: the good ones are published, and the exit code is 75.
    """
    commands = _commands()
    request = commands.RegionsRequest(
        tuple(region or ()), all_regions, tuple(category or ()), max_units, transcribe_top
    )
    commands.run_regions(commands.CHARTS, request, as_json=as_json)


def categories(
    *, region: _Regions = None, all_regions: _AllRegions = False, max_units: _MaxUnits = None, as_json: _Json = False
) -> None:
    """Read the names of the video categories of regions into youtube_category."""
    commands = _commands()
    request = commands.RegionsRequest(tuple(region or ()), all_regions, max_units=max_units)
    commands.run_regions(commands.CATEGORIES, request, as_json=as_json)


def videos(  # noqa: PLR0913  (one parameter a flag)
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of videos. Put -- before one that starts with -.")
    ] = None,
    *,
    ids_file: _IdsFile = None,
    charted_since: _ChartedSince = None,
    max_units: _MaxUnits = None,
    transcribe: Annotated[
        bool,
        typer.Option(
            "--transcribe", help="Also request transcriptions of those that came and were not asked for before."
        ),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Read videos as they are now into youtube_video; one that is gone becomes an absence."""
    commands = _commands()
    request = commands.IdsRequest(tuple(ids or ()), ids_file, charted_since, max_units, transcribe)
    commands.run_ids(commands.VIDEOS, request, as_json=as_json)


def channels(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of channels; each starts with UC.")] = None,
    *,
    ids_file: _IdsFile = None,
    charted_since: _ChartedSince = None,
    max_units: _MaxUnits = None,
    as_json: _Json = False,
) -> None:
    """Read channels as they are now into youtube_channel."""
    commands = _commands()
    request = commands.IdsRequest(tuple(ids or ()), ids_file, charted_since, max_units)
    commands.run_ids(commands.CHANNELS, request, as_json=as_json)


def _commands() -> ModuleType:
    from ingest import commands  # noqa: PLC0415  (the API's and Kafka's clients would slow every `--help`)

    return commands
