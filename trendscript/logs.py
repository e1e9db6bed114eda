"""Logging: events with fields, JSON where no terminal reads them, to standard error."""

from __future__ import annotations

import logging
import sys
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor


@cache
def run_id() -> str:
    """What this process goes by in its log lines and in the ledger: twelve hexadecimal digits, new each time."""
    return uuid.uuid4().hex[:12]


def configure_logging(level: str = "INFO") -> None:
    """Send events of `level` and above to standard error: for a person on a terminal, else as JSON lines.

    A JSON line bears the `run_id` of its process. Whatever standard error is when an event comes gets it, so that a
    progress line on the terminal stays whole.
    """
    for_person: list[Processor] = [structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer()]
    for_program: list[Processor] = [_add_run_id, structlog.processors.format_exc_info, _to_json]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(for_person if sys.stderr.isatty() else for_program),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _add_run_id(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event.setdefault("run_id", run_id())
    return event


_to_json = structlog.processors.JSONRenderer()
