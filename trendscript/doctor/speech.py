"""Speech: whether what the transcriber is told to use is there: a model or a server, audio, captions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trendscript.doctor.finding import Finding

if TYPE_CHECKING:
    from trendscript.doctor.surroundings import Surroundings


def check_model(surroundings: Surroundings) -> Finding:
    """The model is on this machine, or the server that listens has an address and a key. No server is asked."""
    settings = surroundings.settings
    if settings.transcription_backend == "openai":
        return _check_server(surroundings)
    from transcriber.backends.whisper import find_kept_model  # noqa: PLC0415  (the model library is slow to import)

    folder = find_kept_model(settings.whisper_model)
    if folder is None:
        return Finding(
            "warning",
            f"{settings.whisper_model} is not on this machine yet.",
            "The first `trendscript transcribe` fetches it where it can; else name a folder in WHISPER_MODEL.",
        )
    return Finding("ok", f"{settings.whisper_model} is in {folder}.")


def _check_server(surroundings: Surroundings) -> Finding:
    settings = surroundings.settings
    # By its host alone: an address may hold a password.
    where = urlsplit(settings.openai_base_url).hostname if settings.openai_base_url else "OpenAI"
    if settings.openai_api_key is None and settings.openai_base_url is None:
        return Finding("broken", "TRANSCRIPTION_BACKEND is openai, and there is no key.", "Set OPENAI_API_KEY.")
    return Finding("ok", f"{settings.openai_model} of {where}; whether it answers, the transcriber says.")


def check_audio(surroundings: Surroundings) -> Finding:
    """Where audio comes from, and what becomes of captions."""
    settings = surroundings.settings
    captions = f"captions {settings.transcription_captions}"
    if settings.audio_source == "pytubefix":
        return Finding("ok", f"From YouTube; {captions}.")
    folder = settings.audio_folder
    if folder is None or not folder.expanduser().is_dir():
        found = "and AUDIO_FOLDER is not set" if folder is None else f"and {folder} is no folder"
        return Finding("broken", f"AUDIO_SOURCE is folder, {found}.", "Set AUDIO_FOLDER to the files' folder.")
    return Finding("ok", f"From files in {folder}; {captions}.")
