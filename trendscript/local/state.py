"""What the local stack remembers: a file a server goes in, its ports and process come out."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from trendscript.errors import NeedsAPerson
from trendscript.local.processes import ServerProcess

if TYPE_CHECKING:
    from pathlib import Path


class StateUnreadable(NeedsAPerson):
    """Raised when a file with a server's ports and process isn't what this program wrote."""


@dataclass(frozen=True, slots=True)
class State:
    """A server's ports, remembered for ever once they were given out, and its process until it is stopped."""

    ports: tuple[int, ...] = ()
    process: ServerProcess | None = None


def read_state(path: Path) -> State:
    """Read a server's state; an empty one when it was never started."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        process = found["process"] and ServerProcess(**found["process"])
        return State(tuple(int(port) for port in found["ports"]), process)
    except (FileNotFoundError, NotADirectoryError):
        return State()
    except (ValueError, TypeError, KeyError) as error:
        raise StateUnreadable(
            f"{path} can't be understood ({error}). Delete it and run `trendscript up`: the data are untouched, "
            "only the ports may change."
        ) from error


def save_state(path: Path, state: State) -> None:
    """Write a server's state, so that it is there whole or as it was before."""
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(asdict(state), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
