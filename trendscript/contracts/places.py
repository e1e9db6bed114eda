"""Places: the paths of a contract go in; where their values stand in a message comes out, each object found once.

Paths start from a frame, which is an object too: `$` is the message, `@` and `@1` are the elements that a row
stands in, `#` and `#1` their positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trendscript.contracts.values import Fault

if TYPE_CHECKING:
    from trendscript.contracts.model import Path

Frame = dict[str, Any]
Place = tuple[int, str]
"""Where a value stands: the number of the object around it, and its key there."""


class _NotAnObject:
    """Stands where an object is due and something else is; who looks for a value in it meets the fault."""

    def get(self, _key: str) -> Any:
        raise Fault("wrong_type")


_NOT_AN_OBJECT = _NotAnObject()
_NOTHING: dict[str, Any] = {}


class Places:
    """The places of some paths. The objects around them are found once a frame, and shared by all values in them."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self._steps: list[Place] = []

    def place(self, path: Path) -> Place:
        """Where the path's value stands in what `objects` gives."""
        *around, key = _keys(path)
        return self._number(tuple(around)), key

    def _number(self, keys: tuple[str, ...]) -> int:
        if keys not in self._numbers:
            self._steps.append((self._number(keys[:-1]), keys[-1]))
            self._numbers[keys] = len(self._steps)
        return self._numbers[keys]

    def objects(self, frame: Frame) -> list[Any]:
        """The objects around all places; `objects[number].get(key)` is None for what is absent, or raises Fault."""
        found: list[Any] = [frame]
        for number, key in self._steps:
            around = found[number]
            inner = around if around is _NOT_AN_OBJECT else around.get(key)
            if type(inner) is not dict:
                inner = _NOTHING if inner is None else _NOT_AN_OBJECT
            found.append(inner)
        return found


def _keys(path: Path) -> tuple[str, ...]:
    """The keys that lead from a frame to the path's value."""
    if path.position:
        return (_outer("#", path.scope),)
    return ("$" if path.scope < 0 else _outer("@", path.scope), *path.keys)


def inner_frame(frame: Frame, element: Any, position: int) -> Frame:
    """The frame of an element within a frame: what was `@` there is `@1` here, and so on."""
    depth = len(frame) // 2
    inner: Frame = {"$": frame["$"], "@": element, "#": position}
    for level in range(depth):
        inner[_outer("@", level + 1)] = frame[_outer("@", level)]
        inner[_outer("#", level + 1)] = frame[_outer("#", level)]
    return inner


def _outer(name: str, level: int) -> str:
    return f"{name}{level or ''}"
