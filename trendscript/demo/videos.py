"""Made-up videos: a seed goes in; the same videos come out on every machine and every Python."""

from __future__ import annotations

import string
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REGIONS = ("DE", "FR", "US")
FIRST_READING = datetime(2026, 8, 17, 12, tzinfo=UTC)
DAYS = 14
"""The readings, one a day and region, lie around 24 August 2026, when YouTube changed what a view is."""

CATEGORIES = {"1": "Film & Animation", "10": "Music", "20": "Gaming"}
"""What the mostPopular chart holds since July 2025, with YouTube's own numbers."""

_SEED = 2026
_EVERYWHERE, _IN_ONE_REGION = 40, 90
_ID_LETTERS = string.ascii_letters + string.digits + "-_"

_ADJECTIVES = ("Amber", "Borrowed", "Distant", "Electric", "Faded", "Golden", "Hollow", "Midnight", "Quiet", "Velvet")
_NOUNS = ("Anchors", "Bridges", "Comets", "Embers", "Gardens", "Harbours", "Mirrors", "Orchards", "Rivers", "Windows")
_FIRST_NAMES = ("Ada", "Bruno", "Chiara", "Dario", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaya", "Lino")
_SURNAMES = ("Achterberg", "Bellanova", "Corvane", "Drummel", "Estavia", "Fennick", "Grauwald", "Halvoret", "Ilmara")
_GAMES = ("Castle Drift", "Deep Orbit", "Farm & Fortress", "Neon Alley", "Sky Couriers", "Tin Robots")


@dataclass(frozen=True, slots=True)
class Video:
    """A video and how it fares: `reach` new views at its best, `peak` days after the first reading, by region's taste.

    `ranks` gives places on a region's chart, by day, whatever the views say; the video has no others there.
    """

    video_id: str
    title: str
    channel_title: str
    category_id: str
    published_at: datetime
    seconds: int
    reach: float
    peak: float
    width: float
    taste: Mapping[str, float]
    ranks: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    likes_hidden: bool = False

    @property
    def channel_id(self) -> str:
        """The channel's id, the same for all its videos."""
        return "UC" + _letters(Random(self.channel_title), 22)  # noqa: S311  (made-up data, guards no secret)


def make_videos() -> tuple[Video, ...]:
    """All videos of the demo, the three with a story first."""
    # Only random() itself is promised to give the same numbers in every release of Python.
    numbers = Random(_SEED)  # noqa: S311  (made-up data, guards no secret)
    everywhere = [_make_video(numbers, dict.fromkeys(REGIONS, 1.0)) for _ in range(_EVERYWHERE)]
    local = [_make_video(numbers, {region: 1.0}) for region in REGIONS for _ in range(_IN_ONE_REGION)]
    return (*_with_stories(numbers), *everywhere, *local)


def _with_stories(numbers: Random) -> tuple[Video, Video, Video]:
    climb = (55, 47, 41, 33, 28, 21, 16, 11, 8, 6, 4, 3, 2, 1)
    climber = replace(
        _make_video(numbers, {}),
        title="Paper Lanterns - Slow Tide",
        seconds=9,
        channel_title="Paper Lanterns",
        category_id="10",
        published_at=FIRST_READING - timedelta(hours=19),
        reach=900_000.0,
        peak=12.0,
        width=3.0,
        ranks={
            "FR": dict(enumerate(climb)),
            "DE": dict(enumerate((52, 37, 19, 9), start=10)),
            "US": dict(enumerate((44, 25), start=12)),
        },
    )
    returning = replace(
        _make_video(numbers, {}),
        title="Tin Robots: the level nobody finishes",
        seconds=11,
        channel_title="Oona Drummel plays",
        category_id="20",
        ranks={"US": dict(enumerate((9, 14, 22, 37, 51))) | dict(enumerate((34, 17, 8, 5, 3), start=9))},
    )
    secretive = replace(
        _make_video(numbers, dict.fromkeys(REGIONS, 1.0)),
        title="The Cartographer's Daughter | Trailer",
        seconds=9,
        channel_title="Velvet Pictures",
        category_id="1",
        reach=2_400_000.0,
        peak=13.0,
        likes_hidden=True,
    )
    return climber, returning, secretive


def _make_video(numbers: Random, taste: Mapping[str, float]) -> Video:
    category = _pick(numbers, tuple(CATEGORIES))
    channel, title = _name(numbers, category)
    peak = _between(numbers, -9, DAYS + 3)
    width = _between(numbers, 1.2, 4.0)
    age_at_peak = timedelta(days=_between(numbers, 1, 2.5 * width))
    return Video(
        video_id=_letters(numbers, 11),
        title=title,
        channel_title=channel,
        category_id=category,
        published_at=FIRST_READING + timedelta(days=round(peak)) - age_at_peak,
        seconds=round(_between(numbers, 20, 900)),
        reach=10 ** _between(numbers, 4.3, 6.0),
        peak=peak,
        width=width,
        taste=taste,
    )


def _name(numbers: Random, category: str) -> tuple[str, str]:
    """A channel and the title of one of its videos."""
    person = f"{_pick(numbers, _FIRST_NAMES)} {_pick(numbers, _SURNAMES)}"
    phrase = f"{_pick(numbers, _ADJECTIVES)} {_pick(numbers, _NOUNS)}"
    if category == "10":
        return person, f"{person} - {phrase}"
    if category == "20":
        return f"{person} plays", f"{_pick(numbers, _GAMES)}, part {round(_between(numbers, 1, 40))}: {phrase.lower()}"
    return f"{phrase.split(maxsplit=1)[0]} Pictures", f"{phrase} | Trailer"


def _between(numbers: Random, low: float, high: float) -> float:
    return low + (high - low) * numbers.random()


def _pick(numbers: Random, choices: Sequence[str]) -> str:
    return choices[int(numbers.random() * len(choices))]


def _letters(numbers: Random, count: int) -> str:
    return "".join(_pick(numbers, _ID_LETTERS) for _ in range(count))
