"""The command line pointed at real servers, the real topics, and a warehouse that tests fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands import command_line
from tests.ingest.conftest import Topics
from tests.kafka.reading import end_offsets
from tests.warehouse.pointing import point_at
from trendscript.contracts import load_contracts
from trendscript.kafka import ensure_topics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands import Run
    from tests.conftest import Stack


@pytest.fixture
def topics(stack: Stack) -> Topics:
    """The topics of all contracts, as they are now."""
    contracts = load_contracts()
    ensure_topics(contracts.values(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    now = {topic: end_offsets(stack.bootstrap_servers, topic) for topic in contracts}
    return Topics(stack.bootstrap_servers, now)


@pytest.fixture
def warehouse(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database that the settings name."""
    point_at(database, monkeypatch)
    return database


@pytest.fixture
def trendscript(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    """The command line, pointed at the test's Kafka. It reads no `.env` but the test's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", stack.bootstrap_servers)

    return command_line(monkeypatch, capfd)
