"""What a person sees of quarantined messages: text from strangers, which must not act on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from spark_jobs.dead_letters import DeadLetter
from spark_jobs.display import print_dead_letter, print_dead_letters

if TYPE_CHECKING:
    from collections.abc import Callable

# Clear the screen, the same with C1's CSI, set the window's title, go back over what stands there, turn the line.
ACTING = "\x1b[2J\x9b2J\x1b]0;title\x07\x08\x7f\r\u202e"
SHOWN = r"\x1b[2J\x9b2J\x1b]0;title\x07\x08\x7f\r\u202e"


def _letter(value: bytes, *, where: str = "") -> DeadLetter:
    headers = [{"key": f"h{where}", "value": where}]
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    reason, why = f"wrong_type:rank{where}", f"checked{where}"
    return DeadLetter("charts", 0, 7, reason, "quarantined", 1, moment, None, value, value, headers, why)


def _show_one(letter: DeadLetter) -> None:
    print_dead_letter(letter)


def _show_list(letter: DeadLetter) -> None:
    print_dead_letters(1, [letter])


@pytest.mark.parametrize("show", [_show_one, _show_list])
@pytest.mark.parametrize("tail", [b"", b"\xff"])
def test_no_byte_acts_on_the_terminal(
    capsys: pytest.CaptureFixture[str], show: Callable[[DeadLetter], None], tail: bytes
) -> None:
    """Marks that a terminal obeys are shown escaped, in UTF-8 and in what is none, in values, reasons and headers."""
    show(_letter(ACTING.encode() + tail, where=ACTING))
    out = capsys.readouterr().out
    assert SHOWN in out
    assert not set(out) & set(ACTING) - set("[]0;2Jtitle")


def test_lines_of_a_message_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A whole message keeps its newlines, tabs and letters of any script; in the list it takes one line."""
    letter = _letter('{\n\t"title": "Été 夏"}'.encode())
    print_dead_letter(letter)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[-1].endswith('"title": "Été 夏"}')
    assert lines[-2].endswith("{")
    print_dead_letters(1, [letter])
    assert r'{\n\t"title": "Été 夏"}' in capsys.readouterr().out
