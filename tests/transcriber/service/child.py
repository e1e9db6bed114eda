"""`trendscript transcribe` in a process of its own, with doubles of what brings and hears audio, and ways to die."""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.transcriber.service.doubles import ClipBackend
from tests.transcriber.service.running import Place
from transcriber.service import command, serve
from transcriber.service.consumer import RequestConsumer

if TYPE_CHECKING:
    from collections.abc import Callable

    from transcriber.backends.backend import Piece
    from transcriber.service.serve import Run


class DyingConsumer(RequestConsumer):
    """Dies where it would commit."""

    def commit(self, offsets: object) -> bool:
        """Be killed."""
        del offsets
        _die()
        return False


def _die(_piece: Piece | None = None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at(victim: str) -> Callable[[str, str], None]:
    """Be killed where a source is asked about a video."""
    return lambda _what, video_id: _die() if video_id == victim else None


def _plan(place: Place) -> Callable[..., Run]:
    """Plans a run at the test's own topic and group."""
    return lambda _settings, *, follow: place.run(follow=follow)


def main(spec: dict[str, Any]) -> None:
    """Run the command as a person would, with what the spec says in the place of YouTube and a model."""
    backend = ClipBackend(seconds=spec["seconds"])
    place = Place(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"], spec["topic"], Path(), {}, group=spec["group"], backend=backend
    )
    replaced = {"open_service": partial(serve.open_service, tools=place.tools), "plan_run": _plan(place)}
    if spec["dies"] == "before_commit":
        vars(serve)["RequestConsumer"] = DyingConsumer
    if spec["dies"] == "while_listening":
        backend.fault = _die
    if spec["dies"] == "while_bringing":
        place.source.fault = _die_at(spec["victim"])
    vars(command).update(replaced)
    from trendscript.cli.main import main as run  # noqa: PLC0415  (after what it uses is in place)

    sys.argv = ["trendscript", "transcribe", *spec["arguments"]]
    run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
