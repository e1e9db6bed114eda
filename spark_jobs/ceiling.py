"""The ceiling on quarantine: how a range's messages fared goes in; too many refused, and the range is stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections import Counter

    from spark_jobs.batch import BatchKind
    from trendscript.contracts.model import Contract

TOO_FEW_TO_JUDGE = 100
"""With fewer rejects than this, a range is never stopped: half of ten messages says nothing about a deploy."""

_SHOWN = 5


class QuarantineCeiling(NeedsAPerson):
    """Raised when more of a range's messages are refused than its contract allows: a contract or producer is wrong.

    The range is rolled back: quarantine holds nothing of it, and its batch stays planned.
    """

    def __init__(self, contract: Contract, read: int, reasons: Counter[str], kind: BatchKind = "load") -> None:
        self.read, self.reasons, self.kind = read, reasons, kind
        rejected, allowed = reasons.total(), contract.max_quarantine_percent
        found = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(_SHOWN))
        others = len(reasons) - _SHOWN
        more = f" and {others} reasons more" if others > 0 else ""
        super().__init__(
            f"{rejected:,} of {read:,} messages ({100 * rejected / read:.1f} %) would be quarantined, more than the "
            f"{allowed:g} % of the contract: {found}{more}. Nothing of this was written. Mend the contract, or the "
            f"producer, and {kind} again; {_otherwise(contract.topic, kind)}"
        )


def _otherwise(topic: str, kind: BatchKind) -> str:
    """How a person has it their way."""
    if kind == "load":
        return f"or, if the messages are to be quarantined, `trendscript load {topic} --max-quarantine-percent 100`."
    return (
        "or, if the messages are to be quarantined, give the same command --max-quarantine-percent 100. To give up a "
        f'{kind} that is planned: `trendscript replay {topic} --abandon --why "…"`.'
    )


def check_ceiling(contract: Contract, read: int, reasons: Counter[str], kind: BatchKind = "load") -> None:
    """Raises QuarantineCeiling when a hundred messages or more, and too large a share of them, are refused.

    `kind` is the batch's, for the words about what to do.
    """
    rejected = reasons.total()
    if rejected >= TOO_FEW_TO_JUDGE and rejected * 100 > contract.max_quarantine_percent * read:
        raise QuarantineCeiling(contract, read, reasons, kind)
