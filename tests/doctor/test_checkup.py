"""The whole checkup: of healthy servers, of none, and of checks that fail, hang or are wrong themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.doctor.conftest import Patient
from trendscript.contracts import load_contracts
from trendscript.doctor.checkup import CHECKS, Check, examine
from trendscript.doctor.finding import Finding, Result, State, exit_code
from trendscript.doctor.surroundings import Surroundings
from trendscript.kafka import ensure_topics
from trendscript.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Stack

FRESH = """
    insert into processed.chart_reading
        (region_code, category_id, captured_at, size, source, row_digest, source_partition, source_offset, batch_id)
    values ('FR', '0', now(), 1, 'youtube_api', '', 0, 0, 1)
"""


def test_healthy_servers_are_found_healthy(stack: Stack, patient: Patient) -> None:
    """Nothing is amiss; the disk of a server elsewhere can't be seen, and nothing is made on the way."""
    ensure_topics(load_contracts().values(), bootstrap_servers=stack.bootstrap_servers, client_properties=None)
    patient.execute(FRESH)
    found = patient.but(youtube_api_key="a key", surroundings={"environ": {"PATH": "/nonexistent"}}).look()
    odd = {name: finding for name, finding in found.items() if finding.state != "ok"}
    assert {name: finding.state for name, finding in odd.items()} == {"postgres disk": "skipped"}, odd
    assert found.keys() == {check.name for check in CHECKS}
    assert not patient.settings["trendscript_home"].exists()
    assert not (patient.settings["trendscript_home"].parent / "lake").exists()


def test_with_nothing_up_the_servers_are_named_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    """What needs a server is skipped; the machine, settings and disks are looked at all the same."""
    found = Patient("", {"trendscript_home": tmp_path / "home"}).look()
    states = {name: finding.state for name, finding in found.items()}
    assert (states["kafka"], states["postgres"]) == ("unreachable", "unreachable")
    assert "trendscript up" in found["kafka"].found
    assert {name for name, state in states.items() if state == "skipped"} == {
        name for check in CHECKS for name in [check.name] if check.stands_on
    }
    assert {states[name] for name in ("python", "java", "speech model", "lake", "home disk")} <= {"ok", "warning"}
    assert list(tmp_path.iterdir()) == []


def test_servers_that_do_not_answer_are_unreachable(patient: Patient) -> None:
    """Within seconds, at the address that was tried."""
    began = time.monotonic()
    found = patient.but(kafka_bootstrap_servers="127.0.0.1:1", postgres_port=1).look("kafka", "postgres")
    assert [finding.state for finding in found.values()] == ["unreachable", "unreachable"]
    assert "127.0.0.1:1" in found["kafka"].found
    assert time.monotonic() - began < 20


def test_what_stands_on_a_failed_check_is_skipped_and_the_others_go_on(tmp_path: Path) -> None:
    """Through several steps; a warning stops nobody."""
    checks = [
        Check("first", lambda _: Finding("broken", "It is broken.")),
        Check("second", lambda _: Finding("ok", "unseen"), ("first",)),
        Check("third", lambda _: Finding("ok", "unseen"), ("second",)),
        Check("fourth", lambda _: Finding("warning", "Look here.")),
        Check("fifth", lambda _: Finding("ok", "seen"), ("fourth",)),
    ]
    states = [result.finding.state for result in examine(_nowhere(tmp_path), checks)]
    assert states == ["broken", "skipped", "skipped", "warning", "ok"]


def test_a_check_that_hangs_and_one_that_is_wrong_hide_nothing(tmp_path: Path) -> None:
    """The one is left behind when its time is over, the other is a bug and says so."""
    checks = [
        Check("slow", _hang),
        Check("wrong", lambda _: Finding("ok", str(1 / 0))),
        Check("last", lambda _: Finding("ok", "seen")),
    ]
    began = time.monotonic()
    slow, wrong, last = examine(_nowhere(tmp_path), checks, seconds=0.1)
    assert time.monotonic() - began < 3
    assert (slow.finding.state, slow.finding.found) == ("broken", "No answer within 0.1 seconds.")
    assert (wrong.finding.state, wrong.finding.mend) == ("broken", "This is a bug: report it.")
    assert "ZeroDivisionError" in wrong.finding.found
    assert last.finding.state == "ok"


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (("ok", "warning", "skipped"), 0),
        (("ok", "unreachable", "skipped"), 69),
        (("broken", "unreachable", "warning"), 78),
        ((), 0),
    ],
)
def test_the_gravest_finding_decides_the_exit_code(states: tuple[State, ...], code: int) -> None:
    """Warnings are for a person to read, and no reason for a schedule to stop."""
    assert exit_code([Result("a check", Finding(state, ""), 0.0) for state in states]) == code


def _hang(_: Surroundings) -> Finding:
    time.sleep(5)
    return Finding("ok", "too late")


def _nowhere(tmp_path: Path) -> Surroundings:
    return Surroundings(read_settings(trendscript_home=tmp_path / "home"))
