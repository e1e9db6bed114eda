"""What pip-audit reports becomes lines, a count and an exit code; a package that was skipped is no clean one."""

from __future__ import annotations

from typing import Any

import pytest

from audit.known import NoDatabase, read_audit

_LOCKED = {("requests", "2.34.2"), ("av", "18.1.0"), ("av", "19.0.2")}
_FAULT = {"id": "GHSA-1", "aliases": ["CVE-2030-1"], "fix_versions": ["2.35"], "description": "It leaks."}


def _report(*faults: dict[str, Any]) -> dict[str, Any]:
    """As pip-audit 2.10 writes it."""
    packages = [
        {"name": "requests", "version": "2.34.2", "vulns": list(faults)},
        {"name": "av", "version": "18.1.0", "vulns": []},
    ]
    return {"dependencies": packages, "fixes": []}


def test_nothing_known_ends_with_0() -> None:
    """It says of how many packages, and which were not asked about."""
    audit = read_audit(_report(), _LOCKED)
    assert audit.exit_code == 0
    assert audit.to_text().splitlines() == [
        "Not asked about, as this Python installs none of them: av 19.0.2.",
        "Nothing is known against 2 packages.",
    ]


def test_something_known_ends_with_78() -> None:
    """With its names and the release that mends it."""
    audit = read_audit(_report(_FAULT, {"id": "PYSEC-2", "fix_versions": []}), _LOCKED)
    assert audit.exit_code == 78
    assert audit.known == (
        "requests 2.34.2: GHSA-1, CVE-2030-1; mended in 2.35. It leaks.",
        "requests 2.34.2: PYSEC-2; mended in no release yet.",
    )


def test_a_skipped_package_is_no_clean_one() -> None:
    """pip-audit itself would end with 0."""
    skipped = {"name": "av", "skip_reason": "not found"}
    with pytest.raises(NoDatabase, match=r"av \(not found\)"):
        read_audit({"dependencies": [skipped], "fixes": []}, _LOCKED)
