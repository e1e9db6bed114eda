"""When a look shows that a video's audio is another than before."""

from __future__ import annotations

import pytest

from transcriber.audio.changes import HeldFormat, is_changed
from transcriber.audio.source import AudioFormat


@pytest.mark.parametrize(
    ("held", "seen", "changed"),
    [
        (HeldFormat(140, 1000), AudioFormat(itag=140, bytes=1000), False),
        (HeldFormat(140, 1000), AudioFormat(itag=251, bytes=1000), True),
        (HeldFormat(140, 1000), AudioFormat(itag=140, bytes=1001), True),
        (HeldFormat(140, None), AudioFormat(itag=140, bytes=1001), False),
        (HeldFormat(140, 1000), AudioFormat(), False),
        (HeldFormat(None, 1000), AudioFormat(bytes=0), True),
    ],
)
def test_only_what_both_looks_show_is_compared(held: HeldFormat, seen: AudioFormat, changed: bool) -> None:  # noqa: FBT001  (pytest gives it by name)
    """A number that one of the looks did not show is no change."""
    assert is_changed(held, seen) is changed
