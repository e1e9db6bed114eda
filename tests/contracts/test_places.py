"""Places: where the values of a contract's paths stand in a message."""

from __future__ import annotations

from typing import Any

import pytest

from trendscript.contracts.paths import parse_path
from trendscript.contracts.places import Places, inner_frame
from trendscript.contracts.values import Fault

FRAME = inner_frame(inner_frame(inner_frame({"$": {"a": {"b": 1}}}, {"n": "outer"}, 7), ["middle"], 8), "inner", 9)


def look_up(frame: dict[str, Any], *paths: str) -> list[Any]:
    """The values at some paths, found together; "wrong_type" where something stands in the way."""
    places = Places()
    found = [places.place(parse_path(path)) for path in paths]
    objects = places.objects(frame)
    return [_get(objects[number], key) for number, key in found]


def _get(around: Any, key: str) -> Any:
    try:
        return around.get(key)
    except Fault as fault:
        return fault.code


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", {"a": {"b": 1}}),
        ("$.a.b", 1),
        ("@", "inner"),
        ("@1", ["middle"]),
        ("@2.n", "outer"),
        ("#", 9),
        ("#1", 8),
        ("#2", 7),
        ("$.x", None),
        ("$.x.y.z", None),
        ("$.a.b.c", "wrong_type"),
        ("$.a.b.c.d.e", "wrong_type"),
        ("@.n", "wrong_type"),
        ("@1.n", "wrong_type"),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: Any) -> None:
    """Absent is None; a value that isn't an object has nothing in it, and says so to whoever looks."""
    assert look_up(FRAME, path) == [value]


def test_what_stands_in_the_way_of_one_path_leaves_the_others_alone() -> None:
    """Faults are met where a value is looked for, so the first column decides the reason."""
    paths = ("$.a.b", "$.a.b.c", "$.a.x", "$.y.z", "@2.n")
    assert look_up(FRAME, *paths) == [1, "wrong_type", None, None, "outer"]


@pytest.mark.parametrize("null", [None, {}])
def test_null_and_absent_objects_are_the_same(null: Any) -> None:
    """Nothing is in either."""
    assert look_up({"$": {"a": null}}, "$.a.b", "$.a.b.c") == [None, None]
