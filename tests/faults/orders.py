"""Orders: a test says at which fault point what is to happen; processes under test obey and leave a note of it.

They meet in the folder that FAULT_ORDERS names, so a warm session's workers take new orders without being restarted.
Imported by every process under test, long before its own code: nothing heavy stands here.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
import uuid
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = "FAULT_ORDERS"
ARMED = Path(__file__).parent / "armed"

_LONGEST_HOLD = 240.0


@dataclass(frozen=True, slots=True)
class Order:
    """What happens at a point.

    `kill` is SIGKILL, `hold` waits until orders are withdrawn or replaced, `sleep` so for `seconds` at most.
    `hits` are the visits at which it happens, counted from 1 over all processes; `partition` limits which visits count.
    """

    point: str
    action: Literal["kill", "hold", "sleep"]
    hits: tuple[int, ...] = (1,)
    partition: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """Where an order was carried out, by whom, and when (seconds since 1970)."""

    point: str
    action: str
    partition: int | None
    pid: int
    at: float


def obey(point: str, partition: int | None) -> None:
    """Carry out the orders of this visit, if there are any."""
    folder = Path(os.environ[FOLDER])
    given, orders = _read(folder)
    for number, order in enumerate(orders):
        if order.point == point and order.partition in {None, partition}:
            _visit(folder, (given, number), order, partition)


def _read(folder: Path) -> tuple[str, list[Order]]:
    """The orders in force, and the word that tells them from earlier and later ones."""
    with suppress(FileNotFoundError):
        given, orders = json.loads((folder / "orders.json").read_bytes())
        return given, [Order(**found) for found in orders]
    return "", []


def _visit(folder: Path, place: tuple[str, int], order: Order, partition: int | None) -> None:
    given, number = place
    with _locked(folder):
        visits = folder / f"visits-{given}-{number}"
        hit = (int(visits.read_text()) if visits.exists() else 0) + 1
        visits.write_text(str(hit))
        if hit not in order.hits:
            return
        note = Note(order.point, order.action, partition, os.getpid(), time.time())
        with (folder / f"notes-{given}").open("a") as notes:
            notes.write(f"{json.dumps(asdict(note))}\n")
    if order.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    deadline = time.monotonic() + (order.seconds if order.action == "sleep" else _LONGEST_HOLD)
    while time.monotonic() < deadline and _read(folder)[0] == given:
        time.sleep(0.02)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Faults:
    """The test's side of a folder of orders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._given = ""
        self._expected: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)

    def give(self, *orders: Order) -> None:
        """Put these orders in the place of all others; visits are counted anew, and what was held goes on."""
        self._given = uuid.uuid4().hex
        draft = self.folder / "orders.draft"
        draft.write_text(json.dumps([self._given, [asdict(order) for order in orders]]))
        draft.rename(self.folder / "orders.json")
        self._expected = Counter()
        for order in orders:
            self._expected[order.point] += len(order.hits)

    def withdraw(self) -> None:
        """Take back all orders; what is held or asleep goes on. Notes stay."""
        (self.folder / "orders.json").unlink(missing_ok=True)

    def notes(self) -> list[Note]:
        """What was carried out of the orders given last, in the order it was."""
        path = self.folder / f"notes-{self._given}"
        if not path.exists():
            return []
        return [Note(**json.loads(line)) for line in path.read_text().splitlines()]

    def wait(self, *, alive: Callable[[], Any] = lambda: True, count: int = 1, seconds: float = 400.0) -> Note:
        """Wait for the first `count` notes while what is under test is `alive`; the last of them."""
        deadline = time.monotonic() + seconds
        while len(notes := self.notes()) < count:
            assert alive(), "what was to meet a fault has ended without it"
            assert time.monotonic() < deadline, f"no fault within {seconds} seconds"
            time.sleep(0.02)
        return notes[count - 1]

    def check_carried_out(self) -> None:
        """Every order was carried out at every visit it names: else the case has shown nothing."""
        found = Counter(note.point for note in self.notes())
        assert found == self._expected, f"ordered: {dict(self._expected)}; carried out: {dict(found)}"
