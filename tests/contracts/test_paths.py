"""The paths of a contract."""

from __future__ import annotations

import pytest

from trendscript.contracts.model import Path
from trendscript.contracts.paths import PathRefused, parse_path, parse_rows_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", Path(-1)),
        ("$.item.id", Path(-1, ("item", "id"))),
        ("$.content-type", Path(-1, ("content-type",))),
        ("@", Path(0)),
        ("@.title", Path(0, ("title",))),
        ("@1.title", Path(1, ("title",))),
        ("#", Path(0, position=True)),
        ("#1", Path(1, position=True)),
    ],
)
def test_a_path_says_where_a_value_stands(text: str, path: Path) -> None:
    """Message, elements around the row, and positions each have one form."""
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["", "item.id", "$item", "$.", "$..id", "$.item[0]", "$.item[*]", "@x", "@-1", "#x", "$.item.id ", "$.1", "$\n"],
)
def test_any_other_text_is_refused(text: str) -> None:
    """What isn't one of the forms is named in the refusal."""
    with pytest.raises(PathRefused) as refused:
        parse_path(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$.item.seasons[*]", Path(-1, ("item", "seasons"))),
        ("@.episodes[*]", Path(0, ("episodes",))),
        ("@[*]", Path(0)),
        ("$[*]", Path(-1)),
    ],
)
def test_rows_come_from_an_array(text: str, path: Path) -> None:
    """A rowsFrom path is a value's path with [*] behind it."""
    assert parse_rows_path(text) == path


@pytest.mark.parametrize("text", ["$.item.seasons", "$.item[*].episodes", "#[*]", "@1.episodes[*]", "[*]"])
def test_rows_come_from_nothing_else(text: str) -> None:
    """Positions, outer elements and paths without [*] are refused."""
    with pytest.raises(PathRefused):
        parse_rows_path(text)
