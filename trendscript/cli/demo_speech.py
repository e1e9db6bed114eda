"""What is said in the demo's videos: settings go in, transcripts come to wait in Kafka beside the charts."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

from transcriber.service.progress import ProgressDisplay
from transcriber.service.serve import open_service, plan_run
from transcriber.service.status import Status
from trendscript.demo.speech import place_clips
from trendscript.endpoints import kafka_bootstrap_servers, postgres_dsn
from trendscript.kafka import publish
from trendscript.logs import configure_logging
from trendscript.transcription_requests import (
    TranscriptionRequest,
    new_request_id,
    read_asked,
    to_request_message,
)

if TYPE_CHECKING:
    from pathlib import Path

    from trendscript.settings import Settings


def audio_folder(settings: Settings) -> Path:
    """Where the demo's clips are put, each named by its video's id."""
    return settings.trendscript_home / "demo" / "audio"


def ask_for_speech(settings: Settings) -> int:
    """Ask for the words of the videos that have a clip and were not asked for before; how many those are."""
    videos = place_clips(audio_folder(settings))
    asked = read_asked(postgres_dsn(settings), videos)
    now = datetime.now(UTC)
    requests = [
        TranscriptionRequest(new_request_id(), video, now, None, again=False, reason="asked", source="demo")
        for video in videos
        if video not in asked
    ]
    return publish(
        (to_request_message(request) for request in requests),
        bootstrap_servers=kafka_bootstrap_servers(settings),
        client_properties=None,
    )


def listen(settings: Settings) -> Status:
    """Work off what was asked for, as `trendscript transcribe` does, with the clips and the model that is installed."""
    ours = {
        "audio_source": "folder",
        "audio_folder": audio_folder(settings),
        "transcription_backend": "local",
        "transcription_captions": "off",
        "whisper_model": "tiny.en",
    }
    configure_logging("WARNING")  # the demo has a line of its own for what went well
    status, stop = Status(), Event()
    run = plan_run(settings, follow=False)
    with (
        open_service(settings.model_copy(update=ours), run, status, stop=stop) as service,
        ProgressDisplay() as display,
    ):
        service.serve(stop, display)
    return status
