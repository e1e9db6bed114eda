"""YouTube's key and quota, and the freshness of regions, by what a real warehouse holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ingest.loopback_api import LoopbackApi
from ingest.quota import pacific_day
from tests.builders import query
from tests.doctor.conftest import thresholds
from trendscript.doctor.sources import PROVIDER

if TYPE_CHECKING:
    from datetime import date

    from tests.doctor.conftest import Patient

KEY = "canary-key-of-the-doctor"


def _spend(patient: Patient, units: int, day: date) -> None:
    query(
        patient.dsn,
        "insert into pipeline.api_usage (usage_id, captured_at, provider, bucket, pacific_day, units, requests, "
        "command, source, row_digest, source_partition, source_offset, batch_id) "
        "values (%s, now(), %s, 'default', %s, %s, 1, 'a test', 's', '', 0, 0, 1)",
        [f"{day}-{units}", PROVIDER, day, units],
    )


def _read(patient: Patient, region: str, age: timedelta, source: str = "youtube_api") -> None:
    query(
        patient.dsn,
        "insert into processed.chart_reading (region_code, category_id, captured_at, size, source, row_digest, "
        "source_partition, source_offset, batch_id) values (%s, '0', now() - %s, 1, %s, '', 0, 0, 1)",
        [region, age, source],
    )


def test_what_is_left_of_the_day_is_counted(patient: Patient) -> None:
    """By the Pacific day: what was spent yesterday is over. A spent quota, and one nearly spent, is a warning."""
    today = pacific_day(datetime.now(UTC))
    _spend(patient, 9_999, today - timedelta(days=1))
    assert patient.find("youtube quota").found.startswith("10,000 of 10,000 units are left")
    _spend(patient, 8_500, today)
    nearly = patient.find("youtube quota")
    assert (nearly.state, nearly.found[:31]) == ("warning", "1,500 of 10,000 units are left ")
    _spend(patient, 1_500, today)
    spent = patient.find("youtube quota")
    assert (spent.state, spent.mend) == ("warning", "Read on after midnight Pacific time.")
    assert patient.but(youtube_max_units=1_000_000).find("youtube quota").state == "ok"


def test_a_stale_region_is_a_warning(patient: Patient) -> None:
    """Older than an hour; the others are not named, and what came from files never was fresh."""
    assert patient.find("freshness").state == "warning"
    _read(patient, "FR", timedelta(minutes=10))
    _read(patient, "FR", timedelta(days=3))
    _read(patient, "GB", timedelta(days=900), source="file")
    assert patient.find("freshness").state == "ok"
    _read(patient, "US", timedelta(minutes=90))
    found = patient.find("freshness")
    assert (found.state, found.found) == ("warning", "Older than 1 h 0 min: US 1 h 30 min.")
    assert patient.but(surroundings=thresholds(stale_after=timedelta(hours=2))).find("freshness").state == "ok"


def test_a_region_that_is_to_be_read_and_never_was_is_a_warning(patient: Patient) -> None:
    """YOUTUBE_REGIONS says which are looked at."""
    _read(patient, "FR", timedelta(minutes=10))
    _read(patient, "US", timedelta(days=10))
    assert patient.but(youtube_regions="FR").find("freshness").state == "ok"
    assert "JP never" in patient.but(youtube_regions="FR,JP").find("freshness").found


def test_a_key_is_sent_only_when_asked_and_printed_never(patient: Patient) -> None:
    """One request with --online; a key that is refused is broken, and its text stays out."""
    assert patient.find("youtube key").state == "warning"
    with LoopbackApi(key=KEY) as api:
        keyed = patient.but(youtube_api_key=KEY, youtube_api_endpoint=api.endpoint)
        assert keyed.find("youtube key").state == "ok"
        assert api.requests == []
        online = keyed.but(surroundings={"online": True})
        tried = online.find("youtube key")
        refused = online.but(youtube_api_key=f"{KEY}-wrong").find("youtube key")
    assert (tried.state, tried.found) == ("ok", "It is set, and YouTube takes it.")
    assert len(api.requests) == 2
    assert refused.state == "broken"
    assert KEY not in str((tried, refused))


@pytest.mark.parametrize("key", ["", "  "])
def test_an_empty_key_is_none(patient: Patient, key: str) -> None:
    """A variable that is set to nothing."""
    assert patient.but(youtube_api_key=key).find("youtube key").state == "warning"
