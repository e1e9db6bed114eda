"""What a container can't do, and where its secrets don't stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.containers.project import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.containers.conftest import Charts
    from tests.containers.project import Project

_OURS = ("spark-master", "spark-worker", "loader", "transcriber")


@pytest.mark.parametrize("service", SERVICES)
def test_no_process_is_root_or_can_become_it(project: Project, service: str) -> None:
    """The first process of each has another user, no capability, and can gain none."""
    status = project.compose("exec", "--no-TTY", service, "cat", "/proc/1/status")
    found = dict(re.findall(r"^(\w+):\t(.*)$", status, re.MULTILINE))
    assert "0" not in found["Uid"].split()
    assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 0
    assert found["NoNewPrivs"] == "1"


@pytest.mark.parametrize("service", SERVICES)
def test_files_of_the_image_stay_as_they_are(project: Project, service: str) -> None:
    """Nothing can be written outside volumes and temporary folders, whoever tries."""
    words = ("sh", "-c", "touch /here 2>&1 || true; touch /etc/here 2>&1 || true; touch /usr/here 2>&1 || true")
    said = project.compose("exec", "--no-TTY", "--user", "0", service, *words)
    assert said.count("Read-only file system") == 3


def test_ports_are_open_to_this_machine_alone(project: Project) -> None:
    """Whatever is published is published on 127.0.0.1."""
    hosts = {
        binding["HostIp"]
        for container in project.facts()
        for bindings in container["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    assert hosts == {"127.0.0.1"}


def test_every_container_has_its_limits(project: Project) -> None:
    """Memory, processor and number of processes, as the engine has taken them."""
    for container in project.facts():
        limits = container["HostConfig"]
        assert min(limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) > 0, container["Name"]


def test_the_cluster_reaches_nothing_outside(project: Project) -> None:
    """Master, worker and loader are on a network that leads nowhere."""
    for container in project.facts("spark-master", "spark-worker", "loader"):
        (network,) = container["NetworkSettings"]["Networks"].values()
        assert network["Gateway"] in {"", None} or "true" in project.docker(
            "network", "inspect", network["NetworkID"], "--format", "{{.Internal}}"
        )


def test_a_password_leaves_no_trace(project: Project, charts: Charts) -> None:
    """Not in the configuration, in what the engine tells of containers and images, in logs, arguments or variables."""
    assert charts
    secrets = project.secrets
    assert len(secrets) > 5
    for place, text in _places(project):
        assert text, place
        found = [name for name, secret in secrets.items() if secret in text]
        assert not found, f"{place} holds {found}"


def _places(project: Project) -> Iterator[tuple[str, str]]:
    yield "the configuration", project.compose("--profile", "*", "config")
    containers = project.facts()
    yield "a container", project.docker("inspect", *(one["Id"] for one in containers))
    for image in {one["Image"] for one in containers}:
        yield "an image", project.docker("image", "inspect", image)
        yield "an image's history", project.docker("history", "--no-trunc", image)
    yield "a log", project.compose("logs", "--no-color")
    for service in _OURS:
        words = ("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'")
        yield f"a process of {service}", project.compose("exec", "--no-TTY", service, *words, codes=(0, 1))
