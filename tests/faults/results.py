"""Results of cases: one JSON line a run is appended to a file; a line a case, over all its runs, comes out."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_CODE = ("spark_jobs", "trendscript", "contracts", "sql", "tests/faults")
_KINDS = {".py", ".sql", ".yaml", ".toml"}


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a case: its numbers in the list of faults, and what it came to.

    `lost` and `doubled` are None where the run ended before they were counted; `seconds` is how long it took from the
    fault until everything was in its place, `steps` those of a case that is made of many; `why` it failed, in short.
    """

    case: str
    name: str
    seed: int
    passed: bool
    lost: int | None
    doubled: int | None
    seconds: float | None
    steps: int | None
    code: str
    why: str | None = None


def code_version(root: Path) -> str:
    """A hash of all code that a result rests on: results of other code are not counted with those of this."""
    digest = sha256()
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in _KINDS:
                digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def read_results(path: Path) -> list[Result]:
    """All that was ever appended to the file; a line that a kill cut short is passed over."""
    if not path.exists():
        return []
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [Result(**json.loads(line)) for line in lines]


def append_result(path: Path, result: Result) -> None:
    """Add one run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{json.dumps(asdict(result))}\n")


def to_lines(results: Iterable[Result]) -> list[str]:
    """A line a case: its numbers, what it is called, runs, failures, lost, doubled, median seconds to recover."""
    cases: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        cases.setdefault((result.case, result.name), []).append(result)
    width = max((len(name) for _, name in cases), default=4)
    figures = f"{'runs':>5} {'failed':>6} {'lost':>5} {'doubled':>7} {'seconds':>8} {'steps':>7}"
    heading = f"{'no.':<9} {'case':<{width}} {figures}"
    return [heading, *(_line(key, cases[key], width) for key in sorted(cases, key=_order))]


def _order(key: tuple[str, str]) -> tuple[int, str]:
    first = key[0].split(",")[0].split("-")[0].strip()
    return (int(first) if first.isdigit() else 99, key[1])


def _line(key: tuple[str, str], runs: Sequence[Result], width: int) -> str:
    failed = sum(1 for run in runs if not run.passed)
    seconds = [run.seconds for run in runs if run.seconds is not None]
    median = f"{statistics.median(seconds):.1f}" if seconds else "-"
    lost, doubled = (_total([getattr(run, word) for run in runs]) for word in ("lost", "doubled"))
    steps = _total([run.steps for run in runs])
    return f"{key[0]:<9} {key[1]:<{width}} {len(runs):>5} {failed:>6} {lost:>5} {doubled:>7} {median:>8} {steps:>7}"


def _total(counts: Sequence[int | None]) -> str:
    """Their sum; a dash where nothing was counted."""
    known = [count for count in counts if count is not None]
    return str(sum(known)) if known else "-"
