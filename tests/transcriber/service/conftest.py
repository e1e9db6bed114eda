"""A place for the service: topics, a group and a home of a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kafka.reading import end_offsets
from tests.transcriber.service.running import Place
from transcriber.service.serve import OUTPUTS
from trendscript.contracts import load_contracts
from trendscript.kafka import ensure_topics

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeTopic, Stack


@pytest.fixture(scope="session")
def output_topics(stack: Stack) -> None:
    """The real topics that the service writes, as `migrate` creates them."""
    ensure_topics(load_contracts().values(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)


@pytest.fixture
def place(stack: Stack, output_topics: None, make_topic: MakeTopic, tmp_path: Path) -> Place:
    """A topic of four partitions with no request yet."""
    del output_topics
    since = {topic: end_offsets(stack.bootstrap_servers, topic) for topic in OUTPUTS}
    return Place(stack.bootstrap_servers, make_topic("requests", partitions=4), tmp_path, since)
