"""The command `notify`: what happened since the last notice is told to whoever the settings name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from trendscript.errors import UsageError
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from trendscript.notices.tell import Notice


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command()(notify)


def notify(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be told; send nothing, remember nothing.")
    ] = False,
    test: Annotated[bool, typer.Option("--test", help="Send a test notice, and say who took it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")] = False,
) -> None:
    """Tell people what happened since the last notice: failures, quarantine, old charts, new number ones.

    NOTIFY_URLS, or SMTP_SERVER and EMAIL_RECEIVER, say who is told. What was told is remembered, so it can run as
    often as you like, and beside loads, which tell by themselves when they end.
    """
    from trendscript.notices.news import Outcome  # noqa: PLC0415  (keeps --help quick)
    from trendscript.notices.tell import NoticeNotSent, rehearse_news, send_test, tell_news  # noqa: PLC0415  (as above)

    if dry_run and test:
        raise UsageError("--dry-run sends nothing, and --test sends a notice; give the one or the other.")
    settings, outcome = read_settings(), Outcome("notify")
    outcome.note("", None)
    if dry_run:
        notice = rehearse_news(settings, outcome)
    elif test:
        notice = send_test(settings)
    else:
        notice = tell_news(settings, outcome, watching=True)
    _show(notice, as_json=as_json, whole=dry_run)
    if notice.away is not None:
        raise notice.away
    if not dry_run and (notice.is_lost or (test and notice.failed)):
        raise NoticeNotSent(dict(notice.failed))


def _show(notice: Notice, *, as_json: bool, whole: bool) -> None:
    message = notice.message
    if as_json:
        content = None if message is None else {"title": message.title, "body": message.body}
        typer.echo(json.dumps({"message": content, "told": notice.told, "failed": dict(notice.failed)}, indent=2))
    elif message is None:
        typer.echo("Nothing new to tell.")
    elif whole:
        typer.echo(f"{message.title}\n\n{message.body}", nl=False)
    else:
        for name in notice.told:
            typer.echo(f"{name}: told.")
        for name, cause in notice.failed:
            typer.echo(f"{name}: {cause}.")
