"""How every command is called, and how it ends where all servers answer."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trendscript.demo.speech import spoken_videos

if TYPE_CHECKING:
    from collections.abc import Sequence

VIDEO = next(iter(spoken_videos()))
CHANNEL = "UC" + "x" * 22


@dataclass(frozen=True, slots=True)
class Call:
    """A command line without its first word, and the exit code it ends with. `asks` says whom it needs.

    p is Postgres, k Kafka, y YouTube, s the speech server.
    """

    line: str
    code: int = 0
    asks: str = ""

    @property
    def words(self) -> list[str]:
        """Its words."""
        return shlex.split(self.line)


CALLS: Sequence[Call] = (
    Call("up --json"),
    Call("up"),
    Call("status --json"),
    Call("status"),
    Call("setup"),
    Call("demo", 78),  # settings lead to servers of one's own
    Call("migrate --json", asks="pk"),
    Call("ingest charts --region FR --transcribe-top 1 --json", asks="pky"),
    Call("ingest categories --region FR", asks="ky"),
    Call(f"ingest videos {VIDEO} --json", asks="ky"),
    Call(f"ingest channels {CHANNEL}", asks="ky"),
    Call("ingest file charts.json --region FR --captured-at 2026-11-20T12:00Z --json", asks="k"),
    Call(f"request-transcription {VIDEO} --again --json", asks="pk"),
    Call("transcribe --json", asks="ks"),
    Call("doctor --online --json", asks="pky"),
    Call("notify --dry-run --json", asks="p"),
    Call("notify --test", 78),  # nobody is to be told
    Call("load youtube_trending youtube_transcription api_usage --json", asks="pk"),
    Call("load api_usage --dry-run", asks="pk"),
    Call("replay youtube_trending --from 0 --json", asks="pk"),
    Call("dead-letters list --json", asks="p"),
    Call("dead-letters show youtube_trending/0/1000000", 2, asks="p"),
    Call("dead-letters retry youtube_trending --json", asks="p"),
    Call("dead-letters discard youtube_trending/0/1000000 --why test", 2, asks="p"),
    Call("accept-gap youtube_trending --dry-run", 2, asks="pk"),
    Call("reconcile api_usage --json", asks="p"),
    Call("purge --older-than 1d --topic api_usage --dry-run --json", asks="p"),
    Call("lake optimize api_usage --json", asks="p"),
    Call("lake vacuum api_usage", asks="p"),
    Call("metrics", asks="pk"),
    Call("ask --json", asks="p"),
    Call("ask q03", asks="p"),
    Call("search morning --json", asks="p"),
    Call(f"export transcript {VIDEO} --format txt", asks="p"),
    Call("down"),
)


def asking(whom: str) -> list[Call]:
    """Those that need any of them; how they end where it fails is not said."""
    return [replace(call, code=-1) for call in CALLS if set(call.asks) & set(whom)]
