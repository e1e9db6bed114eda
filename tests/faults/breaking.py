"""Break the load on purpose, one promise at a time, and show which case notices: `python -m tests.faults.breaking`.

Words after it pick the promises that are named with them. Works on a copy of the tree in a temporary folder; the tree
itself stays as it is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "docs", "benchmarks")
_SEEDS = "3"


@dataclass(frozen=True, slots=True)
class Break:
    """A promise, the change of a file that breaks it, and the case that must notice."""

    name: str
    path: str
    before: str
    after: str
    case: str


BREAKS = (
    Break(
        "the range's ledger row is not locked",
        "spark_jobs/load_range.py",
        "for update of r for share of b",
        "",
        "test_two_runners.py::test_two_runners_past_the_lease_load_each_range_once",
    ),
    Break(
        "a range ends at the latest offset instead of a planned one",
        "spark_jobs/load_range.py",
        "    return read_range(task.batch.topic, wanted, options)\n",
        "    from confluent_kafka import Consumer, TopicPartition\n"
        '    consumer = Consumer({**options, "group.id": "latest"})\n'
        "    _, latest = consumer.get_watermark_offsets(TopicPartition(task.batch.topic, wanted.partition))\n"
        "    wanted = type(wanted)(wanted.partition, wanted.from_offset, latest)\n"
        "    return read_range(task.batch.topic, wanted, options)\n",
        "test_messages.py::test_messages_come_while_a_load_runs",
    ),
    Break(
        "rows are committed before the position",
        "spark_jobs/load_range.py",
        '        if task.batch.kind == "load":\n            _move_position',
        '        transaction.commit()\n        transaction.execute("begin")\n'
        '        if task.batch.kind == "load":\n            _move_position',
        "test_worker_dies.py::test_a_worker_dies_before_its_commit",
    ),
    Break(
        "a row is written whether or not it is newer",
        "spark_jobs/statements.py",
        "        tie = self._wins_tie(target, new)\n",
        '        return "true"\n        tie = self._wins_tie(target, new)\n',
        "test_messages.py::test_equal_versions_end_the_same_in_any_order",
    ),
    Break(
        "rows are written in no order of their keys",
        "spark_jobs/statements.py",
        'f"order by {_list(self._key)} on conflict',
        'f"order by random() on conflict',
        "test_many_at_once.py::test_a_hundred_ranges_at_once",
    ),
)


def main() -> int:
    """Break and look, one after another; 1 if nobody noticed something."""
    unnoticed = 0
    for broken in [one for one in BREAKS if all(word in one.name for word in sys.argv[1:])]:
        noticed = _try(broken)
        unnoticed += noticed is None
        print(f"{broken.name}\n    {broken.case}\n    {noticed or 'NOT NOTICED'}", flush=True)  # noqa: T201  (it is what it is for)
    return int(unnoticed > 0)


def fits(broken: Break, tree: Path) -> bool:
    """Whether the change can be made in this tree: what it replaces stands there once."""
    return (tree / broken.path).read_text().count(broken.before) == 1


def _try(broken: Break) -> str | None:
    """What the case says of the broken load; None when it passes."""
    with tempfile.TemporaryDirectory(prefix="trendscript-broken-") as name:
        copy = Path(name) / "tree"
        shutil.copytree(_ROOT, copy, ignore=_LEFT_OUT)
        path = copy / broken.path
        if not fits(broken, copy):
            raise SystemExit(f"{broken.path} does not hold {broken.before!r} once; mend {__file__}")
        path.write_text(path.read_text().replace(broken.before, broken.after))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "--seeds", _SEEDS, f"tests/faults/{broken.case}"],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0:
        return None
    said = re.findall(r"^E\s+(assert .*|[\w.]*[A-Z]\w*: .*)$", done.stdout, re.MULTILINE)
    return said[-1][:300] if said else done.stdout[-300:]


if __name__ == "__main__":
    sys.exit(main())
