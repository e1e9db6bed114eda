"""The demo as a newcomer runs it: twice, and with things of their own in its way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.e2e.conftest import REPOSITORY
from tests.test_docs import blocks

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = pytest.mark.timeout(900)  # Spark starts several times

_TABLES = """
    select table_schema || '.' || table_name
    from information_schema.tables
    where table_type = 'BASE TABLE' and (table_schema = 'processed' or table_name in ('dead_letter', 'api_usage'))
    order by 1
"""


def _contents(shell: Shell) -> dict[str, str]:
    """By table, a hash of all its rows, in every column."""
    tables = [name for (name,) in shell.query(_TABLES)]
    hashes = [f"(select md5(string_agg(t::text, ' ' order by t::text)) from {name} as t)" for name in tables]  # noqa: S608  (names from the catalogue)
    return dict(zip(tables, shell.query(f"select {', '.join(hashes)}")[0], strict=True))


def _answers(output: str) -> str:
    return output[output.index("How long do videos stay") :]


def test_every_entry_but_the_broken_one_is_in(shell: Shell, first_demo: str) -> None:
    """Three regions, fourteen days, sixty places: one reading each, and one entry less than there are places."""
    assert "2,553 messages, 1 in quarantine" in first_demo
    assert shell.query("select count(*) from processed.chart_reading") == [(3 * 14,)]
    assert shell.query("select count(*) from processed.chart_entry") == [(3 * 14 * 60 - 1,)]
    assert shell.query("select region_code, complete from trusted.chart_reading where not complete") == [("DE", False)]


def test_the_broken_message_is_kept_as_it_came(shell: Shell, first_demo: str) -> None:
    """It is in quarantine with the reason, and the command that the demo names shows it."""
    assert shell.query("select reason, state from pipeline.dead_letter") == [("wrong_type:view_count", "open")]
    (command,) = re.findall(r"trendscript (dead-letters show \S+)", first_demo)
    letter = orjson.loads(shell.run(f"trendscript {command} --json").stdout)
    assert orjson.loads(letter["value"])["item"]["statistics"]["viewCount"] == "1.2 million"


def test_answers_are_right(shell: Shell, first_demo: str) -> None:
    """The climb, the return and the hidden likes are in the answers as they are in the tables."""
    assert re.search(r"FR +Paper Lanterns - Slow Tide +17 Aug +30 Aug +55 to 1 +1\b", first_demo)
    assert re.search(r"US +Tin Robots: the level nobody finishes +17 Aug +21 Aug +9 to 51 +9\b", first_demo)
    assert re.search(r"US +Tin Robots: the level nobody finishes +26 Aug +30 Aug +34 to 3 +3\b", first_demo)
    assert re.search(r"Paper Lanterns - Slow Tide +FR \(1\), DE \(9\), US \(25\) +12\.0", first_demo)
    assert re.search(r"The Cartographer's Daughter \| Trailer +[\d,]+ +[\d,]+ *\n", first_demo)
    hidden = "select distinct title from trusted.chart_entry where like_count is null"
    assert shell.query(hidden) == [("The Cartographer's Daughter | Trailer",)]


def test_three_videos_are_heard_and_found(shell: Shell, first_demo: str) -> None:
    """What was spoken is in the tables, joined with its chart, and the demo ends with a link to its second."""
    assert "Speech: 3 videos asked for, 3 transcribed, 31 seconds of audio" in first_demo
    heard = "select status, method, model, language from processed.transcription"
    assert shell.query(heard) == [("transcribed", "speech", "tiny.en", "en")] * 3
    assert re.search(r"0:07  .*before the clock runs out", first_demo)
    assert re.search(r"https://youtu\.be/sAC0TnVNiCe\?t=7\b", first_demo)
    said = "select best_rank < 61 from trusted.speech where text ilike '%nobody finishes%'"
    assert shell.query(said) == [(True,)]
    hit = orjson.loads(shell.run("trendscript search slow tide --json").stdout)["hits"][0]
    assert hit["title"] == "Paper Lanterns - Slow Tide"


def test_climb_is_in_the_table_rank_by_rank(shell: Shell, first_demo: str) -> None:
    """Every reading of the climbing video is kept, none overwritten."""
    del first_demo
    ranks = "select ranks from trusted.q03_time_on_chart where title like 'Paper%Slow Tide' and region_code = 'FR'"
    assert shell.query(ranks) == [([55, 47, 41, 33, 28, 21, 16, 11, 8, 6, 4, 3, 2, 1],)]


def test_readme_shows_what_the_demo_writes(first_demo: str) -> None:
    """The lines in README.md are lines of the output, but for where the model begins a sentence."""
    (shown,) = blocks((REPOSITORY / "README.md").read_text("utf-8"), "")
    assert _lines(shown) <= _lines(first_demo)


def _lines(text: str) -> set[str]:
    # A processor rounds the model's sums in its own way: some put "to" or "have to" into this sentence.
    heard = re.sub(r"(0:07) .*(jump across the river)", r"\1 \2", text)
    return {" ".join(line.split()) for line in heard.splitlines()}


def test_the_second_demo_adds_nothing(shell: Shell, first_demo: str) -> None:
    """Run again it shows the same answers, and every table is as it was to the last column."""
    before = _contents(shell)
    second = shell.run("trendscript demo").stdout
    assert _answers(second) == _answers(first_demo)
    assert "none was read again" in second
    assert "180 messages; 0 rows new, 0 changed" in first_demo
    assert "180 messages; 0 rows new, 0 changed" in second
    assert _contents(shell) == before
    assert len(before) > 10


def test_data_of_others_are_left_alone(shell: Shell, first_demo: str) -> None:
    """Where the warehouse holds a video that is not the demo's, the demo says so and changes nothing."""
    del first_demo
    shell.query("insert into processed.video (video_id) values ('aaaaaaaaaaa')")
    try:
        refused = shell.run("trendscript demo", check=False)
        assert refused.returncode == 78
        assert "data that are not the demo's" in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        shell.query("delete from processed.video where video_id = 'aaaaaaaaaaa'")


@pytest.mark.parametrize("name", ["POSTGRES_HOST", "KAFKA_BOOTSTRAP_SERVERS", "LAKE_PATH"])
def test_servers_of_others_are_not_filled(shell: Shell, name: str) -> None:
    """Settings that lead elsewhere are refused before anything is started."""
    refused = shell.run("trendscript demo", {name: "elsewhere"}, check=False)
    assert refused.returncode == 78
    assert name in refused.stderr
    assert not refused.stdout
