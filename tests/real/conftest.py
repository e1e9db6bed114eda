"""What tests on real input share: how much of it to take, servers, and the figures that a run leaves behind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.real.warehouse import Servers

if TYPE_CHECKING:
    from tests.conftest import Stack

_HERE = Path(__file__).parent
_BESIDE = _HERE.parents[2] / "shared" / "data"
_LONGEST_TEST = 3_600


@dataclass(frozen=True, slots=True)
class Amount:
    """How much a run takes; None stands for all there is.

    The charts' lake is left out of the cut: half of a short load's time would go into it. Killed loads keep theirs.
    """

    countries: int | None = None
    rows_a_country: int | None = None
    with_lake: bool = True
    batch: int = 37_123
    disagreements: int = 1_000
    bodies: int | None = None
    legacy_files: int | None = None
    killed_messages: int = 100_000
    killed_batch: int = 30_000
    kills: int | None = None
    clips: int | None = None


_ALL = Amount()
_CUT = Amount(
    countries=2,
    rows_a_country=1_000,
    with_lake=False,
    batch=1_337,
    disagreements=50,
    bodies=1,
    legacy_files=2,
    killed_messages=5_000,
    killed_batch=2_500,
    kills=2,
    clips=6,
)


class Figures:
    """What was measured: each printed as a line at once, and kept in a JSON file where one was asked for."""

    def __init__(self, config: pytest.Config, path: Path | None) -> None:
        self._terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
        self._capture: Any = config.pluginmanager.get_plugin("capturemanager")
        self._path = path
        self._found: dict[str, Any] = {}

    def tell(self, name: str, line: str, **values: Any) -> None:
        """Say one figure."""
        with self._capture.global_and_fixture_disabled():
            self._terminal.ensure_newline()
            self._terminal.write_line(f"{name}: {line}")
        self._found[name] = {"line": line, **values}
        if self._path is not None:
            self._path.write_bytes(orjson.dumps(self._found, option=orjson.OPT_INDENT_2))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the short form, and a file for the figures."""
    group = parser.getgroup("real input")
    group.addoption("--cut", action="store_true", help="take a small part of the real input: minutes instead of hours")
    group.addoption("--json", type=Path, help="write the figures to this file, as JSON")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time that real input takes."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.timeout(_LONGEST_TEST))


@pytest.fixture(scope="session")
def amount(request: pytest.FixtureRequest) -> Amount:
    """All of the input, or the cut."""
    return _CUT if request.config.getoption("--cut") else _ALL


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; without it, tests are skipped."""
    folder = Path(os.environ.get("TRENDSCRIPT_DATA") or _BESIDE)
    if not (folder / "youtube_charts").is_dir():
        pytest.skip(f"There is no real data at {folder}; TRENDSCRIPT_DATA can name another folder.")
    return folder


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where figures are told."""
    return Figures(request.config, request.config.getoption("--json"))


@pytest.fixture(scope="session")
def servers(data: Path, stack: Stack) -> Servers:
    """The run's stack; asked for only where there is data to put on it. Gigabytes of files go with it at the end."""
    del data
    folder = stack.home / "real"
    folder.mkdir()
    return Servers(stack.home, stack.bootstrap_servers, stack.dsn, folder)
