"""Every hour: work off the requests for transcriptions, and load what is said."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from trendscript_command import SCHEDULE, TRIES, CommandOperator, count_messages, pick

DOCS = """
### transcripts

Transcribes the videos that were asked for (`trendscript request-transcription`, `ingest charts --transcribe-top`) and
loads what is said in them. Where `trendscript transcribe --follow` runs as a service, switch this DAG off.

#### Triage notes

A video that can't be transcribed is no failure here: it gets a row that says why (`trusted.transcription_failure`).
What was transcribed before a failure is loaded by `youtube_trending_pipeline`, which loads all that waits.

- `transcribe`, 75 or 69: a bot wall, a rate limit, a full disk, a server away. No video was marked failed. Nothing to
  do if a later run is green; see "The transcriber" in docs/operations.md.
- `transcribe`, 78: a key, a model or a folder is wrong. The log names it.
- `transcribe`, its time is up: much is waiting. It was told to end, and the next try goes on where it was. More
  transcribers share the work.
- `load`, 75 or 69: the next load resumes the batch. 78: a promise can't be kept; see "When a load stops" in
  docs/operations.md.
"""

with DAG("transcripts", schedule="5 * * * *", default_args=TRIES, doc_md=DOCS, **SCHEDULE):
    transcribe = CommandOperator(
        task_id="transcribe",
        command="trendscript transcribe --json",
        to_result=pick("requests", "transcribed", "failed", "skipped", "refused"),
        execution_timeout=timedelta(hours=12),
    )
    load = CommandOperator(
        task_id="load",
        command="trendscript load transcription_request youtube_transcription youtube_audio_format --json",
        to_result=count_messages,
        execution_timeout=timedelta(hours=1),
    )
    transcribe >> load
