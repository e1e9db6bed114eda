"""Why a contract can't be used."""

from __future__ import annotations

from trendscript.errors import NeedsAPerson


class ContractNotFound(NeedsAPerson):
    """Raised when a topic has no contract; the text lists those that have one."""


class ContractRefused(NeedsAPerson):
    """Raised when a contract document says something that isn't understood or contradicts itself."""
