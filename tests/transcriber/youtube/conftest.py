"""A YouTube of this machine's, and a source that reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transcriber.youtube.loopback import LoopbackYouTube
from tests.transcriber.youtube.players import VIDEO, a_file, a_format, a_page, a_player
from transcriber.audio.decode import AudioLimits
from transcriber.audio.youtube import PytubefixSource

if TYPE_CHECKING:
    from collections.abc import Iterator

ITAGS = (139, 140, 249, 250, 251)


@pytest.fixture
def youtube() -> Iterator[LoopbackYouTube]:
    """Servers that have one video, in five formats of sound and one of picture."""
    with LoopbackYouTube() as servers:
        servers.players[VIDEO] = a_player(*(a_format(itag) for itag in (137, *ITAGS)))
        servers.pages[VIDEO] = a_page()
        servers.files = {str(itag): a_file(itag) for itag in ITAGS}
        yield servers


@pytest.fixture
def source(youtube: LoopbackYouTube) -> PytubefixSource:
    """A source that tries again at once."""
    return make_source(youtube)


def make_source(
    youtube: LoopbackYouTube, *, max_seconds: float = 3_600, max_bytes: int = 10**9, timeout_seconds: float = 10
) -> PytubefixSource:
    """A source with limits."""
    return PytubefixSource(
        AudioLimits(max_seconds=max_seconds, max_bytes=max_bytes),
        handlers=[youtube.handler()],
        timeout_seconds=timeout_seconds,
        retry_seconds=0.0,
    )
