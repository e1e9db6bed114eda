"""Class archive: Java, Spark and jars go in; a file that spares Spark's JVM reading its classes anew comes out.

Java's class data sharing (JEP 350): what a training run has loaded, verified and linked is mapped into later ones.
Nothing depends on it. Where there is none, or Java finds that it doesn't fit, Spark starts as it always did.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from trendscript.local.jars import spark_jars
from trendscript.local.java import find_java
from trendscript.local.locks import lock_file
from trendscript.local.spark_conf import installed_spark, is_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trendscript.local.java import Java

_TRAINING_SECONDS = 600
_FOLDERS = "classes-"
_JAVA = "17."
_NOTE = "spark"  # a file that says which installation of Spark an archive is for
_QUICKLY = "-XX:TieredStopAtLevel=1"  # the run is too short to earn back Java's second compiler


@dataclass(frozen=True, slots=True)
class ClassArchive:
    """Where the archive of one Java, Spark and set of jars is, or would be."""

    file: Path

    @property
    def exists(self) -> bool:
        """Whether it has been made."""
        return self.file.is_file()

    @property
    def options(self) -> list[str]:
        """What the JVM is told, to use the archive if it fits, and to say nothing if it doesn't."""
        return [f"-XX:SharedArchiveFile={self.file}", "-Xshare:auto", "-Xlog:cds*=off"] if self.exists else []


def find_class_archive(java: Java, environ: Mapping[str, str] = os.environ) -> ClassArchive | None:
    """The archive that fits this Java, our Spark and its jars; None where Spark is somebody else's, or set up by them.

    An archive fits one class path alone, and Spark puts its configuration's folder there, which has to be empty. It
    names a jar twice there as well, which Java 21 takes for another class path than the one it has written down.
    """
    spark = installed_spark()
    if not java.version.startswith(_JAVA):
        return None
    if "SPARK_HOME" in environ or environ.get("SPARK_CONF_DIR", str(empty_conf())) != str(empty_conf()):
        return None
    if not all(is_ours(file) for file in (spark / "conf").glob("*")):
        return None
    facts = [java.home, java.version, spark, *sorted((spark / "jars").glob("*.jar")), *spark_jars()]
    name = hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()[:12]
    return ClassArchive(_cache() / f"{_FOLDERS}{name}" / "spark.jsa")


def empty_conf() -> Path:
    """A folder for Spark's configuration in which there is none."""
    return _cache() / "no-spark-conf"


def _cache() -> Path:
    return Path(platformdirs.user_cache_dir("trendscript", appauthor=False))


def make_class_archive(on_progress: Callable[[str], None] = lambda _: None) -> ClassArchive | None:
    """Make the archive unless it is there, by a run of Spark; those of earlier versions are deleted.

    None where there can be none; what went wrong is said, and nothing else fails for it.
    """
    archive = find_class_archive(find_java())
    if archive is None or archive.exists:
        return archive
    _cache().mkdir(parents=True, exist_ok=True)
    with lock_file(_cache() / "classes.lock", lambda: on_progress("Another process prepares Spark's start; waiting.")):
        if archive.exists:
            return archive
        on_progress("Preparing Spark's start (once, about a minute).")
        with tempfile.TemporaryDirectory(dir=_cache(), prefix="draft-") as draft:
            said = _train(archive, Path(draft))
        if said:
            on_progress(f"Spark will start more slowly: {said}")
            return None
        _delete_outdated(archive)
    return archive


def _delete_outdated(archive: ClassArchive) -> None:
    """Delete archives of this Spark with another Java or other jars, and those of a Spark that is gone."""
    note = archive.file.with_name(_NOTE)
    note.write_text(str(installed_spark()), encoding="utf-8")
    for other in _cache().glob(f"{_FOLDERS}*/{_NOTE}"):
        spark = Path(other.read_text(encoding="utf-8"))
        if other != note and (spark == installed_spark() or not spark.exists()):
            shutil.rmtree(other.parent, ignore_errors=True)


def _train(archive: ClassArchive, draft: Path) -> str:
    """Make the archive in `draft` and put it in its place; what went wrong, if anything did."""
    try:
        made = draft / archive.file.name
        subprocess.run(
            [sys.executable, "-m", "spark_jobs.class_training", _QUICKLY, f"-XX:ArchiveClassesAtExit={made}"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=_TRAINING_SECONDS,
        )
        archive.file.parent.mkdir(exist_ok=True)
        made.replace(archive.file)
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(archive.file.parent, ignore_errors=True)
        said = getattr(error, "stderr", None) or str(error)
        return [line for line in said.splitlines() if line.strip() and not line[0].isspace()][-1]
    return ""


def to_java_options(options: Sequence[str]) -> str:
    """Options as one text, in which Spark finds them again whatever characters their paths have."""
    return " ".join(map(shlex.quote, options))
