"""Which models a request may name, and what becomes of one that it may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.transcriber.backends.loopback_speech_api import KEY, LoopbackSpeechApi
from transcriber.backends.opened import open_backends
from transcriber.faults import VideoFault
from trendscript.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from transcriber.backends.opened import Backends


def _open(**settings: Any) -> Backends:
    return open_backends(Settings(_env_file=None, **settings), stop=lambda: False)  # type: ignore[call-arg]  # pydantic-settings takes it beside the fields


@pytest.mark.parametrize("name", ["somebody/else", "/etc", "../models", "~/models", "Tiny.en", "tiny.en "])
def test_a_request_can_not_name_what_to_fetch_or_read(name: str) -> None:
    """No download and no folder but those that the operator allows: the request fails, and says why."""
    with pytest.raises(VideoFault, match="TRANSCRIPTION_MODELS") as refused:
        _open().get(name)
    assert refused.value.reason == "model_not_allowed"


def test_the_configured_model_may_be_named(tmp_path: Path) -> None:
    """Whatever it is: here a folder, which is then found to hold no model."""
    backends = _open(whisper_model=str(tmp_path))
    with pytest.raises(Exception, match="holds no Whisper model"):
        backends.get(str(tmp_path))


def test_a_listed_model_may_be_named(tmp_path: Path) -> None:
    """Another than the usual one that can't be had fails for that, not for its name."""
    with pytest.raises(VideoFault) as refused:
        _open(transcription_models=f"somebody/else, {tmp_path}").get(str(tmp_path))
    assert refused.value.reason == "refused_by_backend"


def test_the_sizes_of_whisper_may_be_named() -> None:
    """The packaged one is opened at once."""
    assert _open(whisper_model="small").get("tiny.en").model == "tiny.en"


def test_a_server_is_asked_for_any_model() -> None:
    """It has those that it has, and fetches nothing here."""
    with LoopbackSpeechApi() as api:
        backends = _open(transcription_backend="openai", openai_api_key=KEY, openai_base_url=api.base_url)
        assert backends.get("any/name").model == "any/name"
