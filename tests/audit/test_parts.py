"""Every locked package and jar is read once, with its version and checksums; what can't be placed is refused."""

from __future__ import annotations

import pytest

from audit.parts import LockUnreadable, Part, read_jars, read_packages

_A, _B = "a" * 64, "b" * 64
_IVY = (
    '<ivy-module><dependencies><dependency org="org.x" name="y" rev="1.2" conf="kafka->*"/></dependencies></ivy-module>'
)


def test_a_package_has_a_checksum_for_each_of_its_files() -> None:
    """Comments and markers are left out; two versions for two Pythons are two packages."""
    lock = (
        f"av==18.1.0 ; python_full_version < '3.12' \\\n    --hash=sha256:{_A} \\\n    --hash=sha256:{_B}\n"
        f"    # via faster-whisper\nav==19.0.2 ; python_full_version >= '3.12' \\\n    --hash=sha256:{_B}\n"
    )
    assert read_packages(lock) == [
        Part("pypi", None, "av", "18.1.0", (_A, _B)),
        Part("pypi", None, "av", "19.0.2", (_B,)),
    ]


@pytest.mark.parametrize("lock", ["av==18.1.0\n", "av>=18 \\\n", f"    --hash=sha256:{_A}\n", "av==1 \\\n", "-e .\n"])
def test_what_is_not_pinned_by_a_hash_is_refused(lock: str) -> None:
    """Nothing is passed over in silence."""
    with pytest.raises(LockUnreadable):
        read_packages(lock)


def test_a_jar_has_the_checksum_of_its_file() -> None:
    """Its group comes from ivy.xml, its checksum from jars.sha256."""
    assert read_jars(_IVY, f"{_A}  kafka/y-1.2.jar\n") == [Part("maven", "org.x", "y", "1.2", (_A,))]


@pytest.mark.parametrize("checksums", ["", f"{_A}  spark/y-1.2.jar", f"{_A}  kafka/y-1.2.jar\n{_B}  kafka/z-1.jar"])
def test_jars_without_a_checksum_or_a_name_are_refused(checksums: str) -> None:
    """The two lists have to name the same jars."""
    with pytest.raises(LockUnreadable, match=r"y-1\.2|z-1"):
        read_jars(_IVY, checksums)
