"""What `trendscript setup` tells Spark, and a plain spark-submit that relies on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from trendscript.local.jars import spark_jars
from trendscript.local.java import java_home
from trendscript.local.spark_conf import installed_spark, link_spark_home, write_spark_conf

JARS, JAVA = [Path("/jars/a b.jar"), Path("/jars/c.jar")], Path("/java home")


def test_it_is_written_once_and_renewed(tmp_path: Path) -> None:
    """Jars stand as addresses; a second call writes the same, a call with other jars replaces them."""
    defaults = tmp_path / "conf" / "spark-defaults.conf"
    write_spark_conf(defaults.parent, JARS, JAVA)
    first = defaults.read_text()
    assert first.splitlines()[1:] == ["spark.jars file:///jars/a%20b.jar,file:///jars/c.jar"]
    write_spark_conf(defaults.parent, JARS, JAVA)
    assert defaults.read_text() == first
    write_spark_conf(defaults.parent, JARS[1:], JAVA)
    assert defaults.read_text().splitlines()[1:] == ["spark.jars file:///jars/c.jar"]


def test_a_file_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    """Somebody's own configuration stays as it is, and what to add to it is said."""
    (tmp_path / "spark-defaults.conf").write_text("spark.jars mine.jar\n")
    said: list[str] = []
    write_spark_conf(tmp_path, JARS, JAVA, said.append)
    assert (tmp_path / "spark-defaults.conf").read_text() == "spark.jars mine.jar\n"
    assert "file:///jars/c.jar" in said[0]
    assert (tmp_path / "spark-env.sh").exists()


def test_the_environment_wins(tmp_path: Path) -> None:
    """Java and Python are named only where the user names none."""
    write_spark_conf(tmp_path, JARS, JAVA)
    script = f'. "{tmp_path}/spark-env.sh"; echo "$JAVA_HOME|$PYSPARK_PYTHON"'

    def shown(environ: dict[str, str]) -> str:
        return subprocess.run(["/bin/sh", "-c", script], env=environ, check=True, capture_output=True, text=True).stdout

    assert shown({}) == f"/java home|{sys.executable}\n"
    assert shown({"JAVA_HOME": "/mine", "PYSPARK_PYTHON": "/my/python"}) == "/mine|/my/python\n"


def test_a_plain_spark_submit_finds_java_and_the_jars(tmp_path: Path) -> None:
    """With nothing but the written configuration and the bundled Java, a job knows Delta."""
    write_spark_conf(tmp_path / "conf", spark_jars(), java_home({"PATH": "/nonexistent"}))
    for script in ("spark-submit", "find-spark-home", "find_spark_home.py"):
        shutil.copy(Path(sys.executable).with_name(script), tmp_path)
    link_spark_home(tmp_path, installed_spark())
    link_spark_home(tmp_path, installed_spark())
    job = tmp_path / "job.py"
    job.write_text(
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.master('local[1]').config('spark.ui.enabled', 'false').getOrCreate()\n"
        "print('Java', spark._jvm.System.getProperty('java.specification.version'))\n"
        "print(spark.range(1).rdd.map(lambda row: __import__('sys').executable).collect())\n"
        "loader = spark._jvm.Thread.currentThread().getContextClassLoader()\n"
        "print(loader.loadClass('io.delta.sql.DeltaSparkSessionExtension').getName())\n"
    )
    unset = {"JAVA_HOME", "PYSPARK_PYTHON", "SPARK_HOME"}
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    submitted = subprocess.run(
        [str(tmp_path / "spark-submit"), str(job)],
        cwd=tmp_path,
        env={
            **environ,
            "PATH": "/usr/bin:/bin",
            "SPARK_CONF_DIR": str(tmp_path / "conf"),
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert submitted.returncode == 0, submitted.stderr
    assert "Java 21" in submitted.stdout
    assert f"['{sys.executable}']" in submitted.stdout
    assert "io.delta.sql.DeltaSparkSessionExtension" in submitted.stdout
