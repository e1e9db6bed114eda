"""Regions and ids: what a person typed goes in, checked codes and ids come out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trendscript.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.youtube_api import YouTubeApi

# What people type for a country whose ISO 3166-1 code is another.
_OTHER_NAMES = {"UK": "GB", "EN": "GB", "EL": "GR", "SP": "ES", "JA": "JP", "KO": "KR", "USA": "US", "GER": "DE"}


class RegionRefused(UsageError):
    """Raised when a region isn't the code of a country."""


class CategoryRefused(UsageError):
    """Raised when a category isn't a number."""


def check_region(text: str) -> str:
    """The region in capitals. Raises RegionRefused unless it is two letters and none that people mix up."""
    code = text.strip().upper()
    if code in _OTHER_NAMES:
        raise RegionRefused(f"{text!r} is not the ISO 3166-1 code of a country; did you mean {_OTHER_NAMES[code]}?")
    if not re.fullmatch("[A-Z]{2}", code):
        raise RegionRefused(f"{text!r} is not a region. A region is the two letters of a country, as FR, US or GB.")
    return code


def check_regions(texts: Iterable[str]) -> list[str]:
    """The regions in capitals, each once, in the order given. Raises RegionRefused when there is none."""
    codes = list(dict.fromkeys(check_region(text) for text in texts))
    if not codes:
        raise RegionRefused("Name at least one --region (as FR or US), take --all-regions, or set YOUTUBE_REGIONS.")
    return codes


def check_category(text: str) -> str:
    """The category's number; '0' stands for the whole chart. Raises CategoryRefused."""
    number = text.strip()
    if not re.fullmatch("[0-9]{1,10}", number):
        raise CategoryRefused(
            f"{text!r} is not a category. A category is a number, as 10 for Music; `trendscript ingest categories` "
            "brings the list into the warehouse."
        )
    return str(int(number))


def read_all_regions(api: YouTubeApi) -> list[str]:
    """Every region YouTube knows, as the API lists them, in alphabetical order. Costs one unit."""
    items = api.read_items("i18nRegions", part="id")
    return sorted(item["id"] for item in items if re.fullmatch("[A-Z]{2}", str(item.get("id"))))
