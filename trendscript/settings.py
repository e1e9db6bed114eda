"""Settings: a mapping of environment variables and a .env file go in, one frozen value comes out.

Order, first one wins: command line flags (given by the caller), environment, `.env` in the working
folder, the local stack's addresses where it has been started, defaults. Every secret can also be
given as NAME_FILE, a path whose content is the secret.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from trendscript.errors import NeedsAPerson

_SECRETS = ("youtube_api_key", "openai_api_key", "postgres_password", "notify_urls", "smtp_password")


class SettingsRefused(NeedsAPerson):
    """Raised when a setting has a value that can't be used; the text names the variable."""


class _SecretFiles(EnvSettingsSource):
    """Reads NAME_FILE for every secret NAME that isn't set itself."""

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in _SECRETS:
            if name not in self.settings_cls.model_fields:
                continue
            path = self.env_vars.get(f"{name}_file")
            # An empty file is one that nobody has filled in yet: as an empty variable, it sets nothing.
            if path and not self.env_vars.get(name) and (secret := _read_secret(name, Path(path))):
                found[name] = secret
        return found


def _read_secret(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsRefused(
            f"{name.upper()}_FILE names {path}, which can't be read ({error.strerror}). "
            "Mend the path or its permissions."
        ) from error
    except UnicodeDecodeError:
        # Not chained: the error holds what was read.
        raise SettingsRefused(f"{name.upper()}_FILE names {path}, which is no text in UTF-8.") from None


class _Surroundings(BaseSettings):
    """Where settings come from."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the secret files between the environment and `.env`."""
        del file_secret_settings  # reads a folder of files; here each secret names its own
        return init_settings, env_settings, _SecretFiles(settings_cls), dotenv_settings


class _TaskSettings(_Surroundings):
    """What a Spark task may need to know: what is wrong with other settings there is none of its business."""

    postgres_password: SecretStr | None = None


class Settings(_Surroundings):
    """Everything a command may need to know from its surroundings.

    `kafka_bootstrap_servers` and `postgres_host` are None where nobody set them; then the local
    stack is meant (`trendscript.local`), and `trendscript.endpoints` resolves its addresses.
    """

    trendscript_home: Path = Path(platformdirs.user_data_dir("trendscript", appauthor=False))

    kafka_bootstrap_servers: str | None = None
    kafka_client_properties: Path | None = None

    postgres_host: str | None = None
    postgres_port: int = 5432
    postgres_db: str = "trendscript"
    postgres_user: str = "postgres"
    postgres_password: SecretStr | None = None
    postgres_sslmode: str = "prefer"
    postgres_sslrootcert: str | None = None

    lake_path: str | None = None
    lake_silver: bool = False
    spark_master: str = "local[*]"
    load_max_messages: int = Field(default=500_000, ge=1)

    youtube_api_key: SecretStr | None = None
    youtube_api_endpoint: str | None = None
    youtube_regions: Annotated[tuple[str, ...], NoDecode] = ()
    youtube_max_units: int = Field(default=10_000, ge=1)
    youtube_parallel_regions: int = Field(default=4, ge=1, le=32)
    youtube_retry_seconds: float = Field(default=1.0, ge=0)

    audio_source: Literal["pytubefix", "folder"] = "pytubefix"
    audio_folder: Path | None = None
    audio_max_seconds: int = Field(default=4 * 3600, ge=1)
    audio_max_bytes: int = Field(default=1024 * 1024 * 1024, ge=1)

    transcription_backend: Literal["local", "openai"] = "local"
    transcription_language: str | None = Field(default=None, pattern="^[a-z]{2,3}$")
    transcription_word_times: bool = False
    transcription_captions: Literal["off", "first", "also"] = "off"
    transcription_models: Annotated[tuple[str, ...], NoDecode] = ()
    transcriber_group: str = "transcriber"

    whisper_model: str = "tiny.en"
    whisper_device: Literal["auto", "cpu", "cuda"] = "auto"
    whisper_compute_type: str = "default"
    whisper_threads: int = Field(default=0, ge=0)

    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    openai_model: str = "gpt-transcribe"
    openai_dollars_per_minute: float | None = Field(default=None, ge=0)

    notify_urls: SecretStr | None = None
    notify_on: Annotated[tuple[Literal["failure", "quarantine", "number_one", "stale"], ...], NoDecode] = ()
    notify_stale_minutes: int = Field(default=120, ge=1)
    smtp_server: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_tls: Literal["auto", "starttls", "tls", "off"] = "auto"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    email_sender: str | None = None
    email_receiver: Annotated[tuple[str, ...], NoDecode] = ()

    log_level: str = "INFO"

    @field_validator("youtube_regions", mode="before")
    @classmethod
    def _split_regions(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().upper() for part in value.split(",") if part.strip())
        return value

    @field_validator("transcription_models", "notify_on", "email_receiver", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


def read_settings(**flags: Any) -> Settings:
    """Build the settings from flags (None means "not given"), environment and `.env`.

    Raises SettingsRefused with the variable's name when a value can't be used.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingsRefused(_sentence(error)) from error


def read_postgres_password() -> SecretStr | None:
    """POSTGRES_PASSWORD alone, or what POSTGRES_PASSWORD_FILE holds. Raises SettingsRefused."""
    return _TaskSettings().postgres_password


def _sentence(error: ValidationError) -> str:
    faults = [f"{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}" for fault in error.errors()]
    return f"A setting can't be used: {'; '.join(faults)}. Mend it in the environment or in .env."
