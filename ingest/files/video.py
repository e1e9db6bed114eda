"""Parts of a videos resource, as YouTube's API names them, built from what a row has: absent stays absent."""

from __future__ import annotations

import re
from typing import Any

from ingest.files.values import parse_count, parse_flag

_PICTURES = {
    "default": "default",
    "mqdefault": "medium",
    "hqdefault": "high",
    "sddefault": "standard",
    "maxresdefault": "maxres",
}
_QUOTED_TAGS = re.compile(r'([^"|]+|[^"]+(?=\|"))((?:\|"[^"]*")*)')


def present(**parts: Any) -> dict[str, Any]:
    """The parts that are there: None, empty text, lists and objects are left out."""
    return {name: part for name, part in parts.items() if part or part is False}


def to_thumbnails(address: str) -> dict[str, Any]:
    """The picture under the API's name of its size; an address of another form is left out."""
    name = address.rpartition("/")[2].partition(".")[0].removesuffix("_live")
    size = _PICTURES.get(name)
    return {size: {"url": address}} if size else {}


def to_statistics(  # noqa: PLR0913  (each count with whether it was public, by keyword)
    *,
    views: str,
    likes: str,
    comments: str,
    dislikes: str = "",
    likes_public: bool | None = None,
    dislikes_public: bool | None = None,
    comments_public: bool | None = None,
) -> dict[str, Any]:
    """The counts of a row.

    The publishers of these files wrote 0 where the API gave no count, so 0 is a fact only where the
    row itself says that the count was public; else it is left out as unknown. No video is on a
    chart with 0 views.
    """
    return present(
        viewCount=_known(views, public=None),
        likeCount=_known(likes, public=likes_public),
        dislikeCount=_known(dislikes, public=dislikes_public),
        commentCount=_known(comments, public=comments_public),
    )


def is_public(disabled: str) -> bool | None:
    """Whether counts were public, by the cell that says they were disabled; None where it says nothing."""
    flag = parse_flag(disabled)
    return None if flag is None else not flag


def _known(text: str, *, public: bool | None) -> str | None:
    count = parse_count(text)
    return None if count == "0" and public is not True else count


def split_quoted_tags(text: str) -> list[str] | None:
    """Tags written `a|"b c"|"d"`, the form of the 2017 layout; None where the split is not certain.

    The publisher quoted every tag and removed quotes from within; reading the CSV takes the first
    pair away. `[none]` stands for no tags. A bar between words with no quotes may belong to a tag.
    """
    if text.lower() in ("", "[none]"):
        return None
    if not _QUOTED_TAGS.fullmatch(text):
        return None
    first, _, rest = text.partition('|"')
    return [first, *rest[:-1].split('"|"')] if rest else [first]
