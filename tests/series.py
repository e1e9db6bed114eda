"""A made-up contract with all that ours can say: series with seasons, episodes, genres, ratings and a review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.builders import a_column, a_contract, a_key_column, a_table, a_version_column, to_words

if TYPE_CHECKING:
    from trendscript.contracts import Contract

DDL = """
create schema made_up;
create table made_up.series (
    series_id text primary key, title text, extras jsonb, captured_at timestamptz,
    row_digest bytea, source_partition integer, source_offset bigint, batch_id bigint
);
create table made_up.season (
    series_id text references made_up.series, number smallint, title text,
    row_digest bytea not null, source_partition integer not null, source_offset bigint not null,
    batch_id bigint not null, primary key (series_id, number)
);
create table made_up.episode (
    series_id text, season_number smallint, position integer, title text, season_position integer not null,
    row_digest bytea not null, source_partition integer not null, source_offset bigint not null,
    batch_id bigint not null, primary key (series_id, season_number, position),
    foreign key (series_id, season_number) references made_up.season
);
create table made_up.genre (
    series_id text references made_up.series, genre text, position integer not null,
    row_digest bytea not null, source_partition integer not null, source_offset bigint not null,
    batch_id bigint not null, primary key (series_id, genre)
);
create table made_up.rating (
    series_id text references made_up.series, captured_at timestamptz, stars double precision not null,
    row_digest bytea not null, source_partition integer not null, source_offset bigint not null,
    batch_id bigint not null, primary key (series_id, captured_at)
);
create table made_up.review (
    series_id text references made_up.series, captured_at timestamptz, body text not null,
    row_digest bytea not null, source_partition integer not null, source_offset bigint not null,
    batch_id bigint not null, primary key (series_id, captured_at)
);
"""

_ID: dict[str, Any] = {"transformSourceObjects": ["$.series.id"]}
_SEASONS = "$.series.seasons[*]"


def _whole(name: str, path: str, physical: str = "integer", **fields: Any) -> dict[str, Any]:
    types = {"logicalType": "integer", "physicalType": physical}
    return a_column(name, required=True, transformSourceObjects=[path], **types, **fields)


def _stub() -> dict[str, Any]:
    words = to_words({"parentStub": True})
    return {"relationships": [{"type": "foreignKey", "to": "series.series_id", "customProperties": words}]}


def a_series_contract() -> Contract:
    """The contract; its tables are those of `DDL`."""
    key: dict[str, Any] = {"primaryKey": True}
    captured = a_version_column()
    return a_contract(
        a_table(
            "series",
            a_key_column("series_id", **_ID),
            a_column("title", transformSourceObjects=["$.series.title", "$.series.name"]),
            a_column(
                "extras",
                logicalType="object",
                physicalType="jsonb",
                transformLogic="json",
                transformSourceObjects=["$.series.extras"],
            ),
            captured,
            mode="newest",
            version="captured_at",
        ),
        a_table(
            "season",
            a_key_column("series_id", **_ID),
            _whole("number", "@.number", "smallint", **key, primaryKeyPosition=2),
            a_column("title", transformSourceObjects=["@.title"]),
            mode="replace",
            rowsFrom=[_SEASONS],
        ),
        a_table(
            "episode",
            a_key_column("series_id", **_ID),
            _whole("season_number", "@1.number", "smallint", **key, primaryKeyPosition=2),
            _whole("position", "#", **key, primaryKeyPosition=3),
            a_column("title", transformSourceObjects=["@.title"]),
            _whole("season_position", "#1"),
            mode="replace",
            rowsFrom=[_SEASONS, "@.episodes[*]"],
        ),
        a_table(
            "genre",
            a_key_column("series_id", **_ID),
            a_key_column("genre", 2, transformSourceObjects=["@"]),
            _whole("position", "#"),
            mode="replace",
            rowsFrom=["$.series.genres[*]"],
        ),
        a_table(
            "rating",
            a_key_column("series_id", transformSourceObjects=["@.series_id"], **_stub()),
            {**captured, **key, "primaryKeyPosition": 2},
            a_column(
                "stars",
                logicalType="number",
                physicalType="double precision",
                required=True,
                transformSourceObjects=["@.stars"],
            ),
            rowsFrom=["$.ratings[*]"],
        ),
        a_table(
            "review",
            a_key_column("series_id", **_ID, **_stub()),
            {**captured, **key, "primaryKeyPosition": 2},
            a_column("body", required=True, transformSourceObjects=["$.review.body"]),
            optional=["$.review", "$.review_of"],
        ),
    )


def a_series(series_id: str = "s1", captured_at: str = "2026-11-20T12:00:00Z", **series: Any) -> dict[str, Any]:
    """A message about one series; keywords go into the series."""
    return {"captured_at": captured_at, "series": {"id": series_id, "title": "A series", **series}}


def a_season(number: int, *episodes: str, **season: Any) -> dict[str, Any]:
    """A season with episodes of these titles."""
    return {"number": number, "episodes": [{"title": title} for title in episodes], **season}
