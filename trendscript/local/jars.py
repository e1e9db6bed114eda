"""Jars: the list in ivy.xml goes in; verified files in the user's cache come out, downloaded once."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from trendscript.errors import NeedsAPerson, ServerUnreachable
from trendscript.local.java import java_command
from trendscript.local.locks import lock_file
from trendscript.local.network import network_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_HERE = Path(__file__).parent
_EVERY = 10  # a line of progress each so many jars


class JarsUnreachable(ServerUnreachable):
    """Raised when the jars aren't in the cache and the Maven repository can't be reached."""


class JarsAltered(NeedsAPerson):
    """Raised when a downloaded jar isn't the one whose checksum the project keeps."""


def spark_jars(on_progress: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Return the jars that Spark needs to write Delta, after fetching them if they aren't there."""
    return sorted((prepare_jars(on_progress) / "spark").glob("*.jar"))


def kafka_classpath(on_progress: Callable[[str], None] = lambda _: None) -> str:
    """Return the class path of the Kafka broker, after fetching its jars if they aren't there."""
    return str(prepare_jars(on_progress) / "kafka" / "*")


def jars_folder() -> Path:
    """Return where the jars of this version are kept: a folder named by the list of their checksums."""
    version = hashlib.sha256((_HERE / "jars.sha256").read_bytes()).hexdigest()[:12]
    return Path(platformdirs.user_cache_dir("trendscript", appauthor=False)) / f"jars-{version}"


def prepare_jars(on_progress: Callable[[str], None] = lambda _: None) -> Path:
    """Make sure that every jar is in the cache, and return the cache's folder.

    The folder appears whole or not at all. Raises JarsUnreachable or JarsAltered, and then leaves nothing behind.
    """
    folder, expected = jars_folder(), read_checksums()
    if _is_complete(folder, expected):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(
        folder.with_suffix(".lock"), lambda: on_progress("Another process is downloading the jars; waiting.")
    ):
        if not _is_complete(folder, expected):
            _fetch_into(folder, expected, on_progress)
    return folder


def read_checksums() -> dict[str, str]:
    """Return the committed sha256 of every jar, by its path below the cache's folder."""
    lines = (_HERE / "jars.sha256").read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split() for line in lines)}


def check_jars(folder: Path, expected: dict[str, str]) -> None:
    """Compare every file below `folder` with the checksums; raise JarsAltered naming those that differ."""
    wrong = find_wrong_jars(folder, expected)
    if wrong:
        raise JarsAltered(
            f"These downloaded jars are missing or differ from jars.sha256: {', '.join(wrong)}. Nothing was installed. "
            "Try again; if it stays so, somebody between here and the Maven repository alters what it sends."
        )


def find_wrong_jars(folder: Path, expected: dict[str, str]) -> list[str]:
    """Name the jars below `folder` that are missing, are not in the list, or have another checksum."""
    found = {str(path.relative_to(folder)): _sha256(path) for path in folder.glob("*/*.jar")}
    return sorted(path for path in found.keys() | expected.keys() if found.get(path) != expected.get(path))


def _is_complete(folder: Path, expected: dict[str, str]) -> bool:
    return all((folder / path).is_file() for path in expected)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_into(folder: Path, expected: dict[str, str], on_progress: Callable[[str], None]) -> None:
    on_progress(f"Downloading {len(expected)} jars (53 MB) for Kafka and Spark.")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="jars-") as name:
        draft = Path(name, "jars")
        _run_ivy(Path(name), draft, len(expected), on_progress)
        check_jars(draft, expected)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    on_progress(f"The jars are in {folder}, their checksums verified.")


def _run_ivy(work: Path, target: Path, total: int, on_progress: Callable[[str], None]) -> None:
    command = [
        java_command(),
        *network_options(work),
        f"-Divy.default.ivy.user.dir={work / 'ivy'}",
        *("-cp", str(_ivy_jar()), "org.apache.ivy.Main"),
        *("-settings", str(_HERE / "ivysettings.xml"), "-ivy", str(_HERE / "ivy.xml")),
        *("-retrieve", f"{target}/[conf]/[artifact]-[revision].[ext]"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as ivy:
        output = _follow(ivy.stdout or (), total, on_progress)
    if ivy.returncode:
        raise JarsUnreachable(
            "The jars that Kafka and Spark need couldn't be downloaded from the Maven repository: "
            f"{_cause(output)}. Check the network (HTTPS_PROXY and SSL_CERT_FILE are honoured) and try again, or copy "
            f"{jars_folder()} from a machine that has it."
        )


def _follow(lines: Iterable[str], total: int, on_progress: Callable[[str], None]) -> list[str]:
    """Pass on how many jars have come; return everything that Ivy said."""
    output, count = [], 0
    for line in lines:
        output.append(line.strip())
        if "[SUCCESSFUL ]" in line:
            count += 1
            if count % _EVERY == 0:
                on_progress(f"  {count} of {total} jars")
    return output


def _cause(output: list[str]) -> str:
    """Pick the line of Ivy's report that says most."""
    for pattern in (r"\b\w+Exception\b.*", r"Host .* not found.*", r"Server access [Ee]rror.*", r"No space left.*"):
        for line in output:
            if found := re.search(pattern, line):
                return found.group()[:200].rstrip(". ")
    return next((line for line in reversed(output) if line), "Ivy gave no reason")[:200]


def _ivy_jar() -> Path:
    """Find the Ivy that comes with pyspark, without importing pyspark."""
    spec = importlib.util.find_spec("pyspark")
    for jar in Path(spec.origin or os.devnull).parent.glob("jars/ivy-*.jar") if spec else ():
        return jar
    raise NeedsAPerson(
        "Ivy isn't in the installed pyspark. Install pyspark again: pip install --force-reinstall pyspark"
    )
