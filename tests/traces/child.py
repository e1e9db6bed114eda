"""Many commands in one process, or in forks of it, each with its output in files: `python -m tests.traces.child FILE`.

FILE is JSON: `at_once`, how many forks may run side by side (0: none is forked), and `calls`, each with `arguments`,
`settings` and `output`, the beginning of the names of its files. How each ended is on standard output, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from trendscript.cli.main import main as run_main
from trendscript.errors import TrendscriptError


def _run(call: dict[str, Any]) -> int:
    """Run one command as its own process would, traceback included; the exit code that it has without --debug."""
    for stream, name in ((1, "out"), (2, "err")):
        handle = os.open(f"{call['output']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, stream)
        os.close(handle)
    os.environ.update(call["settings"])
    sys.argv = ["trendscript", "--debug", *call["arguments"]]
    try:
        run_main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException as failure:  # noqa: BLE001  (what Python itself does with it)
        traceback.print_exc()
        return failure.exit_code if isinstance(failure, TrendscriptError) else 1
    else:
        return 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _fork(call: dict[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        os._exit(_run(call))
    return pid


def _run_forked(calls: list[dict[str, Any]], at_once: int) -> list[int]:
    running: dict[int, int] = {}
    codes: dict[int, int] = {}
    for number, call in enumerate(calls):
        if len(running) == at_once:
            _await_one(running, codes)
        running[_fork(call)] = number
    while running:
        _await_one(running, codes)
    return [codes[number] for number in range(len(calls))]


def _await_one(running: dict[int, int], codes: dict[int, int]) -> None:
    pid, status = os.wait()
    codes[running.pop(pid)] = os.waitstatus_to_exitcode(status)


def main() -> None:
    """Run the calls of the file that the command line names."""
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    kept = os.dup(1)
    if asked["at_once"]:
        import ingest.youtube_api  # noqa: F401, PLC0415  (once, not in each fork)
        import spark_jobs.load  # noqa: F401, PLC0415  (as above)
        import transcriber.service.command  # noqa: F401, PLC0415  (as above)

        codes = _run_forked(asked["calls"], asked["at_once"])
    else:
        codes = [_run(call) for call in asked["calls"]]
    os.write(kept, json.dumps(codes).encode())


if __name__ == "__main__":
    main()
