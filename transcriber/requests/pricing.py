"""What would do the work, and what it costs: settings and a model go in, an engine for the plan comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transcriber.backends.openai_capabilities import find_model
from transcriber.requests.known_audio import read_speed
from transcriber.requests.planning import Engine
from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from trendscript.settings import Settings


class PriceUnknown(NeedsAPerson):
    """Raised when dollars are asked for and nothing says what a minute costs."""


def read_engine(settings: Settings, dsn: str, model: str | None) -> Engine:
    """The engine that the settings name, with `model` in place of theirs where one is asked for.

    Raises PriceUnknown, and what `transcriber.requests.known_audio.read_speed` raises.
    """
    if settings.transcription_backend == "local":
        name, price = model or settings.whisper_model, None
    else:
        name = model or settings.openai_model
        price = find_price(settings, name)
    speed = read_speed(dsn, backend=settings.transcription_backend, model=name)
    return Engine(settings.transcription_backend, name, speed, price)


def find_price(settings: Settings, model: str) -> float:
    """Dollars a minute of audio: the setting, else OpenAI's own price of the model. Raises PriceUnknown.

    Another server than OpenAI's has prices of its own.
    """
    if settings.openai_dollars_per_minute is not None:
        return settings.openai_dollars_per_minute
    known = find_model(model, settings.openai_base_url).dollars_per_minute
    if known is not None:
        return known
    raise PriceUnknown(
        f"What a minute of {model} costs is not known. Set OPENAI_DOLLARS_PER_MINUTE; 0 for a server of your own."
    )
