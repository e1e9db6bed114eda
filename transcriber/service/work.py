"""The work on one request, as named steps: a request goes in, messages that say what came of it come out.

It is in two parts, so that the next video's audio is brought while this one's is listened to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from transcriber.faults import ServiceFault, VideoFault
from transcriber.listening.kept import KeptPieces
from transcriber.service.bringing import Bringing
from transcriber.service.brought import Brought
from transcriber.service.hearing import Hearing
from transcriber.service.recipes import Recipes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transcriber.service.brought import Answer
    from transcriber.service.hearing import Observer
    from transcriber.service.tools import Tools, Wishes
    from trendscript.transcription_requests import TranscriptionRequest


class Work:
    """Does requests, with audio of the moment in `scratch`, and pieces that are done in `pieces`.

    `bring` is for one thread and `listen` for another. Both raise ServiceFault and Stopped, and nothing of a video's.
    """

    def __init__(self, tools: Tools, wishes: Wishes, *, scratch: Path, pieces: Path) -> None:
        self._tools = tools
        self._pieces = pieces
        self._recipes = Recipes(tools.backends, wishes.language)
        self._bringing = Bringing(tools, wishes, self._recipes, scratch)
        self._hearing = Hearing(tools, wishes, self._recipes, pieces)

    def bring(self, request: TranscriptionRequest, *, stop: Callable[[], bool]) -> Brought:
        """Captions, a look, what is known already, and the audio of a request: all but the listening."""
        return self._bringing.bring(request, stop=stop)

    def listen(
        self, request: TranscriptionRequest, brought: Brought, *, stop: Callable[[], bool], observer: Observer
    ) -> Answer:
        """Decode what was brought and have it transcribed, piece by piece; what is done is kept if it is stopped."""
        if brought.answer is not None:
            return self._unless_done(request, brought, brought.answer)
        return self._hearing.listen(request, brought, stop=stop, observer=observer)

    def _unless_done(self, request: TranscriptionRequest, brought: Brought, answer: Answer) -> Answer:
        """The answer, unless the request before it, which was worked on while this was brought, had the same."""
        same = answer.outcome == "transcribed" and all(map(self._tools.done.is_published, answer.transcription_ids))
        return replace(brought, before=()).already_there() if same and not request.again else answer

    def can_look(self, request: TranscriptionRequest) -> bool:
        """Whether the source answers about a video now, be it that the video can't be had."""
        try:
            self._tools.source.look(request.video_id)
        except VideoFault:
            return True
        except ServiceFault:
            return False
        return True

    def fail(self, request: TranscriptionRequest, fault: VideoFault) -> Answer:
        """The answer to a request that is not to be begun."""
        return Brought().failed(request, self._recipes.named(request), fault)

    def discard_pieces(self, answer: Answer) -> None:
        """Delete what was kept of a transcription that is published."""
        for name in answer.transcription_ids:
            KeptPieces(self._pieces / name).discard()
