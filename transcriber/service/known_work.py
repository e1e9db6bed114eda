"""What the warehouse knows of work: a look, a way of listening or an id goes in; whether it is there already comes out.

The warehouse only saves work: where it can't be asked, the work is done again and gives the same rows.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import psycopg2
import structlog
from psycopg2.extras import Json

from transcriber.audio.changes import is_changed, read_formats
from trendscript.endpoints import postgres_dsn
from trendscript.errors import TrendscriptError
from trendscript.speech_tables import read_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from transcriber.audio.source import Look
    from transcriber.records import Recipe
    from trendscript.settings import Settings

Answered = TypeVar("Answered")

_log = structlog.get_logger(__name__)

_LEFT_ALONE_SECONDS = 60.0

_BY_AUDIO = """
    select 1
    from processed.transcription
    where
        video_id = %(video_id)s
        and method = 'speech'
        and status = 'transcribed'
        and backend = %(backend)s
        and model_revision = %(revision)s
        and options = %(options)s
        and audio_itag = %(itag)s
        and audio_bytes = %(bytes)s
    limit 1
"""
_BY_ID = "select 1 from processed.transcription where transcription_id = %(id)s and status = 'transcribed'"


class KnownWork:
    """Asks the warehouse; what can't be asked counts as not there. For one thread."""

    def __init__(self, find_dsn: Callable[[], str]) -> None:
        self._find_dsn = find_dsn
        self._not_before = 0.0

    @classmethod
    def of(cls, settings: Settings) -> KnownWork:
        """The warehouse that the settings name, wherever it is by the time it is asked."""
        return cls(lambda: postgres_dsn(settings))

    def holds_format(self, look: Look) -> bool:
        """Tell whether a look was loaded, and this one shows no other audio than the newest of them."""
        found = self._ask(lambda dsn: read_formats(dsn, [look.video_id])) or {}
        held = found.get(look.video_id)
        return held is not None and not is_changed(held, look.format)

    def holds_audio(self, look: Look, recipe: Recipe) -> bool:
        """Tell whether what this look shows was transcribed this way; False where it shows no number or no size."""
        if look.format.itag is None or look.format.bytes is None:
            return False
        parameters = {
            "video_id": look.video_id,
            "backend": recipe.backend,
            "revision": recipe.revision,
            "options": Json(dict(recipe.options)),
            "itag": look.format.itag,
            "bytes": look.format.bytes,
        }
        return bool(self._ask(lambda dsn: read_rows(dsn, _BY_AUDIO, parameters)))

    def holds_transcription(self, transcription_id: str) -> bool:
        """Tell whether there is a transcription of this id, and not as a failed one."""
        return bool(self._ask(lambda dsn: read_rows(dsn, _BY_ID, {"id": transcription_id})))

    def _ask(self, question: Callable[[str], Answered]) -> Answered | None:
        """What the warehouse answers; None where nobody does, who is then left alone for a minute."""
        if time.monotonic() < self._not_before:
            return None
        try:
            return question(self._find_dsn())
        except (TrendscriptError, psycopg2.Error) as error:
            self._not_before = time.monotonic() + _LEFT_ALONE_SECONDS
            _log.warning("warehouse_not_asked", cause=str(error).partition("\n")[0])
            return None
