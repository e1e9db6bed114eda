"""The jars: what is listed, what is refused, and what a machine without a network says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trendscript.local import jars


def test_every_jar_named_has_a_checksum() -> None:
    """The list for the resolver and the list of checksums name the same files."""
    text = Path(jars.__file__).with_name("ivy.xml").read_text(encoding="utf-8")
    named = {
        f"{conf}/{name}-{rev}.jar" for name, rev, conf in re.findall(r'name="(.+?)" rev="(.+?)" conf="(\w+)', text)
    }
    assert named == set(jars.read_checksums())


def test_the_cache_holds_what_the_checksums_say() -> None:
    """The jars that all other tests run with are the committed ones."""
    jars.check_jars(jars.prepare_jars(), jars.read_checksums())


def test_an_altered_jar_is_refused(tmp_path: Path) -> None:
    """One changed byte, one missing and one additional file are each named."""
    for path in ("spark/changed.jar", "spark/additional.jar"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"other")
    expected = {"spark/changed.jar": "0" * 64, "spark/missing.jar": "0" * 64}
    with pytest.raises(jars.JarsAltered, match=r"spark/additional\.jar, spark/changed\.jar, spark/missing\.jar"):
        jars.check_jars(tmp_path, expected)


def test_without_a_network_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed download names its cause and leaves no half-filled cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    said: list[str] = []
    with pytest.raises(jars.JarsUnreachable, match=r"couldn't be downloaded.*Connection refused.*try again"):
        jars.prepare_jars(said.append)
    assert said == ["Downloading 48 jars (53 MB) for Kafka and Spark."]
    assert [path.suffix for path in (tmp_path / "trendscript").iterdir() if path.name.startswith("jars-")] == [".lock"]
