"""What was done before: answers to messages go in; after a crash the same bytes come out, and what need not be redone.

Everything lies in files of a folder of this machine. Losing the folder loses no result: work is then done again, and
gives the same rows.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

import orjson

from transcriber.service.brought import Answer
from trendscript.kafka import Message

if TYPE_CHECKING:
    from pathlib import Path


class DoneWork:
    """Answers that are not committed yet, by message, and transcriptions that are published, by id.

    `origin` names the topic that they go to: what went to another cluster, or to a topic since deleted, is not done.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder = folder
        self._origin = origin
        self._answers = folder / "answers"
        self._done = folder / "done" / origin
        for place in (self._answers, self._done):
            place.mkdir(parents=True, exist_ok=True)

    def read_answer(self, digest: str) -> Answer | None:
        """The answer to a message that was given before and may not have reached the topic; None if there is none."""
        try:
            found = orjson.loads((self._answers / f"{digest}.json").read_bytes())
            if found.pop("origin") != self._origin:
                return None
            messages = tuple(_to_message(fields) for fields in found.pop("messages"))
            ids = tuple(found.pop("transcription_ids"))
            return Answer(messages=messages, transcription_ids=ids, **found)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None

    def keep_answer(self, digest: str, answer: Answer) -> None:
        """Keep an answer from before it is published until its message is committed."""
        fields = {
            "origin": self._origin,
            "outcome": answer.outcome,
            "reason": answer.reason,
            "audio_seconds": answer.audio_seconds,
            "seconds": answer.seconds,
            "transcription_ids": answer.transcription_ids,
            "messages": [_to_fields(message) for message in answer.messages],
        }
        save_whole(self._answers / f"{digest}.json", orjson.dumps(fields))

    def forget_answer(self, digest: str) -> None:
        """Its message is committed: it won't come again."""
        (self._answers / f"{digest}.json").unlink(missing_ok=True)

    def note_published(self, answer: Answer) -> None:
        """The brokers have confirmed its messages."""
        for name in answer.transcription_ids:
            (self._done / name).touch()

    def is_published(self, transcription_id: str) -> bool:
        """Tell whether a transcription was published from here of late, and is in its topic or loaded by now."""
        return (self._done / transcription_id).exists()


def save_whole(path: Path, content: bytes) -> None:
    """Write a file so that after a crash it is there whole, or as it was before."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _to_fields(message: Message) -> dict[str, str | None]:
    return {"topic": message.topic, "key": _to_text(message.key), "value": _to_text(message.value)}


def _to_message(fields: dict[str, str | None]) -> Message:
    return Message(str(fields["topic"]), _to_bytes(fields["key"]), _to_bytes(fields["value"]))


def _to_text(content: bytes | None) -> str | None:
    return None if content is None else b64encode(content).decode("ascii")


def _to_bytes(content: str | None) -> bytes | None:
    return None if content is None else b64decode(content)
