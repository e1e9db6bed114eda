"""Recognising a table by its first line, and what each layout makes of a row: given, blank, missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.files.entries import Given, RowRefused
from ingest.files.layouts import recognise_table
from ingest.files.video import split_quoted_tags
from tests.ingest.files.building import LAYOUTS, SECOND_ID, a_row, a_table, import_text, to_item

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_header_tells_the_layout(layout: str) -> None:
    """Each layout is recognised by its own header, in any case and order, with columns more."""
    columns = [f" {column.upper()} " for column in reversed(a_row(layout))]
    found = recognise_table(["", *columns])
    assert found is not None
    assert (found.layout.name, found.has_header) == (layout, True)
    assert set(found.names) >= set(a_row(layout))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_first_row_tells_the_layout_of_a_file_without_a_header(layout: str) -> None:
    """As many cells as the layout has columns, of which those that can be checked have its forms."""
    found = recognise_table(list(a_row(layout).values()))
    assert found is not None
    assert (found.layout.name, found.has_header) == (layout, False)


def test_another_header_is_of_no_layout() -> None:
    """A table that someone made of one, with columns of his own, is not taken for it."""
    assert recognise_table(["titre", "nomChaine", "date_tendance", "vues"]) is None


def test_a_file_without_a_header_loses_no_row(tmp_path: Path) -> None:
    """The first line is a row, ranked first."""
    found = import_text(tmp_path, a_table(a_row("kaggle_2020"), a_row("kaggle_2020", video_id=SECOND_ID), header=False))
    assert [rank for _, rank, _ in found.ranks] == [1, 2]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_recognised(tmp_path: Path, delimiter: str) -> None:
    """Excel saves with a semicolon where a comma divides decimals."""
    rows = [delimiter.join(a_row().keys()), delimiter.join(a_row(tags="[none]").values())]
    assert import_text(tmp_path, "\n".join(rows)).report.published == 1


def test_a_column_named_twice_keeps_both_cells(tmp_path: Path) -> None:
    """Nothing of the row as it came is lost."""
    text = ",".join([*a_row(), "note", "note"]) + "\n" + a_table(a_row(), header=False).strip() + ",x,y\n"
    row = import_text(tmp_path, text).values[0]["row"]
    assert (row["note"], row["note (2)"]) == ("x", "y")


def test_2017_row_becomes_a_videos_resource() -> None:
    """Every cell that YouTube's API has a name for is under that name."""
    assert to_item() == {
        "id": "2Vv-BfVoq4g",
        "snippet": {
            "publishedAt": "2017-11-09T11:04:14.000Z",
            "title": "Perfect",
            "description": "Listen",
            "channelTitle": "Ed Sheeran",
            "categoryId": "10",
            "tags": ["edsheeran", "ed sheeran"],
            "thumbnails": {"default": {"url": "https://i.ytimg.com/vi/2Vv-BfVoq4g/default.jpg"}},
        },
        "statistics": {
            "viewCount": "33523622",
            "likeCount": "1634124",
            "dislikeCount": "21082",
            "commentCount": "85067",
        },
    }


def test_blank_cells_are_absent() -> None:
    """Absent is left out: never '' and never 0."""
    blank = dict.fromkeys(["title", "tags", "description", "publish_time", "views", "likes", "thumbnail_link"], "")
    item = to_item(cells=blank)
    assert item["snippet"].keys() == {"channelTitle", "categoryId"}
    assert item["statistics"].keys() == {"dislikeCount", "commentCount"}


def test_a_zero_counts_where_the_row_says_the_count_was_public() -> None:
    """With ratings and comments on, 0 is what people gave."""
    assert to_item(likes="0", dislikes="0", comment_count="0")["statistics"] == {
        "viewCount": "33523622",
        "likeCount": "0",
        "dislikeCount": "0",
        "commentCount": "0",
    }


def test_a_zero_beside_disabled_is_absent() -> None:
    """The publisher wrote 0 where the API gave no count."""
    item = to_item(likes="0", dislikes="0", comment_count="0", ratings_disabled="TRUE", comments_disabled="TRUE")
    assert item["statistics"] == {"viewCount": "33523622"}


def test_zero_views_are_absent() -> None:
    """No video is on a chart with 0 views, and the publisher wrote 0 for absent."""
    assert "viewCount" not in to_item(views="0")["statistics"]


@pytest.mark.parametrize(("day", "kept"), [("2021-12-12T00:00:00Z", True), ("2021-12-13T00:00:00Z", False)])
def test_zero_dislikes_are_absent_since_they_are_hidden(day: str, kept: bool) -> None:  # noqa: FBT001  (a case)
    """From 2021-12-13 the API gave none and the publisher wrote 0."""
    assert ("dislikeCount" in to_item("kaggle_2020", trending_date=day, dislikes="0")["statistics"]) is kept


def test_2020_row_has_its_channel_and_no_tags() -> None:
    """Tags joined by a bare bar can't be split with certainty."""
    snippet = to_item("kaggle_2020")["snippet"]
    assert snippet["channelId"] == "UCaO6TYtlC8U5ttz62hTrZgg"
    assert "tags" not in snippet


def test_daily_row_leaves_out_what_its_publisher_got_wrong() -> None:
    """duration_raw is right and duration is not; the flags are False for all; tags can't be split; 0 is absent."""
    item = to_item("kaggle_daily", likes="0", comments="0")
    assert item["contentDetails"] == {
        "duration": "P1DT1H",
        "definition": "hd",
        "caption": "true",
        "licensedContent": False,
    }
    assert item["statistics"] == {"viewCount": "225445"}
    assert item.keys() == {"id", "snippet", "contentDetails", "statistics"}
    assert item["snippet"].keys() == {
        "publishedAt", "channelId", "title", "channelTitle", "categoryId", "thumbnails", "defaultLanguage",
    }  # fmt: skip
    assert item["snippet"]["publishedAt"] == "2025-12-09T11:30:38Z"


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ('a b|"c"|"d e"', ["a b", "c", "d e"]),
        ('a|"b | c"', ["a", "b | c"]),
        ("one", ["one"]),
        ("[none]", None),
        ("[None]", None),
        ("", None),
        ("a|b", None),
        ('a|"b', None),
    ],
)
def test_quoted_tags_are_split_where_that_is_certain(text: str, tags: list[str] | None) -> None:
    """A bar within quotes is part of a tag; one between bare words may be either."""
    assert split_quoted_tags(text) == tags


def test_a_date_without_a_year_is_reported_and_not_guessed() -> None:
    """The user can say the year."""
    with pytest.raises(RowRefused, match="--year"):
        to_item("kaggle_2017_first", Given())


@pytest.mark.parametrize(
    ("date", "found"), [("13.09", "2017-09-13"), ("10.1", "2017-10-10"), ("01.10", "2017-10-01"), ("1.1", "2017-10-01")]
)
def test_a_date_taken_for_a_number_is_mended(tmp_path: Path, date: str, found: str) -> None:
    """Months have two digits there, so a single 1 has lost its 0: October."""
    values = import_text(tmp_path, a_table(a_row("kaggle_2017_first", date=date)), Given(year=2017)).values
    assert [value["captured_at"] for value in values] == [f"{found}T00:00:00Z"]


def test_january_after_december_is_of_the_next_year(tmp_path: Path) -> None:
    """The rows stand in the order of their days."""
    rows = [a_row("kaggle_2017_first", date=date) for date in ("31.12", "01.01", "02.01")]
    values = import_text(tmp_path, a_table(*rows), Given(year=2017)).values
    assert [value["captured_at"][:10] for value in values] == ["2017-12-31", "2018-01-01", "2018-01-02"]


def test_a_row_without_a_date_takes_the_time_the_user_gave() -> None:
    """And is refused without one."""
    with pytest.raises(RowRefused, match="--captured-at"):
        to_item("kaggle_2017", Given(), trending_date="")
