"""Videos whose audio is another than before: ids go in, a look at each is compared, those that changed come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from transcriber.audio.changes import is_changed
from transcriber.faults import VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from transcriber.audio.changes import HeldFormat
    from transcriber.audio.source import AudioSource, Look


@dataclass(slots=True)
class Looks:
    """What became of looks. `never_seen` videos have no look to compare with, so they are not looked at."""

    unchanged: int = 0
    changed: int = 0
    never_seen: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The counts as `--json` prints them; `faults` has the reason of each video that can't be looked at."""
        return {
            "changed": self.changed,
            "unchanged": self.unchanged,
            "never_seen": self.never_seen,
            "faults": self.faults,
        }


def look_for_changes(
    source: AudioSource, held: Mapping[str, HeldFormat], looks: Looks, *, tell: Callable[[str], None]
) -> Iterator[Look]:
    """Look at videos one after another and yield the looks that show another audio.

    A video that can't be looked at is told and counted. Raises ServiceFault.
    """
    for video_id, format_before in held.items():
        try:
            look = source.look(video_id)
        except VideoFault as fault:
            looks.faults[video_id] = fault.reason
            tell(f"{video_id} can't be looked at: {fault}")
            continue
        if is_changed(format_before, look.format):
            looks.changed += 1
            yield look
        else:
            looks.unchanged += 1
