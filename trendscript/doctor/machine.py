"""This machine: Python, Java and the jars that Kafka and Spark run on."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from trendscript import __version__
from trendscript.doctor.finding import Finding
from trendscript.local.jars import find_wrong_jars, read_checksums
from trendscript.local.java import find_java

if TYPE_CHECKING:
    from trendscript.doctor.surroundings import Surroundings

_SHOWN = 3


def check_python(surroundings: Surroundings) -> Finding:
    """Which Python runs which release; one that is too old could not have installed it."""
    del surroundings
    return Finding("ok", f"Trendscript {__version__} on Python {platform.python_version()} ({sys.executable}).")


def check_java(surroundings: Surroundings) -> Finding:
    """A Java 17 or 21, and where it was found. Raises JavaMissing."""
    java = find_java(surroundings.environ)
    found = f"Java {java.version} by {java.found_in} ({java.home})."
    named = surroundings.environ.get("JAVA_HOME")
    if named and java.found_in != "JAVA_HOME":
        return Finding(
            "warning",
            f"JAVA_HOME names {named}, which holds no Java 17 or 21; {found}",
            "Point JAVA_HOME at one, or unset it.",
        )
    return Finding("ok", found)


def check_jars(surroundings: Surroundings) -> Finding:
    """The jars are those of the committed list, byte for byte."""
    folder, expected = surroundings.jars, read_checksums()
    if not folder.is_dir():
        return Finding("warning", f"The jars have not been downloaded yet ({folder}).", "Run `trendscript setup`.")
    wrong = find_wrong_jars(folder, expected)
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        return Finding(
            "broken",
            f"Missing, unknown or altered in {folder}: {', '.join(wrong[:_SHOWN])}{more}.",
            "Delete that folder, run `trendscript setup`, and find out who changed it.",
        )
    return Finding("ok", f"{len(expected)} jars with the committed checksums ({folder}).")
