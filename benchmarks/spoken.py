"""Made-up speech by the million: a database's address and sizes go in, its tables are filled, the same each time."""

from __future__ import annotations

import io
import math
import tomllib
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psycopg2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812  (a class with a lower-case name)

_SEED = 20_261_121
_VOCABULARY = 60_000
_FLATTENING = 2.7  # Mandelbrot's offset: the most frequent words of a language are less frequent than Zipf's law says
_NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
_LINEAGE = ("made_up", "\\\\x00", "0", "0", "1")
_SEGMENT_SECONDS = 4.0
_STOP_WORDS = 0.5  # their share of all words
_AT_ONCE = 1_000  # videos a COPY
_INDEXES = ("transcript_segment_search", "transcript_segment_trigrams")
_CHART_SIZE = 50


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language to make up: its share of videos, sounds, stop words by frequency, words planted at ranks, phrases."""

    code: str
    share: float
    syllables: str
    stop_words: str
    planted: dict[str, int]
    phrases: dict[str, float]
    spaces: bool = True


def _read_tongues() -> list[Tongue]:
    text = Path(__file__).with_name("tongues.toml").read_text(encoding="utf-8")
    return [Tongue(code, **values) for code, values in tomllib.loads(text).items()]


def fill(dsn: str, *, segments: int, videos: int) -> None:
    """Fill the empty tables of a migrated database; indexes for search are built once the rows are there."""
    tongues = _read_tongues()
    random = np.random.default_rng(_SEED)
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        definitions = _drop_indexes(cursor)
        makers = [_Maker(tongue, random) for tongue in tongues]
        shares = np.array([tongue.share for tongue in tongues])
        chosen = random.choice(len(tongues), size=videos, p=shares / shares.sum())
        for first in range(0, videos, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, videos))
            _copy_videos(cursor, numbers, [tongues[chosen[number]] for number in numbers])
            _copy_segments(cursor, numbers, [makers[chosen[number]] for number in numbers], segments // videos)
        _copy_charts(cursor, random, videos)
        cursor.execute("set local maintenance_work_mem = '1GB'")
        for definition in definitions:
            cursor.execute(definition)
        connection.commit()
        connection.autocommit = True
        cursor.execute("vacuum analyze")


class _Maker:
    """Makes sentences of a language: stop words and content words in about equal parts, each by Zipf's law."""

    def __init__(self, tongue: Tongue, random: np.random.Generator) -> None:
        self._tongue = tongue
        self.code = tongue.code
        self._random = random
        self._stop_words = np.array(tongue.stop_words.split())
        self._words = np.array(_vocabulary(tongue, random))
        self._stop_chances = _zipf(len(self._stop_words))
        self._chances = _zipf(len(self._words))

    def sentences(self, count: int) -> list[str]:
        """So many sentences of six to sixteen words."""
        lengths = self._random.integers(6, 17, size=count)
        total = int(lengths.sum())
        words = self._random.choice(self._words, size=total, p=self._chances)
        stops = self._random.choice(self._stop_words, size=total, p=self._stop_chances)
        mixed = np.where(self._random.random(total) < _STOP_WORDS, stops, words)
        ends = np.cumsum(lengths)
        joint = " " if self._tongue.spaces else ""
        made = [joint.join(mixed[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
        return self._plant(made)

    def _plant(self, sentences: list[str]) -> list[str]:
        joint = " " if self._tongue.spaces else ""
        for phrase, chance in self._tongue.phrases.items():
            for number in np.flatnonzero(self._random.random(len(sentences)) < chance):
                sentences[number] = f"{sentences[number]}{joint}{phrase}"
        return [sentence[0].upper() + sentence[1:] + "." for sentence in sentences]


def _vocabulary(tongue: Tongue, random: np.random.Generator) -> list[str]:
    """Made-up words, frequent ones shorter, with the planted ones at their ranks; each once."""
    syllables = tongue.syllables.split()
    found: dict[str, None] = {}
    while len(found) < _VOCABULARY:
        longest = 2 + int(math.log10(len(found) + 1) // 2)
        parts = random.choice(syllables, size=(_VOCABULARY, longest + 1))
        lengths = random.integers(2, longest + 2, size=_VOCABULARY)
        for row, length in zip(parts, lengths, strict=True):
            found["".join(row[:length])] = None
            if len(found) == _VOCABULARY:
                break
    words = [word for word in found if word not in tongue.planted]
    for word, rank in tongue.planted.items():
        words[rank] = word
    return words


def _zipf(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    chances = 1 / (np.arange(count) + _FLATTENING)
    return np.asarray(chances / chances.sum())


def video_id(number: int) -> str:
    """The id of a made-up video."""
    return f"madeup{number:05d}"


def channel_id(number: int) -> str:
    """The id of the channel of a made-up video: two hundred videos share one."""
    return f"UC{number // 200:022d}"


def _transcription_id(number: int) -> str:
    return sha256(video_id(number).encode()).hexdigest()


def _published(number: int) -> datetime:
    return _NEWEST - timedelta(hours=number)


def _copy_videos(cursor: Cursor, numbers: Sequence[int], tongues: Sequence[Tongue]) -> None:
    at = _NEWEST.isoformat()
    _copy(
        cursor,
        "video (video_id, title, channel_id, channel_title, published_at, captured_at,"
        " source, row_digest, source_partition, source_offset, batch_id)",
        (
            (video_id(n), f"Video {n}", channel_id(n), f"Channel {n // 200}", _published(n).isoformat(), at, *_LINEAGE)
            for n in numbers
        ),
    )
    _copy(
        cursor,
        "transcription (transcription_id, video_id, method, status, backend, model, language, timestamps, text,"
        " captured_at, source, row_digest, source_partition, source_offset, batch_id)",
        (
            (_transcription_id(n), video_id(n), "speech", "transcribed", "local", "base", tongue.code, "segment", "",
             _published(n).isoformat(), *_LINEAGE)
            for n, tongue in zip(numbers, tongues, strict=True)
        ),
    )  # fmt: skip


def _copy_segments(cursor: Cursor, numbers: Sequence[int], makers: Sequence[_Maker], each: int) -> None:
    _copy(
        cursor,
        "transcript_segment (transcription_id, position, start_seconds, end_seconds, text, language,"
        " row_digest, source_partition, source_offset, batch_id)",
        (
            (_transcription_id(number), str(place), str(place * _SEGMENT_SECONDS), str((place + 1) * _SEGMENT_SECONDS),
             text, maker.code, *_LINEAGE[1:])
            for number, maker in zip(numbers, makers, strict=True)
            for place, text in enumerate(maker.sentences(each))
        ),
    )  # fmt: skip


def _copy_charts(cursor: Cursor, random: np.random.Generator, videos: int) -> None:
    """A hundred readings of three regions: one video in five or so has been in a chart."""
    rows = []
    for reading in range(100):
        at = (_NEWEST - timedelta(days=reading)).isoformat()
        for region in ("US", "FR", "DE"):
            for rank, number in enumerate(random.choice(videos, size=min(_CHART_SIZE, videos), replace=False), start=1):
                rows.append((region, "0", at, video_id(int(number)), str(rank), *_LINEAGE))
    _copy(
        cursor,
        "chart_entry (region_code, category_id, captured_at, video_id, rank,"
        " source, row_digest, source_partition, source_offset, batch_id)",
        rows,
    )


def _copy(cursor: Cursor, target: str, rows: Iterable[tuple[str, ...]]) -> None:
    text = io.StringIO("".join("\t".join(row) + "\n" for row in rows))
    cursor.copy_expert(f"copy processed.{target} from stdin", text)


def _drop_indexes(cursor: Cursor) -> list[str]:
    """Drop the indexes for search, and return what makes them again."""
    cursor.execute("select pg_get_indexdef(i::regclass) from unnest(%s) as i", ([f"processed.{n}" for n in _INDEXES],))
    definitions = [definition for (definition,) in cursor.fetchall()]
    cursor.execute("drop index " + ", ".join(f"processed.{name}" for name in _INDEXES))
    return definitions
