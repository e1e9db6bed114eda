"""Places: the paths of a contract go in; where their values stand in a message comes out, each object found once.

Paths start from a frame, which is an object too: `$` is the message, `@` and `@1` are the elements that a row
stands in, `#` and `#1` their positions.
"""

from __future__ import annotations

from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any

from trendscript.contracts.values import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        self._wanted: dict[int, dict[str, None]] = {}

    def place(self, path: Path) -> Place:
        """Where the path's value stands in what `objects` gives."""
        *around, key = _keys(path)
        number = self._number(tuple(around))
        self._wanted.setdefault(number, {})[key] = None
        return number, key

    def _number(self, keys: tuple[str, ...]) -> int:
        if keys not in self._numbers:
            around, key = self._number(keys[:-1]), keys[-1]
            self._steps.append((around, key))
            self._wanted.setdefault(around, {})[key] = None
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

    def columns(self, messages: Sequence[Any]) -> dict[Place, Sequence[Any]]:
        """The values at each place in many messages; None for what is absent. Raises Fault.

        For places that start from the message.
        """
        found: dict[Place, Sequence[Any]] = {(0, "$"): messages}
        for number, step in enumerate(self._steps, 1):
            objects = found[step]
            kinds = set(map(type, objects))
            if kinds - {dict, NoneType}:
                raise Fault("wrong_type")
            keys = tuple(self._wanted.get(number, {}))
            if kinds == {NoneType}:
                found.update(dict.fromkeys(((number, key) for key in keys), objects))
                continue
            if NoneType in kinds:
                objects = [_NOTHING if one is None else one for one in objects]
            found.update(zip(((number, key) for key in keys), _values(objects, keys), strict=True))
        return found


def _values(objects: Sequence[dict[str, Any]], keys: tuple[str, ...]) -> list[Sequence[Any]]:
    """What the objects hold under each key, looked up an object at a time, as that is how they lie in memory."""
    if len(keys) == 1:
        return [[one.get(keys[0]) for one in objects]]
    take: Callable[[Any], tuple[Any, ...]] = itemgetter(*keys)
    try:
        return list(zip(*map(take, objects), strict=True))
    except KeyError:
        return list(zip(*[tuple(map(one.get, keys)) for one in objects], strict=True))


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
