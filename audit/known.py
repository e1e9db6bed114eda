"""`make audit`: asks OSV, by pip-audit, what is known against the locked packages; a report and an exit code come out.

0: nothing is known. 78: something is. 69: no database answered, so that nothing can be said.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.parts import LOCK, ROOT, read_packages

REPORT = ROOT / "build" / "audit.json"
_KNOWN, _UNREACHABLE = 78, 69


@dataclass(frozen=True, slots=True)
class Audit:
    """What a database said: how many packages it was asked about, which it was not, and what it knows, a line each."""

    asked: int
    left_out: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0, or 78 where something is known."""
        return _KNOWN if self.known else 0

    def to_text(self) -> str:
        """For a person."""
        lines = list(self.known)
        if self.left_out:
            lines.append(f"Not asked about, as this Python installs none of them: {', '.join(self.left_out)}.")
        packages = f"{self.asked} packages"
        lines.append(
            f"Vulnerabilities known against {packages}: {len(self.known)}."
            if self.known
            else f"Nothing is known against {packages}."
        )
        return "\n".join(lines)


class NoDatabase(RuntimeError):
    """Raised when no database of vulnerabilities could be asked about every package."""


def read_audit(report: dict[str, Any], locked: set[tuple[str, str]]) -> Audit:
    """What pip-audit's JSON says of the packages that are locked. Raises NoDatabase where one was skipped."""
    found = report["dependencies"]
    if skipped := [f"{each['name']} ({each['skip_reason']})" for each in found if "skip_reason" in each]:
        raise NoDatabase(f"these packages could not be asked about: {', '.join(skipped)}")
    asked = {(each["name"], each["version"]) for each in found}
    known = [_to_line(each, fault) for each in found for fault in each["vulns"]]
    left_out = tuple(f"{name} {version}" for name, version in sorted(locked - asked))
    return Audit(len(asked), left_out, tuple(sorted(known)))


def _to_line(package: dict[str, Any], fault: dict[str, Any]) -> str:
    names = ", ".join([fault["id"], *fault.get("aliases", [])])
    mended = ", ".join(fault["fix_versions"]) or "no release yet"
    line = f"{package['name']} {package['version']}: {names}; mended in {mended}. {fault.get('description', '')[:200]}"
    return line.rstrip()


def run_audit(lock: Path, report: Path, osv_url: str | None) -> Audit:
    """Ask about every package of the lock that this Python would install. Raises NoDatabase."""
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    command += ["--vulnerability-service", "osv", "--format", "json", "--output", str(report)]
    command += ["--progress-spinner", "off", *(["--osv-url", osv_url] if osv_url else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # It ends with 1 both where something is known and where nobody answered; it writes a report only where one did.
    if not report.exists():
        said = done.stderr.strip().splitlines()
        raise NoDatabase(said[-1] if said else f"pip-audit ended with {done.returncode}")
    locked = {(part.name, part.version) for part in read_packages(lock.read_text("utf-8"))}
    return read_audit(json.loads(report.read_text("utf-8")), locked)


def main() -> int:
    """Audit, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--lock", type=Path, default=LOCK, help="another lock file, hashes included")
    parser.add_argument("--report", type=Path, default=REPORT, help="where pip-audit's JSON goes")
    parser.add_argument("--osv-url", help="another server that answers as api.osv.dev/v1/query does")
    asked = parser.parse_args()
    try:
        audit = run_audit(asked.lock, asked.report, asked.osv_url)
    except NoDatabase as reason:
        print(  # noqa: T201  (what a person called it for)
            f"Nothing was audited: no database of vulnerabilities answered ({reason}). Run it where api.osv.dev can be "
            "reached (HTTPS_PROXY is honoured), or name a copy of it by --osv-url.",
            file=sys.stderr,
        )
        return _UNREACHABLE
    print(audit.to_text())  # noqa: T201  (as above)
    return audit.exit_code


if __name__ == "__main__":
    sys.exit(main())
