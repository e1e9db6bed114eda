"""Messages spoilt at random: each ends in its tables or in quarantine, byte for byte, and none ends the load."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest.files.entries import Given
from ingest.files.importing import Import
from ingest.files.rejects import Rejects
from tests.faults.messages import Teller, Told, encode

if TYPE_CHECKING:
    import random

    from tests.faults.scene import WarmScene

_MESSAGES = 10_000
_COUNTRIES = ("FR", "JP", "BR", "SA", "IN", "US")
_EACH = 100
_CHARTS = Path(__file__).parents[3] / "shared" / "data" / "youtube_charts"
_CODES = {
    *("not_json", "not_an_object", "bad_unicode", "too_deep", "missing", "wrong_type", "out_of_range", "pattern"),
    *("too_long", "not_in_enum", "nul_character", "bad_timestamp", "tombstone"),
}
_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**31, 2**63, 10**400, 1.5, 1e308, "", " ", "\0", "a\0b", "\ud800", "12", "-0", "007"),
    *("9" * 40, "null", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "P1Y", "PT"),
    *("=HYPERLINK(1)", "'; drop table video; --", "\u202e\u0000", "é" * 70_000, [], {}, [[]], {"": ""}, ["\0"], [None]),
)


@cache
def _real_messages() -> tuple[bytes, ...]:
    """Charts as they were read, of some countries, where they are at hand; else told ones."""
    paths = [path for path in (_CHARTS / f"{country}.csv.xz" for country in _COUNTRIES) if path.exists()]
    rejects = Rejects(None, lambda _: None)
    found = [
        message.value or b"" for path in paths for message in islice(Import([path], Given(), rejects).messages(), _EACH)
    ]
    return tuple(found)


@pytest.mark.case("22", cold=True)
def test_messages_spoilt_at_random(scene: WarmScene) -> None:
    """Ten thousand, most of them made from real ones; those left whole are all accepted."""
    whole = list(_real_messages()) or [told.value or b"" for told in Teller(scene.chance).tell(600) if not told.reason]
    values = [_spoil(scene.chance, scene.chance.choice(whole)) for _ in range(_MESSAGES)]
    scene.publish([Told(value) for value in values])
    scene.contract = replace(scene.contract, max_quarantine_percent=100.0)

    scene.load(max_messages=scene.chance.choice([3_000, 500_000]))

    letters = scene.query('select partition, "offset", reason from pipeline.dead_letter')
    assert {reason.split(":")[0] for _, _, reason in letters} <= _CODES
    reasons = {(partition, offset): reason for partition, offset, reason in letters}
    scene.log = [replace(message, reason=reasons.get(message.place)) for message in scene.log]
    intact = set(whole)
    assert not [message for message in scene.log if message.reason and message.value in intact]
    scene.judge()


def _spoil(chance: random.Random, value: bytes) -> bytes | None:
    """The message as it is, or with damage in its bytes, or with odd values in its places."""
    kind = chance.random()
    if kind < 0.1:
        return value
    if kind < 0.5:
        return _damage(chance, value)
    message = json.loads(value)
    for _ in range(chance.randint(1, 3)):
        _put_odd(chance, message)
    try:
        return encode(message) if chance.random() < 0.5 else json.dumps(message).encode()
    except UnicodeEncodeError:
        return json.dumps(message).encode()


def _damage(chance: random.Random, value: bytes) -> bytes | None:
    at, until = sorted(chance.randrange(len(value) + 1) for _ in range(2))
    return chance.choice(
        [
            None,
            b"",
            value[:at],
            value[:at] + value[until:],
            value[:at] + bytes(chance.randrange(256) for _ in range(3)) + value[at:],
            value + value[at:until],
            value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]
            if at < len(value)
            else value,
        ]
    )


def _put_odd(chance: random.Random, message: Any) -> None:
    """Put an odd value somewhere, or take something away."""
    inner = message
    while True:
        names = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        if not names:
            return
        name = chance.choice(names)
        if isinstance(inner[name], dict | list) and inner[name] and chance.random() < 0.8:
            inner = inner[name]
            continue
        if chance.random() < 0.2:
            del inner[name]
        else:
            inner[name] = chance.choice(_ODD)
        return


@pytest.mark.case("23")
def test_hostile_text(scene: WarmScene) -> None:
    """It is text, in every column that takes text, and stands in its table letter for letter."""
    hostile = ['"; DROP TABLE processed.video; --', "'); delete from pipeline.batch; --", '=HYPERLINK("http://x")']
    hostile += [
        "<script>alert(1)</script>",
        "%s %(a)s {0} $1 :a",
        "\\N\\.\t\r\n\x1f\x7f",
        "\u202e\ufeff\U0010ffff",
        "\\",
    ]
    told = []
    for number, text in enumerate(hostile):
        message = json.loads(Teller(scene.chance).whole())
        message["item"]["id"] = f"H{number:010d}"
        message["item"]["snippet"] |= {
            "title": text,
            "description": text * 3,
            "channelTitle": text,
            "tags": [text, text],
        }
        message["item"]["localizations"] = {text: {"title": text}}
        told.append(Told(encode(message)))
    scene.publish(told)
    scene.tell(50)
    scene.load()
    scene.judge()
