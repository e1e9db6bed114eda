"""Report of a command that asks for transcriptions: what happened goes in, counts to print come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from transcriber.requests.planning import to_sentences

if TYPE_CHECKING:
    from transcriber.requests.changed_audio import Looks
    from transcriber.requests.planning import Plan

_NAMED_AT_MOST = 10


@dataclass(slots=True)
class RequestReport:
    """Requests published, videos that were asked for before, and words that name no video.

    `looks` is there where videos were looked at, `plan` where nothing was to be published.
    """

    published: int = 0
    already_asked: int = 0
    rejected_ids: list[str] = field(default_factory=list)
    looks: Looks | None = None
    plan: Plan | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        return {
            "published": self.published,
            "already_asked": self.already_asked,
            "rejected": len(self.rejected_ids),
            "rejected_ids": self.rejected_ids,
            **({} if self.looks is None else self.looks.to_dict()),
            **({} if self.plan is None else {"plan": self.plan.to_dict()}),
        }

    def to_lines(self) -> list[str]:
        """The report as a person reads it."""
        lines = [] if self.plan is None else to_sentences(self.plan)
        if self.rejected_ids:
            named = ", ".join(repr(word) for word in self.rejected_ids[:_NAMED_AT_MOST])
            more = len(self.rejected_ids) - _NAMED_AT_MOST
            lines.append(f"Not a video: {named}{f' and {more:,} more' if more > 0 else ''}")
        if self.looks is not None:
            lines.append(
                f"{self.looks.changed:,} changed, {self.looks.unchanged:,} unchanged, {self.looks.never_seen:,} never "
                f"looked at before, {len(self.looks.faults):,} can't be looked at."
            )
        counts = f"{self.already_asked:,} asked for before, {len(self.rejected_ids):,} rejected."
        return [*lines, f"{self.published:,} published, {counts}"]
