"""Secrets among the settings: where they may come from, and that nothing shows them."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from trendscript.settings import Settings, SettingsRefused, read_postgres_password, read_settings

if TYPE_CHECKING:
    from pathlib import Path

_SECRETS = sorted(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in _SECRETS:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name}_file".upper(), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", _SECRETS)
def test_a_secret_may_stand_in_a_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whichever it is; no repr of the settings shows it."""
    (tmp_path / "secret").write_text("canary\n", encoding="utf-8")
    monkeypatch.setenv(f"{name}_file".upper(), str(tmp_path / "secret"))
    settings = read_settings()
    found = getattr(settings, name)
    assert isinstance(found, SecretStr)
    assert found.get_secret_value() == "canary"
    assert "canary" not in f"{settings!r}{settings}{settings.model_dump()}"


def test_a_secret_in_the_environment_goes_before_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file isn't even looked at."""
    monkeypatch.setenv("POSTGRES_PASSWORD", "from the environment")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", "absent")
    password = read_settings().postgres_password
    assert password is not None
    assert password.get_secret_value() == "from the environment"


@pytest.mark.parametrize("content", [None, b"canary\xff"])
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its variable and path are told, with nothing of what is in it, in the traceback neither."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("YOUTUBE_API_KEY_FILE", str(path))
    with pytest.raises(SettingsRefused, match=f"YOUTUBE_API_KEY_FILE names {path}") as refused:
        read_settings()
    assert refused.value.exit_code == 78
    assert "canary" not in "".join(traceback.format_exception(refused.value))


def test_a_refused_setting_shows_no_secret_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic tells the value that it refuses, and no other."""
    monkeypatch.setenv("POSTGRES_PASSWORD", "canary")
    monkeypatch.setenv("LOAD_MAX_MESSAGES", "many")
    with pytest.raises(SettingsRefused, match="LOAD_MAX_MESSAGES") as refused:
        read_settings()
    assert "canary" not in "".join(traceback.format_exception(refused.value))


def test_a_task_needs_the_password_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A mistake in a setting of something else, or another secret's file that is gone, ends no range of a load."""
    (tmp_path / "secret").write_text("canary\n", encoding="utf-8")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("SMTP_PASSWORD_FILE", str(tmp_path / "gone"))
    monkeypatch.setenv("LOAD_MAX_MESSAGES", "many")
    with pytest.raises(SettingsRefused):
        read_settings()
    found = read_postgres_password()
    assert found is not None
    assert found.get_secret_value() == "canary"
