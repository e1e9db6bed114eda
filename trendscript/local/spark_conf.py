"""Spark's configuration: jars and Java go in; files that a plain `spark-submit` reads come out."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from trendscript.errors import NeedsAPerson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MARK = "# Written by `trendscript setup`, which writes it again as long as this line stands.\n"


class SparkMissing(NeedsAPerson):
    """Raised when pyspark isn't installed with this Python."""


def write_spark_conf(jars: Sequence[Path], java_home: Path, on_progress: Callable[[str], None]) -> None:
    """Tell the installed Spark of our jars and of a Java, where nobody set JAVA_HOME.

    A file that somebody else wrote is left as it is, and that is said.
    """
    folder = spark_conf_folder()
    folder.mkdir(exist_ok=True)
    jar_list = ",".join(jar.as_uri() for jar in jars)
    java = shlex.quote(str(java_home))
    _write_own(folder / "spark-defaults.conf", f"spark.jars {jar_list}\n", on_progress)
    _write_own(
        folder / "spark-env.sh",
        f'if [ -z "$JAVA_HOME" ] && [ -x {java}/bin/java ]; then\n    export JAVA_HOME={java}\nfi\n',
        on_progress,
    )


def spark_conf_folder() -> Path:
    """Return the folder where the installed pyspark looks for its configuration, without importing pyspark."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise SparkMissing("pyspark isn't installed with this Python. Install the project again: make clean setup")
    return Path(spec.origin).parent / "conf"


def _write_own(path: Path, text: str, on_progress: Callable[[str], None]) -> None:
    present = path.read_text(encoding="utf-8") if path.exists() else _MARK
    if not present.startswith(_MARK):
        on_progress(f"{path} isn't ours and was left alone. For plain spark-submit it should say:\n{text}")
    elif present != _MARK + text:
        path.write_text(_MARK + text, encoding="utf-8")
