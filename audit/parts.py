"""What is locked: requirements.lock, ivy.xml and jars.sha256 go in, packages and jars with their checksums come out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
_LOCAL = ROOT / "trendscript" / "local"

_PINNED = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;]+)(?: ; [^\\]*)? \\$")
_HASH = re.compile(r"    --hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?$")


class LockUnreadable(ValueError):
    """Raised when a list of what is locked has a line that nobody can place."""


@dataclass(frozen=True, slots=True)
class Part:
    """A package or a jar. A package has a SHA-256 for each file that it is published as, a jar the one of its file."""

    kind: Literal["pypi", "maven"]
    group: str | None
    name: str
    version: str
    digests: tuple[str, ...]


def read_packages(lock: str) -> list[Part]:
    """The packages of a lock file's text; one that is locked at two versions, for two Pythons, is two.

    Raises LockUnreadable.
    """
    found: list[tuple[str, str, list[str]]] = []
    for line in lock.splitlines():
        if pinned := _PINNED.match(line):
            found.append((pinned["name"], pinned["version"], []))
        elif (digest := _HASH.match(line)) and found:
            found[-1][2].append(digest["digest"])
        elif line.strip() and not line.lstrip().startswith("#"):
            raise LockUnreadable(f"A line of the lock is neither a pinned package nor a hash: {line!r}.")
    bare = [name for name, _, digests in found if not digests]
    if bare:
        raise LockUnreadable(f"Locked without a hash: {', '.join(bare)}.")
    return [Part("pypi", None, name, version, tuple(digests)) for name, version, digests in found]


def read_jars(ivy: str, checksums: str) -> list[Part]:
    """The jars that ivy.xml names, each with its line of jars.sha256. Raises LockUnreadable where they differ."""
    digests = {path: digest for digest, path in (line.split() for line in checksums.splitlines())}
    named = {_path(entry): entry for entry in ET.fromstring(ivy).iter("dependency")}  # noqa: S314  (our file)
    if odd := sorted(named.keys() ^ digests.keys()):
        raise LockUnreadable(f"ivy.xml and jars.sha256 differ in {', '.join(odd)}.")
    return [
        Part("maven", entry.attrib["org"], entry.attrib["name"], entry.attrib["rev"], (digests[path],))
        for path, entry in sorted(named.items())
    ]


def _path(entry: ET.Element) -> str:
    """Where a jar is below the folder of jars: as `kafka/kafka-clients-4.3.1.jar`."""
    configuration = entry.attrib["conf"].partition("->")[0]
    return f"{configuration}/{entry.attrib['name']}-{entry.attrib['rev']}.jar"


def read_parts() -> list[Part]:
    """All that this tree locks."""
    jars = read_jars((_LOCAL / "ivy.xml").read_text("utf-8"), (_LOCAL / "jars.sha256").read_text("utf-8"))
    return [*read_packages(LOCK.read_text("utf-8")), *jars]
