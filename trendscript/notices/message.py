"""Messages: news go in, a subject and a plain text for a person come out; what strangers wrote can do nothing there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Literal

from trendscript.errors import InputRefused, NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from trendscript.notices.news import News, NumberOne, Quarantined, Recovery, ToldTrouble

Gravity = Literal["info", "success", "warning", "failure"]

_SHOWN = 20
_LONGEST_TITLE = 120
_LONGEST_TEXT = 600
_LONGEST_SUBJECT = 150
# Chat programs call people by @ and <, follow links, and take these marks for their own.
_MARKS = str.maketrans({"@": "＠", "<": "‹", ">": "›", "[": "(", "]": ")", "`": "'", "*": "∗", "_": "＿", "|": "¦"})  # noqa: RUF001  (looks alike and does nothing, which is the point)
# Our own texts name commands and settings, which have to stay what they are.
_MARKS_OF_OURS = {mark: shown for mark, shown in _MARKS.items() if chr(mark) not in "`_"}
_REFUSED_BY = {
    "load": "quarantined",
    "replay": "quarantined by a replay",
    "retry": "refused by a retry for another reason",
}
_PERSON_DECIDES = (InputRefused.exit_code, NeedsAPerson.exit_code)


@dataclass(frozen=True, slots=True)
class Message:
    """What people get: one line, a text of several, and how bad it is."""

    title: str
    body: str
    gravity: Gravity = "info"


def to_message(news: News, footer: str) -> Message:
    """All news in one message, the gravest first."""
    failures = [told for told in news.troubles if told.trouble.kind == "failure"]
    stale = [told for told in news.troubles if told.trouble.kind == "stale"]
    blocks = [
        *_some([_failure_block(told) for told in failures]),
        *([_stale_block(stale)] if stale else []),
        *_some([_quarantine_block(one) for one in news.quarantined]),
        *_some([_recovery_line(one) for one in news.recoveries]),
        *_some([_number_one_block(one) for one in news.number_ones]),
        footer,
    ]
    title = plain(f"Trendscript: {'; '.join(_headlines(news, failures, stale))}", _LONGEST_SUBJECT)
    return Message(title, "\n\n".join(blocks) + "\n", _gravity(news, failures))


def harmless(text: str, longest: int = _LONGEST_TITLE) -> str:
    """Text from strangers: one line, nothing invisible, no mark that calls people, makes a link or turns text round."""
    return plain(text, longest).translate(_MARKS).replace("://", ": //")


def harmless_text(text: str) -> str:
    """The same of a text of ours that may quote strangers: `commands` and names_of_settings stay readable."""
    return plain(text).translate(_MARKS_OF_OURS).replace("://", ": //")


def plain(text: str, longest: int = _LONGEST_TEXT) -> str:
    """One line of characters that can be seen, cut where it is too long."""
    seen = " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def _headlines(news: News, failures: Sequence[ToldTrouble], stale: Sequence[ToldTrouble]) -> Iterator[str]:
    if len(failures) == 1:
        yield f"{failures[0].trouble.subject} {'still fails' if failures[0].again else 'failed'}"
    elif failures:
        yield f"{len(failures)} failures"
    if stale:
        yield f"old charts of {_names([told.trouble.subject for told in stale])}"
    refused = sum(one.count for one in news.quarantined)
    if refused:
        yield f"{_count(refused, 'message')} quarantined"
    if len(news.recoveries) == 1:
        yield f"{news.recoveries[0].subject} is well again"
    elif news.recoveries:
        yield f"{len(news.recoveries)} are well again"
    if news.number_ones:
        yield f"new number one in {_names([_chart(one) for one in news.number_ones])}"


def _failure_block(told: ToldTrouble) -> str:
    trouble = told.trouble
    verb = f"still fails, since {_minute(told.since)}" if told.again else "failed"
    code = f" (exit code {trouble.code})" if trouble.code else ""
    lines = [f"{trouble.subject} {verb}: {trouble.cause}{code}", f"  {harmless_text(trouble.text)}"]
    if trouble.code in _PERSON_DECIDES:
        lines.append("  Running it again changes nothing: a person has to mend this.")
    return "\n".join(lines)


def _stale_block(stale: Sequence[ToldTrouble]) -> str:
    lines = [f"  {told.trouble.subject}: {told.trouble.text}" for told in stale[:_SHOWN]]
    lines += [f"  and {len(stale) - _SHOWN} more"] if len(stale) > _SHOWN else []
    mend = "  See what the schedule's `trendscript ingest charts` and `trendscript load` said last."
    return "\n".join(["Charts older than they should be:", *lines, mend])


def _quarantine_block(one: Quarantined) -> str:
    lines = [f"{one.topic}: {_count(one.count, 'message')} {_REFUSED_BY.get(one.batch_kind, 'quarantined')}"]
    lines += [f"  {count:,} {plain(reason)}" for reason, count in list(one.reasons.items())[:_SHOWN]]
    lines += [f"  and {len(one.reasons) - _SHOWN} more reasons"] if len(one.reasons) > _SHOWN else []
    runs = f" of run {', '.join(one.run_ids[:3])}" if one.run_ids else ""
    more = " and others" if len(one.run_ids) > 3 else ""  # noqa: PLR2004  (those that are named)
    lines.append(f"  The last in batch {one.batch_id}{runs}{more}.")
    lines.append(f"  See `trendscript dead-letters list --topic {one.topic}`; then `dead-letters retry` or `discard`.")
    return "\n".join(lines)


def _recovery_line(one: Recovery) -> str:
    if one.kind == "stale":
        return f"{one.subject}: its charts are new again; they were told to be old on {_minute(one.since)}."
    return f"{one.subject} is well again; since {_minute(one.since)} there was {', '.join(one.causes)}."


def _number_one_block(one: NumberOne) -> str:
    by = f", by {harmless(one.channel)}" if one.channel else ""
    title = harmless(one.title or "title not known")
    return (
        f"New number one in {_chart(one)} ({_minute(one.captured_at)}): {title}{by}\n  https://youtu.be/{one.video_id}"
    )


def _chart(one: NumberOne) -> str:
    return f"{one.region_code} {harmless(one.category)}" if one.category else one.region_code


def _gravity(news: News, failures: Sequence[ToldTrouble]) -> Gravity:
    if failures:
        return "failure"
    if news.troubles or news.quarantined:
        return "warning"
    return "success" if news.recoveries else "info"


def _some(blocks: list[str]) -> list[str]:
    """The first of them, and how many there are more."""
    more = len(blocks) - _SHOWN
    return [*blocks[:_SHOWN], *([f"and {more} more of these"] if more > 0 else [])]


def _names(names: Sequence[str]) -> str:
    most = 5
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
