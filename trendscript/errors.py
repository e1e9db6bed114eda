"""Failures a person can act on: each is a sentence, and a process exit code.

The codes are those of BSD's sysexits.h where one fits. An exception outside this family is a bug
and ends a command with code 1.
"""

from __future__ import annotations

from typing import ClassVar


class TrendscriptError(Exception):
    """Base of every failure whose text is meant for a person.

    The text says what happened, where, and what to do about it. It holds no secret.
    """

    exit_code: ClassVar[int] = 1


class UsageError(TrendscriptError):
    """Raised when a command is asked for something that makes no sense."""

    exit_code = 2


class InputRefused(TrendscriptError):
    """Raised when data given to a command is past its limits."""

    exit_code = 65


class ServerUnreachable(TrendscriptError):
    """Raised when Kafka, Postgres or another server can't be reached or refuses the connection."""

    exit_code = 69


class TryAgainLater(TrendscriptError):
    """Raised when the same command may pass later: a quota, a lock, a passing fault."""

    exit_code = 75


class NeedsAPerson(TrendscriptError):
    """Raised when the configuration or a promise is broken and only a person can decide what follows."""

    exit_code = 78
