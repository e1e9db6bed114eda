"""The command as a person types it: files of a folder, the packaged model, real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from tests.kafka.reading import end_offsets, read_topic, skip_to_end
from trendscript.demo.speech import place_clips

if TYPE_CHECKING:
    from tests.conftest import Stack


def _trendscript(stack: Stack, home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    unset = ("AUDIO_", "KAFKA_", "OPENAI_", "POSTGRES_", "TRANSCRIBER_", "TRANSCRIPTION_", "WHISPER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
    return subprocess.run(
        [str(Path(sys.executable).parent / "trendscript"), *arguments],
        env={
            **kept,
            "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "TRENDSCRIPT_HOME": str(home),
            "AUDIO_SOURCE": "folder",
            "AUDIO_FOLDER": str(home / "folder"),
            **settings,
        },
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_clips_of_a_folder_are_heard(stack: Stack, output_topics: None, tmp_path: Path) -> None:
    """Three clips are asked for and transcribed, one of them says what it says, and a missing file is told."""
    del output_topics
    videos = place_clips(tmp_path / "folder")
    since = end_offsets(stack.bootstrap_servers, "youtube_transcription")
    group = f"group_{uuid.uuid4().hex[:8]}"
    skip_to_end(stack.bootstrap_servers, "transcription_request", group)
    asked = _trendscript(stack, tmp_path, "request-transcription", "--again", "--", *videos, "zzzzzzzzzzz")
    assert asked.returncode == 0, asked.stderr
    done = _trendscript(stack, tmp_path, "transcribe", "--json", TRANSCRIBER_GROUP=group)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["transcribed"] == len(videos)
    assert report["failed"] == {"no_file": 1}
    records = read_topic(stack.bootstrap_servers, "youtube_transcription", since)
    values = [json.loads(record.value) for record in records]
    heard = {value["video_id"]: value["item"]["text"].lower() for value in values if value["item"].get("text")}
    assert set(heard) >= set(videos)
    assert any("missing from the map" in text for text in heard.values())


def test_no_key_is_said_before_a_message_is_taken(stack: Stack, output_topics: None, tmp_path: Path) -> None:
    """OpenAI's own servers ask for one."""
    del output_topics
    (tmp_path / "folder").mkdir()
    done = _trendscript(stack, tmp_path, "transcribe", TRANSCRIPTION_BACKEND="openai")
    assert done.returncode == 78
    assert "OPENAI_API_KEY" in done.stderr


def test_a_model_that_is_not_there_is_said_before_a_message_is_taken(
    stack: Stack, output_topics: None, tmp_path: Path
) -> None:
    """A folder that isn't there."""
    del output_topics
    (tmp_path / "folder").mkdir()
    done = _trendscript(stack, tmp_path, "transcribe", "--model", str(tmp_path / "nowhere"))
    assert done.returncode == 78
    assert "nowhere" in done.stderr
