"""docker-compose.yml as it is read: every service is locked, pinned and told of secrets by files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from trendscript.settings import Settings

_ROOT = Path(__file__).parents[2]
_FILE = yaml.safe_load((_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
_SERVICES: dict[str, dict[str, Any]] = _FILE["services"]
_ONE_SHOTS = {"migrate", "ingest", "ask", "trendscript", "janitor"}

each_service = pytest.mark.parametrize("service", _SERVICES.values(), ids=_SERVICES)


@each_service
def test_a_service_is_locked(service: dict[str, Any]) -> None:
    """Its files can't be written, it has no capabilities, can't get any, and can't take all of the machine."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert "privileged" not in service


def test_a_capability_is_given_back_to_pgadmin_alone() -> None:
    """The one that its published image can't start without."""
    given = {name: service["cap_add"] for name, service in _SERVICES.items() if "cap_add" in service}
    assert given == {"pgadmin": ["NET_BIND_SERVICE"]}


@each_service
def test_a_service_is_one_version(service: dict[str, Any]) -> None:
    """Its image is pinned; ours bear the package's version."""
    name, _, tag = service["image"].rpartition(":")
    assert name
    assert re.match(r"v?\d", tag)
    if name.startswith("trendscript-"):
        package = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert tag == package["version"]


@each_service
def test_ports_are_this_machine_s_alone(service: dict[str, Any]) -> None:
    """Nothing is published but on 127.0.0.1."""
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_what_goes_on_has_a_health_check_and_comes_back() -> None:
    """Every service but the one-shots."""
    for name, service in _SERVICES.items():
        if name in _ONE_SHOTS:
            assert service["restart"] == "no", name
        else:
            assert service["restart"] == "unless-stopped", name
            assert "healthcheck" in service, name


@each_service
def test_secrets_are_files(service: dict[str, Any]) -> None:
    """No variable holds one; whoever is told of a file has the secret, and nobody has one that is not declared."""
    held = service.get("secrets", [])
    assert set(held) <= _FILE["secrets"].keys()
    for name, value in service.get("environment", {}).items():
        if name.endswith("_FILE") and str(value).startswith("/run/secrets/"):
            assert Path(value).name in held
        assert not re.search(r"PASSWORD$|SECRET$|API_KEY$", name), name


def test_variables_are_those_of_the_example() -> None:
    """.env.example has what the file asks for, beside the settings; and no setting that means another folder here."""
    asked = set(re.findall(r"\$\{(\w+)", (_ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    example = (_ROOT / ".env.example").read_text(encoding="utf-8")
    assert asked == set(re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE)) - {
        name.upper() for name in Settings.model_fields
    }
    for name, service in _SERVICES.items():
        passed = {key for key, value in service.get("environment", {}).items() if value is None}
        assert not passed & {"AUDIO_FOLDER", "LAKE_PATH", "TRENDSCRIPT_HOME", "POSTGRES_HOST"}, name
        assert {key.lower() for key in passed} <= Settings.model_fields.keys() | {"youtube_regions"}, name


def test_secrets_are_those_that_are_made(tmp_path: Path) -> None:
    """docker/make-secrets makes each secret of the file and no other."""
    from tests.docker.test_secrets import make  # noqa: PLC0415  (beside the tests of the same script)

    assert make(tmp_path / "secrets").keys() == _FILE["secrets"].keys()
