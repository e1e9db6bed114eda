"""Sources: YouTube's key and what is left of its quota, and how fresh each region's charts are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trendscript.doctor.finding import Finding
from trendscript.freshness import NEWEST_READINGS, describe_age, is_stale, to_ages

if TYPE_CHECKING:
    from trendscript.doctor.surroundings import Surroundings

DAY_UNITS = 10_000
"""What YouTube gives a key a day unless it was asked for more; a higher YOUTUBE_MAX_UNITS says that it was."""

PROVIDER = "youtube_data_api"
"""The name under which `ingest` reports the units it spends."""

_SHOWN = 5
_RETRY_SECONDS = 0.2


def check_key(surroundings: Surroundings) -> Finding:
    """The key is set. Sent to YouTube only when online is asked for, at one unit. Raises what the API's client does."""
    key = surroundings.settings.youtube_api_key
    if key is None or not key.get_secret_value().strip():
        return Finding(
            "warning", "None is set, so `trendscript ingest` reads files only.", "Set YOUTUBE_API_KEY to read YouTube."
        )
    if not surroundings.online:
        return Finding("ok", "It is set; --online tries it, for one unit of quota.")
    from ingest.quota import QuotaLedger  # noqa: PLC0415  (keeps --help quick)
    from ingest.youtube_api import ATTEMPTS, connect_api  # noqa: PLC0415  (as above)

    hasty = surroundings.settings.model_copy(update={"youtube_retry_seconds": _RETRY_SECONDS})
    connect_api(hasty, QuotaLedger(max_units=ATTEMPTS)).read_items("i18nRegions", part="snippet")
    return Finding("ok", "It is set, and YouTube takes it.")


def check_quota(surroundings: Surroundings) -> Finding:
    """Units that are left of the Pacific day, by what was loaded of what commands published of their use."""
    from ingest.quota import pacific_day  # noqa: PLC0415  (keeps --help quick)

    budget = max(DAY_UNITS, surroundings.settings.youtube_max_units)
    ((spent,),) = surroundings.rows(
        "select coalesce(sum(units), 0) from pipeline.api_usage where provider = %s and pacific_day = %s",
        [PROVIDER, pacific_day(datetime.now(UTC))],
    )
    found = f"{budget - spent:,} of {budget:,} units are left today, by the reports that were loaded."
    if spent >= budget:
        return Finding("warning", found, "Read on after midnight Pacific time.")
    if spent * 100 >= budget * surroundings.thresholds.quota_percent:
        return Finding("warning", found, "Read fewer regions, or less often.")
    return Finding("ok", found)


def check_freshness(surroundings: Surroundings) -> Finding:
    """Each region's newest chart is young: of the regions in YOUTUBE_REGIONS, else of all that were read by the API."""
    stale_after = surroundings.thresholds.stale_after
    ages = to_ages(surroundings.rows(NEWEST_READINGS), surroundings.settings.youtube_regions)
    if not ages:
        return Finding("warning", "No chart has been read from YouTube yet.", "Run `trendscript ingest charts`.")
    stale = {region: age for region, age in ages.items() if is_stale(age, stale_after)}
    if not stale:
        return Finding("ok", f"The newest chart of each of {len(ages)} regions is young enough.")
    shown = ", ".join(f"{region} {describe_age(age)}" for region, age in list(stale.items())[:_SHOWN])
    more = f" and {len(stale) - _SHOWN} more" if len(stale) > _SHOWN else ""
    return Finding(
        "warning",
        f"Older than {describe_age(stale_after)}: {shown}{more}.",
        "See what the schedule's `ingest charts` and `load` said last.",
    )
