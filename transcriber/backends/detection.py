"""Settings of voice activity detection, which decide what a model hears: named in the options of every backend."""

from __future__ import annotations

from typing import Any, Final

from transcriber.backends.clips import JOINED_PAUSE, PADDING

THRESHOLD: Final = 0.5
"""How sure, from 0 to 1, the detector has to be that somebody speaks."""

SHORTEST_PAUSE: Final = 0.2
"""Seconds; somebody who pauses for less speaks on."""


def vad_options() -> dict[str, Any]:
    """What of the detection, and of what is cut by it, tells one transcript from another."""
    return {"threshold": THRESHOLD, "joined_pause": JOINED_PAUSE, "padding": PADDING}
