"""A loopback API, the real topics and the command line, for tests of ingest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from ingest.loopback_api import LoopbackApi
from tests.commands import command_line
from tests.kafka.reading import end_offsets, read_topic
from trendscript.contracts import load_contracts
from trendscript.kafka import ensure_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.commands import Run
    from tests.conftest import Stack

KEY = "AIza-not-to-be-seen"


@dataclass(slots=True)
class Topics:
    """The real topics. `new` gives what came since the test began."""

    bootstrap_servers: str
    since: dict[str, dict[int, int]]

    def new(self, topic: str) -> list[Any]:
        """Records of a topic that came since the test began."""
        return read_topic(self.bootstrap_servers, topic, self.since[topic])

    def new_values(self, topic: str) -> list[Any]:
        """Their values, decoded."""
        return [orjson.loads(record.value) for record in self.new(topic)]


@pytest.fixture
def api() -> Iterator[LoopbackApi]:
    """A loopback API that takes one key."""
    with LoopbackApi(key=KEY) as served:
        yield served


@pytest.fixture(scope="session")
def contract_topics(stack: Stack) -> list[str]:
    """The topics of all contracts, created as `migrate` creates them."""
    contracts = load_contracts()
    ensure_topics(contracts.values(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    return sorted(contracts)


@pytest.fixture
def topics(stack: Stack, contract_topics: list[str]) -> Topics:
    """The topics as they are now."""
    now = {topic: end_offsets(stack.bootstrap_servers, topic) for topic in contract_topics}
    return Topics(stack.bootstrap_servers, now)


@pytest.fixture
def trendscript(
    stack: Stack,
    api: LoopbackApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Run]:
    """The command line, pointed at the test's servers. Needs no network and reads no `.env` but the test's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.bootstrap_servers)
    monkeypatch.setenv("YOUTUBE_API_KEY", KEY)
    monkeypatch.setenv("YOUTUBE_API_ENDPOINT", api.endpoint)
    monkeypatch.setenv("YOUTUBE_RETRY_SECONDS", "0.01")

    return command_line(monkeypatch, capfd)
