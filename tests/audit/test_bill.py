"""The bill of materials names all that is locked, once, and CycloneDX's schema takes it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import orjson
import pytest

from audit.bill import BillRefused, check_bill, to_bill
from audit.parts import read_parts

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bill() -> str:
    """The bill of this tree."""
    return to_bill(read_parts())


def test_every_package_and_jar_is_in_it_once(bill: str) -> None:
    """By name, version and checksums, as they stand in the lock and in jars.sha256."""
    found = orjson.loads(bill)["components"]
    names = Counter(f"{each.get('group', '')}:{each['name']}=={each['version']}" for each in found)
    assert set(names.values()) == {1}

    lock = (_ROOT / "requirements.lock").read_text("utf-8")
    locked = re.findall(r"^(\S+==[^ ;\n]+)", lock, re.MULTILINE)
    assert len(locked) > 100
    assert {name for name in names if name.startswith(":")} == {f":{name}" for name in locked}

    listed = [line.split() for line in (_ROOT / "trendscript/local/jars.sha256").read_text("utf-8").splitlines()]
    jars = [each for each in found if each["purl"].startswith("pkg:maven/")]
    assert sorted((each["hashes"][0]["content"], f"{each['name']}-{each['version']}.jar") for each in jars) == sorted(
        (digest, path.partition("/")[2]) for digest, path in listed
    )
    digests = [value["content"] for each in found for value in each["hashes"]]
    assert sorted(digests) == sorted([*re.findall(r"sha256:(\w{64})", lock), *(digest for digest, _ in listed)])


def test_the_schema_takes_it(bill: str) -> None:
    """And does not take it without a component's name."""
    check_bill(bill)
    broken = orjson.loads(bill)
    del broken["components"][0]["name"]
    with pytest.raises(BillRefused):
        check_bill(orjson.dumps(broken).decode())
