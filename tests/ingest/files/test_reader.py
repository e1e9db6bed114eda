"""Files as they come: packed, marked, damaged, in quotes, with bytes that are no text."""

from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

import pytest

from tests.ingest.files.building import FIRST_ID, SECOND_ID, THIRD_ID, Imported, a_row, a_table, import_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

THREE = a_table(a_row(), a_row(video_id=SECOND_ID), a_row(video_id=THIRD_ID))


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress, bytes])
@pytest.mark.parametrize("name", ["USvideos.csv", "USvideos.csv.xz", "USvideos.csv.gz"])
def test_a_packed_file_is_unpacked_whatever_its_name(tmp_path: Path, pack: Callable[[bytes], bytes], name: str) -> None:
    """The first bytes say how, so a download under a wrong name is read too."""
    assert import_text(tmp_path, pack(THREE.encode()), name=name).report.published == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    """The mark is no part of the first column's name."""
    found = import_text(tmp_path, a_table(a_row(title="Beyoncé 🎄")).encode(encoding))
    assert found.values[0]["row"]["title"] == "Beyoncé 🎄"
    assert next(iter(found.values[0]["row"])) == "video_id"


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
def test_a_truncated_file_keeps_its_whole_readings(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """The reading in which it breaks off is rejected, for its size is not known; the file is refused."""
    rows = [
        a_row(video_id=f"{day:02}{row:09}", trending_date=f"17.{day:02}.11") for day in (1, 2) for row in range(200)
    ]
    packed = pack(a_table(*rows).encode())
    found = import_text(tmp_path, packed[: len(packed) - 12])
    assert found.report.published == 200
    assert found.report.reasons == {"cut_short": found.report.rejected}
    assert found.refused == ["USvideos.csv"]
    assert "cut short" in (found.report.error or "")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """With a sentence and no rows."""
    found = import_text(tmp_path, content)
    assert (found.report.rows, found.report.error) == (0, f"{tmp_path / 'USvideos.csv'} is empty.")


def test_a_header_alone_is_a_file_of_no_rows(tmp_path: Path) -> None:
    """Nothing is wrong with it."""
    found = import_text(tmp_path, THREE.splitlines()[0])
    assert (found.report.rows, found.refused) == (0, [])


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"titre,vues\nx,1\n", bytes(range(256)) * 50, b"a;" * 900_000]
)
def test_a_file_of_no_known_layout_is_refused(tmp_path: Path, content: bytes) -> None:
    """The sentence shows its first line, harmless on a terminal, and the layouts there are."""
    error = import_text(tmp_path, content).report.error or ""
    assert "no layout this program knows" in error
    assert error.isprintable()


def test_line_breaks_in_quotes_stay_and_lines_are_counted(tmp_path: Path) -> None:
    """A report names the line on which the row begins, as an editor counts."""
    rows = [a_row(description="one\r\ntwo\rthree\nfour"), a_row(video_id="broken", thumbnail_link="")]
    found = import_text(tmp_path, a_table(*rows))
    assert found.values[0]["item"]["snippet"]["description"] == "one\r\ntwo\rthree\nfour"
    assert found.told == [
        f"{tmp_path / 'USvideos.csv'}:6: 'broken' is not a video id, and no picture's address tells it"
    ]


def test_mojibake_and_nul_stay_as_they_are(tmp_path: Path) -> None:
    """Text is not mended; what the contract refuses, the load puts in quarantine."""
    found = import_text(tmp_path, a_table(a_row(title="Ã©LAZAR \0 Merch")))
    assert found.values[0]["item"]["snippet"]["title"] == "Ã©LAZAR \0 Merch"


def test_bytes_that_are_no_utf8_cost_their_own_row(tmp_path: Path) -> None:
    """The rows around it are published, and the reading counts it."""
    text = a_table(a_row(), a_row(video_id=SECOND_ID, title="@@"), a_row(video_id=THIRD_ID))
    found = import_text(tmp_path, text.encode().replace(b"@@", b"\xff"))
    assert found.ranks == [(FIRST_ID, 1, 3), (THIRD_ID, 3, 3)]
    assert found.report.reasons == {"not_utf8": 1}


def test_a_row_with_another_number_of_fields_is_rejected(tmp_path: Path) -> None:
    """Too few and too many; empty fields behind the last are none."""
    first, *rest = a_table(a_row(), a_row(video_id=SECOND_ID), a_row(video_id=THIRD_ID)).splitlines()
    text = "\n".join([first, rest[0] + ",,", rest[1] + ",more", rest[2].rpartition(",")[0]])
    found = import_text(tmp_path, text)
    assert found.ranks == [(FIRST_ID, 1, 3)]
    assert found.report.reasons == {"wrong_field_count": 2}


def test_a_field_past_the_limit_costs_its_own_row(tmp_path: Path) -> None:
    """A quote that never closes would swallow the file."""
    found = import_text(tmp_path, a_table(a_row(), a_row(description="x" * 1_100_000), a_row(video_id=THIRD_ID)))
    assert found.ranks == [(FIRST_ID, 1, 3), (THIRD_ID, 3, 3)]
    assert found.report.reasons == {"bad_csv": 1}


def test_a_file_that_ends_within_quotes_loses_its_last_row_only(tmp_path: Path) -> None:
    """The reader would close the quote in silence and give half a description for a whole one."""
    text = a_table(a_row(), a_row(video_id=SECOND_ID, description="first\nsecond"))
    found = import_text(tmp_path, text[: text.index("second")])
    assert found.ranks == [(FIRST_ID, 1, 2)]
    assert found.report.reasons == {"cut_short": 1}


def test_files_pasted_together_repeat_their_header(tmp_path: Path) -> None:
    """A line that equals the header is no row."""
    later = a_table(a_row(trending_date="17.15.11"))
    found = import_text(tmp_path, THREE + later)
    assert (found.report.rows, found.report.readings) == (4, 2)


def test_a_file_that_cannot_be_opened_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    """Here a folder stands in for it, which even root can't read as a file."""
    folder, file = tmp_path / "DEvideos.csv", tmp_path / "USvideos.csv"
    folder.mkdir()
    file.write_text(THREE)
    found = Imported([folder, file])
    assert found.refused == ["DEvideos.csv"]
    assert "can't be read" in (found.reports[0].error or "")
    assert found.reports[1].published == 3
