"""Regions by file name: `USvideos.csv` goes in, US comes out; None where the name is not certain to say one."""

from __future__ import annotations

import re

REGIONS = frozenset(
    (  # noqa: SIM905  (a hundred quoted codes read worse)
        "AE AR AT AU AZ BA BD BE BG BH BO BR BY CA CH CL CO CR CY CZ DE DK DO DZ EC EE EG ES FI FR GB GE GH GR GT HK "
        "HN HR HU ID IE IL IN IQ IS IT JM JO JP KE KH KR KW KZ LA LB LI LK LT LU LV LY MA MD ME MK MT MX MY NG NI NL "
        "NO NP NZ OM PA PE PG PH PK PL PR PT PY QA RO RS RU SA SE SG SI SK SN SV TH TN TR TW TZ UA UG US UY VE VN YE "
        "ZA ZW"
    ).split()
)
"""Regions that YouTube offers (i18nRegions.list): other pairs of letters in a name, as in TV, mean none."""

_PAIR = re.compile(r"(?<![A-Za-z])([A-Z]{2})(?![A-Za-z])|(?<![A-Za-z])([A-Z]{2})(?=videos)")
_CODE = re.compile(r"[A-Z]{2}")


def region_of_name(name: str) -> str | None:
    """The one region that a file's name holds as two capital letters on their own, or before `videos`."""
    found = {alone or before for alone, before in _PAIR.findall(name)} & REGIONS
    return found.pop() if len(found) == 1 else None


def parse_region(text: str) -> str | None:
    """A region code in capitals; None if the text is not two letters."""
    code = text.strip().upper()
    return code if _CODE.fullmatch(code) else None
