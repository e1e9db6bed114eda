"""What the transcriber is told to use, looked for without any server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.doctor.conftest import Patient

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> Patient:
    """Settings that lead to no server."""
    return Patient("", {"trendscript_home": tmp_path / "home"})


def test_the_packaged_model_is_there(here: Patient) -> None:
    """And so is any folder that is named."""
    assert here.find("speech model").state == "ok"


@pytest.mark.parametrize(
    ("model", "state"), [("small", "warning"), ("/nowhere/model", "broken"), ("no-such-model", "broken")]
)
def test_a_model_that_is_not_here_is_told_from_one_that_never_will_be(
    here: Patient, model: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that the hub knows is fetched later; nothing is fetched now."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert here.but(whisper_model=model).find("speech model").state == state


@pytest.mark.parametrize(
    ("settings", "name", "state"),
    [
        ({"transcription_backend": "openai"}, "speech model", "broken"),
        ({"transcription_backend": "openai", "openai_api_key": "canary"}, "speech model", "ok"),
        ({"transcription_backend": "openai", "openai_base_url": "http://127.0.0.1:1"}, "speech model", "ok"),
        ({}, "audio", "ok"),
        ({"audio_source": "folder"}, "audio", "broken"),
        ({"audio_source": "folder", "audio_folder": "/nowhere"}, "audio", "broken"),
        ({"audio_source": "folder", "audio_folder": "/"}, "audio", "ok"),
    ],
)
def test_settings_that_need_another_are_noticed(here: Patient, settings: dict[str, Any], name: str, state: str) -> None:
    """A server without its key, a folder that isn't there."""
    found = here.but(**settings).find(name)
    assert found.state == state
    assert "canary" not in str(found)
