"""The daily files, read with csv and dicts alone: a file goes in, what its country's chart must look like comes out."""

from __future__ import annotations

import csv
import lzma
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_PAUSE = timedelta(minutes=10)


@dataclass(slots=True)
class Country:
    """One country's chart. `latest` holds, by video, the last reading it was in, its views there, and its title.

    Views are None where the file says 0: the publisher wrote that for an absent count.
    """

    code: str
    rows: int = 0
    repeated: int = 0
    readings: list[datetime] = field(default_factory=list)
    latest: dict[str, tuple[datetime, int | None, str | None]] = field(default_factory=dict)

    @property
    def entries(self) -> int:
        """Rows that are not a second row of a video in one reading."""
        return self.rows - self.repeated


def fold(path: Path) -> Country:
    """What the file says, row by row: a new reading begins where the time moves by more than ten minutes."""
    country = Country(path.name[:2])
    before: datetime | None = None
    seen: set[str] = set()
    for row in read_rows(path):
        assert row["country"] == country.code
        country.rows += 1
        now = datetime.fromisoformat(row["fetched_at"])
        if before is None or abs(now - before) > LONGEST_PAUSE:
            country.readings.append(now)
            seen = set()
        before = now
        video = row["video_id"]
        if video in seen:
            country.repeated += 1
            continue
        seen.add(video)
        reading = country.readings[-1]
        if video not in country.latest or country.latest[video][0] < reading:
            country.latest[video] = (reading, int(row["views"]) or None, row["title"] or None)
    return country


def read_rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows as the file has them, packed or not."""
    with (
        lzma.open(path, "rt", encoding="utf-8", newline="")
        if path.suffix == ".xz"
        else path.open(encoding="utf-8", newline="") as file
    ):
        yield from csv.DictReader(file)


def cut(path: Path, folder: Path, rows: int) -> Path:
    """A file with the first rows of another."""
    short = folder / f"{path.name[:2]}.csv"
    with short.open("w", encoding="utf-8", newline="") as file:
        source = read_rows(path)
        first = next(source)
        writer = csv.DictWriter(file, list(first), lineterminator="\n")
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(islice(source, rows - 1))
    return short
