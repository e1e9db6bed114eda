"""Services die, and the whole is taken down: what was published is in the tables, once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.containers.conftest import ENTRIES
from tests.containers.project import SERVICES

if TYPE_CHECKING:
    from tests.containers.conftest import Charts
    from tests.containers.project import Project

_BACK_SECONDS = 120


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_dies_comes_back(project: Project, charts: Charts, service: str) -> None:
    """All its processes are killed while charts wait to be loaded; the engine starts it again, and they are loaded."""
    charts.publish("US")
    (before,) = project.facts(service)
    project.kill(service)
    _wait_until_started_again(project, service, before["RestartCount"])
    project.up()
    charts.publish("FR")
    project.wait_for(ENTRIES, charts.expected())


def test_a_service_that_was_killed_is_started_again(project: Project, charts: Charts) -> None:
    """`docker kill` is an operator's act, so the engine leaves it at that; `docker compose up` brings it back."""
    for service in SERVICES:
        (container,) = project.facts(service)
        project.docker("kill", container["Id"])
    project.up()
    assert project.query(ENTRIES) == charts.expected()


def test_nothing_was_lost_and_nothing_doubled(project: Project, charts: Charts) -> None:
    """After all that, ledger, lake, quarantine and tables say the same."""
    charts.publish("US")
    project.wait_for(ENTRIES, charts.expected())
    assert orjson.loads(project.run("trendscript", "reconcile", "--json"))["differences"] == []


def test_down_and_up_again_loses_nothing(project: Project, charts: Charts, spoken: str) -> None:
    """New containers find what the old ones left in the volumes, and go on."""
    project.compose("down", "--timeout", "60")
    project.up()
    assert project.query(ENTRIES) == charts.expected()
    assert project.query("select video_id from processed.transcription") == [(spoken,)]
    charts.publish("FR")
    project.wait_for(ENTRIES, charts.expected())


def _wait_until_started_again(project: Project, service: str, before: int) -> None:
    deadline = time.monotonic() + _BACK_SECONDS
    while (found := project.facts(service)[0])["RestartCount"] == before or not found["State"]["Running"]:
        assert time.monotonic() < deadline, f"{service}: {found['State']}"
        time.sleep(0.5)
