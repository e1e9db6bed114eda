"""The operators' commands as a person types them: what they refuse before anything is touched, and what they print."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import pytest
from typer.testing import CliRunner

from spark_jobs.batch import Batch, OffsetRange
from spark_jobs.cli_accept_gap import to_lines
from spark_jobs.cli_replay import to_asked
from spark_jobs.gaps import Acceptance, Gap
from spark_jobs.topic_state import TopicIdentity
from tests.builders import query, to_bytes
from tests.spark_jobs.quarantined import load_values, under
from tests.warehouse.pointing import point_at
from trendscript.cli.main import app
from trendscript.contracts import load_contract
from trendscript.contracts.model import Limits
from trendscript.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Stack

from tests.builders import a_chart_message


def test_replay_takes_offsets_or_a_time() -> None:
    """--to is the last offset; a time has its offset."""
    asked = to_asked(5, 9, [1, 0, 1], None)
    assert (asked.from_offset, asked.until_offset, asked.partitions, asked.since) == (5, 10, (1, 0), None)
    assert (to_asked(None, 4, [], None).from_offset, to_asked(3, None, [], None).until_offset) == (0, None)
    assert to_asked(None, None, [], "2026-11-20T12:00+01:00").since == datetime(2026, 11, 20, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("offsets", "since", "words"),
    [
        ((None, None), None, "Say what to load again"),
        ((1, None), "2026-11-20T12:00Z", "the one or the other"),
        ((5, 4), None, "lies before"),
        ((None, None), "2026-11-20T12:00", "with its offset"),
        ((None, None), "yesterday", "with its offset"),
    ],
)
def test_replay_refuses_what_makes_no_sense(
    offsets: tuple[int | None, int | None], since: str | None, words: str
) -> None:
    """With a sentence that says how to ask."""
    with pytest.raises(UsageError, match=words) as refused:
        to_asked(*offsets, [], since)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["dead-letters", "discard", "charts/0/1"],
        ["dead-letters", "discard", "--why", "because"],
        ["dead-letters", "discard", "charts/0/1", "--topic", "charts", "--why", "because"],
        ["dead-letters", "discard", "--topic", "charts", "--why", "because"],
        ["accept-gap", "charts"],
        ["accept-gap", "charts", "--why", " "],
        ["replay", "charts", "--abandon"],
        ["replay", "charts", "--abandon", "--why", " "],
        ["replay", "charts", "--abandon", "--why", "because", "--dry-run"],
    ],
)
def test_decisions_need_their_reason_and_their_object(arguments: Sequence[str]) -> None:
    """Before any server is asked."""
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, UsageError)


def test_a_gap_is_told_in_sentences() -> None:
    """What is given up, where load goes on, and which batch is abandoned."""
    identity = TopicIdentity("charts", "cluster", "new")
    accepted = Acceptance(
        identity,
        (
            Gap("new", 0, 3, 5, "OffsetsExpired"),
            Gap("new", 1, 3, 8, "PositionAhead"),
            Gap("old", 2, 7, None, "TopicRecreated"),
        ),
        {0: 5, 1: 3},
        Batch(17, "charts", "new", "load", (OffsetRange(0, 3, 9),)),
        takes_over=True,
    )
    assert list(to_lines(accepted)) == [
        "charts, partition 0: offsets 3 to 4 are given up (OffsetsExpired).",
        (
            "charts, partition 1: Kafka ends before offset 3; those up to 7 are given up, and others will stand there "
            "(PositionAhead)."
        ),
        "charts, partition 2: what topic id old held from offset 7 on is given up (TopicRecreated).",
        "charts: load goes on with the topic id new of cluster.",
        "charts, partition 0: load goes on at offset 5.",
        "charts, partition 1: load goes on at offset 3.",
        "charts: batch 17, planned and not finished, is abandoned.",
    ]
    assert replace(accepted, abandoned=None).to_json()["abandoned_batch"] is None


@pytest.fixture
def settings(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings that lead to the test's own database; no Kafka."""
    point_at(database, monkeypatch)
    monkeypatch.setenv("TRENDSCRIPT_HOME", str(stack.home / "nowhere"))
    return database


def test_letters_are_retried_and_discarded_without_kafka(settings: str) -> None:
    """The report is that of a load; a discarded message is listed as such, with who and why."""
    tight = under(load_contract("youtube_trending"), title={"limits": Limits(max_length=3)})
    load_values(settings, tight, [to_bytes(a_chart_message("a" * 11)), b"{broken", None])

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["dead-letters", *arguments], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    (topic,) = orjson.loads(run("retry", "youtube_trending", "--json"))["topics"]
    assert topic["batches"][0]["messages"] == {"read": 3, "accepted": 1, "quarantined": 2, "skipped": 0}
    assert orjson.loads(run("discard", "youtube_trending/0/2", "--why", "a test", "--json")) == {"discarded": 1}
    assert "1 message discarded" in run("discard", "--topic", "youtube_trending", "--reason", "not_json", "--why", "x")
    assert "nothing in quarantine" in run("retry", "youtube_trending")
    shown = orjson.loads(run("show", "youtube_trending/0/2", "--json"))
    assert (shown["state"], shown["why"]) == ("discarded", "a test")
    assert query(settings, "select state from pipeline.dead_letter order by 1") == [
        ("closed",),
        ("discarded",),
        ("discarded",),
    ]
