"""The command in a process of its own: how it dies goes in, the process comes out, to be waited for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.transcriber.service.running import Place

REPOSITORY = Path(__file__).parents[3]


def start(
    place: Place, *arguments: str, seconds: float = 0.0, dies: str = "never", victim: str = ""
) -> subprocess.Popen[str]:
    """Start `trendscript transcribe`; a piece takes it so many seconds, and it dies there, at a victim or anybody."""
    spec = {
        "topic": place.topic,
        "group": place.group,
        "seconds": seconds,
        "dies": dies,
        "victim": victim,
        "arguments": arguments,
    }
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": place.bootstrap_servers,
        "TRENDSCRIPT_HOME": str(place.home),
        "PYTHONPATH": str(REPOSITORY),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.transcriber.service.child", json.dumps(spec)],
        env=environment,
        cwd=place.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(process: subprocess.Popen[str], holds: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait until something holds while the process lives, or fail."""
    end = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
