"""A load as a process, and who is told of it: by a real mail server, with what SQL counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spark_jobs.cli_follow import to_outcome
from spark_jobs.follow_status import Failing, FollowStatus
from tests.builders import query
from tests.notices.servers import mail_server
from tests.spark_jobs.test_cli import load, publish_usage
from trendscript.errors import NeedsAPerson, TryAgainLater

if TYPE_CHECKING:
    from tests.conftest import Stack


@pytest.mark.usefixtures("topics")
def test_what_a_load_quarantines_is_told_by_mail(stack: Stack, environment: dict[str, str], database: str) -> None:
    """Numbers by reason as the ledger has them, with the run; the end of the load is as without a notice."""
    publish_usage(stack, b'{"broken', b"\xff\xfe", b'{"broken')
    with mail_server() as server:
        settings = {
            "SMTP_SERVER": "127.0.0.1",
            "SMTP_PORT": str(server.port),
            "EMAIL_RECEIVER": "ada@example.org",
            "LAKE_PATH": "off",
        }
        loaded = load("api_usage", "--json", environment=environment | settings)
    assert loaded.returncode == 0, loaded.stderr
    (mail,) = server.mails
    text = mail.get_content().replace("\r\n", "\n")
    ((total, run),) = query(
        database,
        "select sum(quarantined)::int, max(run_id) from pipeline.batch join pipeline.batch_range using (batch_id)",
    )
    counted = query(database, "select reason, count(*) from pipeline.dead_letter group by 1 order by 2 desc, 1")
    assert mail["Subject"] == f"Trendscript: {total} messages quarantined"
    assert f"api_usage: {total} messages quarantined\n" in text
    assert "".join(f"  {count} {reason}\n" for reason, count in counted) in text
    assert f" of run {run}.\n" in text
    assert f'"run_id": "{run}"' in loaded.stderr
    assert query(database, "select subject, facts from pipeline.notice where detail = ''") == [
        ("api_usage", {"until_batch": query(database, "select max(batch_id) from pipeline.batch")[0][0]})
    ]


def test_what_a_load_that_goes_on_tells_of_its_topics() -> None:
    """Those that a person must mend at once, those that may pass after some attempts; those that went well."""
    status = FollowStatus(["passes", "needs_a_person", "passed", "never_tried"])
    passing, parked = TryAgainLater("Later."), NeedsAPerson("Mend it.")
    status.note_success("passed")
    status.note_failure("passes", Failing(passing, 5, parked=False))
    status.note_failure("needs_a_person", Failing(parked, 1, parked=True))
    found = to_outcome(status)
    assert found.failures == {"load needs_a_person": parked}
    assert found.passed == {"load", "load passed"}
    status.note_failure("passes", Failing(passing, 6, parked=False))
    status.note_success("needs_a_person")
    found = to_outcome(status)
    assert found.failures == {"load passes": passing}
    assert found.passed == {"load", "load passed", "load needs_a_person"}
