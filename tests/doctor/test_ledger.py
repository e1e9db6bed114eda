"""What waits in a real ledger: old plans, held topics, open letters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from spark_jobs.lease import take_lease
from tests.builders import query
from tests.doctor.conftest import thresholds
from tests.spark_jobs.quarantined import CHARTS, load_values

if TYPE_CHECKING:
    from tests.doctor.conftest import Patient

PLANNED = """
    insert into pipeline.batch (
        batch_id, topic, topic_id, cluster_id, kind, state, contract_version, code_version, requested_by, planned_at
    )
    values (17, 'charts', 'id', 'cluster', 'load', 'planned', '1', '1', 'a test', now() - interval '3 hours')
"""


def test_a_batch_that_nobody_finishes_is_a_warning(patient: Patient) -> None:
    """After two hours, with the command that finishes it."""
    assert patient.find("batches").found == "None is unfinished."
    patient.execute("insert into pipeline.topic (topic, cluster_id, topic_id) values ('charts', 'c', 'i')", PLANNED)
    found = patient.find("batches")
    assert found.state == "warning"
    assert "3:00:0" in found.found
    assert "batch 17 of charts, a load" in found.found
    assert "`trendscript load charts`" in found.mend
    assert patient.but(surroundings=thresholds(planned_for=timedelta(hours=4))).find("batches").state == "ok"


def test_who_holds_a_topic_is_told(patient: Patient) -> None:
    """With address, process and age."""
    assert patient.find("leases").found == "Nobody works on a topic now."
    with take_lease(patient.dsn, "charts"):
        found = patient.find("leases")
    assert found.state == "ok"
    assert found.found.startswith("charts by 127.0.0.1, process ")


def test_open_letters_are_a_warning(patient: Patient) -> None:
    """By topic and reason, the most first; those that were decided on are not counted."""
    assert patient.find("quarantine").state == "ok"
    load_values(patient.dsn, CHARTS, [b"{broken", b"{broken", b"[]", None])
    query(
        patient.dsn,
        "update pipeline.dead_letter set state = 'discarded', closed_at = now() where message_value is null",
    )
    found = patient.find("quarantine")
    assert found.state == "warning"
    assert found.found == "3 open: 2 of charts for not_json, 1 of charts for not_an_object."
