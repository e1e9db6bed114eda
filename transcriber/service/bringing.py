"""Bringing: a request goes in; its captions, a look at its video and its audio come out, or that no more is to do."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from transcriber.audio.decode import sha256_of
from transcriber.audio.disk import disk_faults
from transcriber.faults import FetchRefused, LookRefused, MachineFault, PassingFault, VideoFault
from transcriber.outgoing import to_fitting_captions, to_fitting_look
from transcriber.records import AudioFile, captions_id, transcription_id
from transcriber.service.brought import Answer, Brought, to_attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from transcriber.records import Recipe
    from transcriber.service.recipes import Recipes
    from transcriber.service.tools import Tools, Wishes
    from trendscript.transcription_requests import TranscriptionRequest

_log = structlog.get_logger(__name__)


class Bringing:
    """All of the work but the listening, with audio of the moment in `scratch`; for one thread."""

    def __init__(self, tools: Tools, wishes: Wishes, recipes: Recipes, scratch: Path) -> None:
        self._tools = tools
        self._wishes = wishes
        self._recipes = recipes
        self._scratch = scratch

    def bring(self, request: TranscriptionRequest, *, stop: Callable[[], bool]) -> Brought:
        """Captions, a look, what is known already, and the audio of a request. Raises ServiceFault or Stopped."""
        found = Brought()
        recipe = self._recipes.named(request)
        try:
            recipe = self._recipes.of(request)
            found = self._add_captions(request, found)
            if found.answer is not None:
                return found
            found = self._look(request, found)
            if not request.again and self._tools.known.holds_audio(found.seen, recipe):
                return found.answered(found.already_there())
            with disk_faults(self._scratch):
                return self._fetch(request, found, recipe, stop)
        except VideoFault as fault:
            return found.answered(found.failed(request, recipe, fault))

    def _add_captions(self, request: TranscriptionRequest, found: Brought) -> Brought:
        """Captions that can't be had for the video's own sake are no captions: the look will say why."""
        if self._wishes.captions == "off":
            return found
        try:
            captions = self._tools.read_captions(request.video_id)
        except VideoFault as fault:
            _log.info("no_captions", video_id=request.video_id, reason=fault.reason)
            return found
        if captions is None:
            return found
        name = captions_id(request.video_id, captions)
        enough = self._wishes.captions == "first"
        if not request.again and self._tools.has_transcription(name):
            return found.answered(found.already_there()) if enough else found
        message = to_fitting_captions(captions, to_attempt(request))
        if message is None:
            return found
        answer = Answer("transcribed", (message,), transcription_ids=(name,)) if enough else None
        return replace(found, answer=answer, before=(message,), ids=(name,))

    def _look(self, request: TranscriptionRequest, found: Brought) -> Brought:
        try:
            look = self._tools.source.look(request.video_id)
        except PassingFault as fault:
            raise LookRefused(str(fault), retry_after=fault.retry_after) from fault
        if self._tools.known.holds_format(look):
            return replace(found, look=look)
        message = to_fitting_look(look, datetime.now(UTC), self._tools.source.name)
        return replace(found, look=look, before=(*found.before, *([message] if message else [])))

    def _fetch(
        self, request: TranscriptionRequest, found: Brought, recipe: Recipe, stop: Callable[[], bool]
    ) -> Brought:
        """Bring the audio, unless what comes of it turns out to be there already."""
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        try:
            file = self._tools.source.fetch(found.seen, folder, stop=stop)
            size = file.stat().st_size
            # A source may have had to take another format than the one it showed: then nobody knows the number.
            shown = found.seen.format
            audio = AudioFile(sha256_of(file), size, shown.itag if size == shown.bytes else None)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, PassingFault) and not isinstance(error, MachineFault):
                raise FetchRefused(str(error), retry_after=error.retry_after) from error
            raise
        found = replace(found, audio=audio, file=file, folder=folder)
        name = transcription_id(request.video_id, audio.sha256, recipe)
        if not request.again and self._tools.has_transcription(name):
            found.discard()
            return found.answered(found.already_there())
        return found
