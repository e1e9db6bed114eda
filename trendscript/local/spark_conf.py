"""Spark's configuration: jars and Java go in; files that a plain `spark-submit` reads come out."""

from __future__ import annotations

import importlib.util
import shlex
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MARK = "# Written by `trendscript setup`, which writes it again as long as this line stands.\n"


class SparkMissing(NeedsAPerson):
    """Raised when pyspark isn't installed with this Python."""


def prepare_spark(jars: Sequence[Path], java_home: Path, on_progress: Callable[[str], None]) -> None:
    """Make a plain call of the installed `spark-submit` find its Spark, our jars, Java and Python."""
    home = installed_spark()
    link_spark_home(Path(sysconfig.get_path("scripts")), home)
    write_spark_conf(home / "conf", jars, java_home, on_progress)


def write_spark_conf(
    folder: Path, jars: Sequence[Path], java_home: Path, on_progress: Callable[[str], None] = lambda _: None
) -> None:
    """Tell the Spark whose configuration is `folder` of our jars, and of a Java and Python where nobody names others.

    A file that somebody else wrote is left as it is, and that is said.
    """
    folder.mkdir(exist_ok=True)
    jar_list = ",".join(jar.as_uri() for jar in jars)
    _write_own(folder / "spark-defaults.conf", f"spark.jars {jar_list}\n", on_progress)
    # Spark's workers would otherwise run the `python3` of the PATH, which need not have our packages.
    defaults = {"JAVA_HOME": str(java_home), "PYSPARK_PYTHON": sys.executable}
    lines = [f'[ -n "${name}" ] || export {name}={shlex.quote(value)}\n' for name, value in defaults.items()]
    _write_own(folder / "spark-env.sh", "".join(lines), on_progress)


def link_spark_home(scripts: Path, spark_home: Path) -> None:
    """Let the `spark-submit` in `scripts` find its Spark whatever `python3` comes first on the PATH.

    Without the link it asks that Python, which knows this pyspark only in an activated environment.
    """
    link = scripts / "spark-distribution"
    if (scripts / "find_spark_home.py").exists() and (link.is_symlink() or not link.exists()):
        link.unlink(missing_ok=True)
        link.symlink_to(spark_home)


def installed_spark() -> Path:
    """Return the home of the installed pyspark, without importing it."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SparkMissing("pyspark isn't installed with this Python. Install the project again: make clean setup")
    return Path(spec.origin).parent


def is_ours(file: Path) -> bool:
    """Whether `write_spark_conf` has written this file of a Spark configuration, and nobody has taken it over."""
    return file.is_file() and file.read_text(encoding="utf-8", errors="replace").startswith(_MARK)


def _write_own(path: Path, text: str, on_progress: Callable[[str], None]) -> None:
    present = path.read_text(encoding="utf-8") if path.exists() else _MARK
    if not present.startswith(_MARK):
        on_progress(f"{path} isn't ours and was left alone. For plain spark-submit it should say:\n{text}")
    elif present != _MARK + text:
        path.write_text(_MARK + text, encoding="utf-8")
