"""`trendscript search` on a real server: what is found in which language, in which order, and how it is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.warehouse.conftest import read_rows, run_command
from tests.warehouse.rows import add_reading, add_video, day
from tests.warehouse.speech_rows import add_said, add_transcript
from trendscript.cli.speech import ConditionRefused
from trendscript.migrations import DatabaseNotMigrated
from trendscript.search import (
    Conditions,
    NothingToSearchFor,
    QueryTooLong,
    Result,
    SearchTookTooLong,
    UnknownChannel,
    looking,
    search,
    statements,
)

if TYPE_CHECKING:
    from psycopg2.extras import RealDictCursor


def found(dsn: str, query: str, **conditions: Any) -> list[str]:
    """Videos of the hits, in order; those of similar words do not count."""
    result = search(dsn, query, Conditions(**conditions))
    return [] if result.close else [hit.video_id for hit in result.hits]


@pytest.fixture
def english(cursor: RealDictCursor, database: str) -> str:
    """Five videos in English; the address of their database."""
    add_said(cursor, "both", "They passed the climate bills today.")
    add_said(cursor, "climate", "The climate is changing, they say.")
    add_said(cursor, "bill", "Pay your bill.")
    add_said(cursor, "apart", "The bill of the climate summit.")
    add_said(cursor, "hamlet", "To be, or not to be: that is the question.")
    return database


@pytest.mark.parametrize(
    ("query", "videos"),
    [
        ("climate bill", {"both", "apart"}),
        ('"climate bill"', {"both"}),
        ("“climate bill”", {"both"}),
        ("«climate bill»", {"both"}),
        ("climate -bill", {"climate"}),
        ('climate -"climate bill"', {"climate", "apart"}),
        ("bill or climate", {"both", "climate", "bill", "apart"}),
        ("BILLS", {"both", "bill", "apart"}),
        ("changes", {"climate"}),
        ("to be or not to be", {"hamlet"}),
        ('"to be or not to be"', {"hamlet"}),
        ('"or not"', {"hamlet"}),
        ('"bill of the climate"', {"apart"}),
        ('"bill climate"', set()),
        ("the climate", {"both", "climate", "apart"}),
        ("'; drop table processed.video; --", set()),
        ("climate | ! & ( ' \\ : * <->", {"both", "climate", "apart"}),
        ('"unclosed climate', set()),
        ('climate "', {"both", "climate", "apart"}),
        ("climate or", {"both", "climate", "apart"}),
        ("%climate_", {"both", "climate", "apart"}),
    ],
)
def test_a_query_is_read_as_search_engines_do(english: str, query: str, videos: set[str]) -> None:
    """Words, phrases, minus, or, stems; whatever else is typed is harmless."""
    assert set(found(english, query)) == videos


@pytest.mark.parametrize("query", ["", "  ", "-climate", '-"climate bill"', "!? …", '""', "climate or -bill"])
def test_a_query_without_a_word_to_look_for_is_refused(database: str, query: str) -> None:
    """The sentence says what to type instead."""
    with pytest.raises(NothingToSearchFor, match="trendscript search"):
        search(database, query)


def test_a_query_longer_than_anybody_types_is_refused(database: str) -> None:
    """Before the server has to read it."""
    with pytest.raises(QueryTooLong, match="501"):
        search(database, "a" * 501)


def test_the_best_come_first_and_of_equals_the_newest_video(cursor: RealDictCursor, database: str) -> None:
    """The words as a phrase count most, then words close together; videos without a date come last."""
    add_said(cursor, "far", "Climate is one thing and the other thing is a bill.")
    for number, video_id in enumerate(("older", "newer")):
        add_video(cursor, video_id, published_at=day(number + 1))
        add_transcript(cursor, video_id, ["A climate bill."])
    add_transcript(cursor, "dateless", ["A climate bill."])
    assert found(database, "climate bill") == ["newer", "older", "dateless", "far"]


@pytest.mark.parametrize(
    ("language", "said", "queries"),
    [
        (
            "fr",
            "L’été, c’est « fantastique » — n’est-ce pas ?",  # noqa: RUF001  (as it is typeset)
            ["été", "fantastiques", '"c\'est fantastique"'],
        ),
        ("de", "Die Häuser brennen.", ["haus", "HÄUSER", "brenne", '"die häuser"']),
        ("es", "El cambio climático nos afecta…", ["climáticos", '"cambio climático"', "afecta"]),
        ("ru", "В Москве выпал снег", ["москва", "МОСКВЕ", "снега"]),  # noqa: RUF001  (Cyrillic)
        (
            "ja",
            "「天気予報」です。AIは東京で、ﾃﾞｰﾀを見る。",
            ["天気", "天気予報", "AI", "東京", "データ", "予報です", "AI 天気"],
        ),
        ("zh", "今天天气很好", ["天气", "天", "今天 好"]),
        ("ko", "오늘 날씨가 좋네요", ["날씨", "날씨가", "좋네"]),
        ("th", "สวัสดีครับ ยินดีต้อนรับ", ["ครับ", "ยินดี"]),
        ("ar", "السلام عليكم، يا أصدقاء", ["أصدقاء", "السلام"]),
        ("hi", "यह बहुत अच्छा है।", ["अच्छा", "बहुत"]),
        (None, "Whatever this is", ["whatever", '"this is"']),
        ("xx", "Words of nowhere", ["nowhere"]),
    ],
)
def test_each_sentence_is_read_in_its_own_language(
    cursor: RealDictCursor, database: str, language: str | None, said: str, queries: list[str]
) -> None:
    """Forms of a word find each other; typographic marks stick to no word; scripts without spaces are searched too."""
    add_said(cursor, "here", said, language=language)
    add_said(cursor, "elsewhere", "Nothing of the kind", language="en")
    for query in queries:
        assert found(database, query) == ["here"], query


def test_a_word_of_one_language_is_no_stop_word_of_another(cursor: RealDictCursor, database: str) -> None:
    """German "die" is an article, English "die" is not; a language can be asked for."""
    add_said(cursor, "german", "Das ist die Frage", language="de")
    add_said(cursor, "english", "Old soldiers never die")
    assert found(database, "die", language="en") == ["english"]
    assert set(found(database, '"die"')) == {"english", "german"}
    assert found(database, "frage", language="en") == []
    assert found(database, "frage", language="pt") == []


def test_a_phrase_is_found_across_two_sentences(cursor: RealDictCursor, database: str) -> None:
    """From the first one's second; neither the order nor the words between may differ."""
    add_said(cursor, "across", "It began here.", "Then came the climate", "bill of the senate.", "And more.")
    add_said(cursor, "swapped", "of the bill", "climate change")
    [hit] = search(database, '"climate bill of the senate"').hits
    assert (hit.video_id, hit.position, hit.start_seconds, hit.end_seconds) == ("across", 1, 4.5, 13.5)
    assert hit.highlighted == "Then came «the» «climate» «bill» «of» «the» «senate»."
    assert found(database, '"senate and"') == ["across"]


def test_a_phrase_within_a_sentence_is_not_found_again_across_two(cursor: RealDictCursor, database: str) -> None:
    """Its neighbours hold it with it, but add nothing."""
    add_said(cursor, "here", "Before.", "The climate bill.", "After.")
    assert [hit.position for hit in search(database, '"climate bill"').hits] == [1]


@pytest.mark.parametrize(
    ("conditions", "videos"),
    [
        ({}, {"charted", "other"}),
        ({"region": "US"}, {"charted"}),
        ({"region": "FR"}, set()),
        ({"channel": "UC_one"}, {"charted"}),
        ({"channel": "the ONE"}, {"charted"}),
        ({"since": day(5)}, {"other"}),
        ({"method": "captions_manual"}, {"other"}),
        ({"method": "captions_generated"}, set()),
    ],
)
def test_conditions_keep_to_some_videos(
    cursor: RealDictCursor, database: str, conditions: dict[str, Any], videos: set[str]
) -> None:
    """Region of a chart, channel by id or title, day of publication, method."""
    add_video(cursor, "charted", channel_id="UC_one", channel_title="The One", published_at=day(1))
    add_video(cursor, "other", channel_id="UC_two", channel_title="The Two", published_at=day(9))
    add_transcript(cursor, "charted", ["A climate bill."])
    add_transcript(cursor, "other", ["A climate bill."], method="captions_manual")
    add_reading(cursor, day(2), ["charted"], region="US")
    assert set(found(database, "climate", **conditions)) == videos


def test_a_channel_nobody_knows_is_told(english: str) -> None:
    """So that a slip of the pen is not taken for silence."""
    with pytest.raises(UnknownChannel, match="nobody"):
        search(english, "climate", Conditions(channel="nobody"))


def test_doubtful_sentences_are_found_only_when_asked_for(cursor: RealDictCursor, database: str) -> None:
    """And then say why they are doubted."""
    add_transcript(cursor, "doubted", ["A climate bill.", "Thank you."], flags={0: ["repetition"], 1: []})
    assert found(database, "climate") == []
    [hit] = search(database, "climate", Conditions(include_doubtful=True)).hits
    assert (hit.doubtful, hit.flags) == (True, ("repetition",))
    assert found(database, "thank") == ["doubted"]


def test_of_several_transcripts_the_best_is_searched(cursor: RealDictCursor, database: str) -> None:
    """All on demand; of one method the best of that method."""
    add_transcript(cursor, "video", ["Old climate."], model="old", captured_at=day(1))
    add_transcript(cursor, "video", ["New climate."], model="new", captured_at=day(2))
    add_transcript(cursor, "video", ["Written climate."], method="captions_manual", captured_at=day(1))
    texts = [hit.text for hit in search(database, "climate").hits]
    assert texts == ["Written climate."]
    assert [hit.text for hit in search(database, "climate", Conditions(method="speech")).hits] == ["New climate."]
    assert len(search(database, "climate", Conditions(all_versions=True)).hits) == 3


def test_a_transcript_without_times_is_found_with_an_excerpt(cursor: RealDictCursor, database: str) -> None:
    """Its link has no second; the excerpt holds the words."""
    long = " ".join([*["before"] * 200, "the climate bill", *["after"] * 200])
    add_transcript(cursor, "whole", [long], timestamps="none")
    [hit] = search(database, '"climate bill"').hits
    assert (hit.start_seconds, hit.url) == (None, "https://youtu.be/whole")
    assert len(hit.text) < 400
    assert "«climate» «bill»" in hit.highlighted
    assert search(database, "climate").found == 1


@pytest.mark.parametrize(("query", "wanted"), [("kubernetse", "Kubernetes"), ("klimate chnge", "climate change")])
def test_a_misspelling_finds_what_is_close(cursor: RealDictCursor, database: str, query: str, wanted: str) -> None:
    """Only where nothing matches, and it is said so."""
    add_said(cursor, "video", f"They talk of {wanted} again.")
    result = search(database, query)
    assert result.close
    assert result.found == 0
    assert wanted.split(maxsplit=1)[0] in result.hits[0].highlighted.replace("«", "").replace("»", "")
    assert "«" in result.hits[0].highlighted
    assert not search(database, wanted).close


def test_nothing_like_it_is_nothing(english: str) -> None:
    """Neither an exact match nor a close one."""
    assert search(english, "zzyzxqwv") == Result((), 0)


def test_the_same_search_gives_the_same_order(cursor: RealDictCursor, database: str) -> None:
    """Equal sentences of one day are in the order of their videos, then of their seconds."""
    for video_id in ("b", "a", "c"):
        add_said(cursor, video_id, "climate", "climate")
    wanted = [(video_id, position) for video_id in "abc" for position in (0, 1)]
    for _ in range(3):
        assert [(hit.video_id, hit.position) for hit in search(database, "climate").hits] == wanted


def test_limit_keeps_the_best_and_all_are_counted(cursor: RealDictCursor, database: str) -> None:
    """Also over languages that read the word in different ways."""
    add_said(cursor, "english", *["Running people"] * 3)
    add_said(cursor, "dutch", *["Running people"] * 4, language="nl")
    result = search(database, "running", limit=5)
    assert (len(result.hits), result.found) == (5, 7)


def test_very_common_words_are_looked_for_in_the_newest_transcripts(
    cursor: RealDictCursor, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the server's own statistics; what a filter leaves whole is looked through whole."""
    for number in range(40):
        video_id = f"video{number:02d}"
        add_video(cursor, video_id, published_at=day(1), channel_id=f"C{number % 4}")
        add_transcript(cursor, video_id, ["so common"] * 10, captured_at=day(2) + timedelta(hours=number))
    cursor.execute("analyze")
    monkeypatch.setattr(looking, "_RANKED", 50)
    monkeypatch.setattr(looking, "_LOOKED_AT", 100)
    result = search(database, "common")
    assert result.found is None
    assert {hit.video_id for hit in result.hits} <= {f"video{number:02d}" for number in range(30, 40)}
    assert search(database, "common", Conditions(channel="C1")).found is None
    assert search(database, "common", Conditions(since=day(9))).hits == ()
    cursor.execute("delete from processed.transcript_segment where position > 0")
    assert search(database, "common", Conditions(channel="C1")).found == 10


def test_a_common_word_that_the_newest_lack_is_still_found(
    cursor: RealDictCursor, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statistics can't know that; then all is ranked after all."""
    for number in range(30):
        add_transcript(cursor, f"old{number:02d}", ["so common"] * 10, captured_at=day(1))
    add_transcript(cursor, "new", ["something else"] * 100, captured_at=day(9))
    cursor.execute("analyze")
    monkeypatch.setattr(looking, "_RANKED", 50)
    monkeypatch.setattr(looking, "_LOOKED_AT", 100)
    assert search(database, "common").found == 300


def test_words_and_similar_words_are_found_by_their_indexes(cursor: RealDictCursor, database: str) -> None:
    """With some thousand sentences the server reads no table of them whole."""
    for number in range(30):
        words = [f"sentence{place} about number{number} and thing{place * number}" for place in range(100)]
        add_said(cursor, f"video{number:02d}", *words)
    cursor.execute("vacuum analyze")
    plans = []
    original = looking._fetch  # noqa: SLF001  (its statements are what is to be explained)

    def explain(asked: Any, statement: Any, sought: Any, **more: Any) -> Any:
        values = dict.fromkeys(("language", "channel", "region", "since", "method")) | {"limit": 10} | more
        if sought is not None:
            values |= {"query": sought.query, "exact": sought.exact, "languages": sought.codes}
        cursor.execute("explain " + statement.as_string(cursor), values)
        plans.append("\n".join(row["QUERY PLAN"] for row in cursor.fetchall()))
        return original(asked, statement, sought, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(looking, "_fetch", explain)
        assert search(database, "thing2871").found == 1
        assert search(database, "senntence77").close
    assert any("transcript_segment_search" in plan for plan in plans)
    assert any("transcript_segment_trigrams" in plan for plan in plans)
    assert not any("Seq Scan on transcript_segment" in plan for plan in plans)


def test_a_hostile_text_is_stored_and_searched(cursor: RealDictCursor, database: str) -> None:
    """As long as a contract lets a segment be, with all characters there are: the index takes it."""
    everything = "".join(chr(code) for code in range(1, 0x30000) if not 0xD800 <= code <= 0xDFFF)
    expanding = "\ufdfa\u3316 " * 30_000
    add_said(cursor, "all", everything[:100_000], everything[100_000:], expanding[:100_000], "needle")
    add_said(cursor, "long", "".join(f"w{number:x} " for number in range(20_000))[:100_000])
    assert found(database, "needle") == ["all"]


def _as_analyst(dsn: str) -> str:
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"data_analyst@{parts.netloc.rpartition('@')[2]}"))


def test_an_analyst_searches(english: str) -> None:
    """Read-only, with their own search path, exact or similar."""
    assert set(found(_as_analyst(english), "climate bill")) == {"both", "apart"}
    assert search(_as_analyst(english), "klimate").close


def test_a_search_that_takes_too_long_says_so(english: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, with what to do."""
    monkeypatch.setattr(statements, "SETTINGS", "set local statement_timeout = 20")
    monkeypatch.setattr(statements, "LANGUAGES", "select pg_sleep(5)")
    with pytest.raises(SearchTookTooLong, match="rarer word"):
        search(english, "climate")


def test_a_database_without_speech_says_what_to_run(empty_database: str) -> None:
    """Instead of naming a table."""
    with pytest.raises(DatabaseNotMigrated, match="trendscript migrate"):
        search(empty_database, "climate")


def test_the_command_shows_a_hit_with_its_second(cursor: RealDictCursor, database: str) -> None:
    """Time, words, video, link; nothing that strangers wrote steers the terminal."""
    add_video(cursor, "video", title="\x1b[31m[bold]loud\u202e", channel_title="A channel", published_at=day(1))
    add_transcript(cursor, "video", ["Before."] * 170 + ["The [red]climate\x1b[0m bill."])
    shown = run_command(database, "search", "climate", "bill").stdout
    assert shown.splitlines() == [
        "  12:45  The [red]climate [0m bill.",
        "          [31m[bold]loud  · A channel · 2026-03-01 · speech · en",
        "         https://youtu.be/video?t=765",
        "",
    ]


def test_the_command_says_when_nothing_or_something_close_is_found(english: str) -> None:
    """Exit code 0 either way."""
    nothing = run_command(english, "search", "zzyzxqwv")
    assert (nothing.exit_code, nothing.stdout.splitlines()[0]) == (0, "Nothing is said of zzyzxqwv.")
    assert "--include-doubtful" in nothing.stdout
    close = run_command(english, "search", "klimate")
    assert (close.exit_code, close.stdout.splitlines()[0]) == (0, "Nothing matches klimate exactly; close:")


def test_the_command_prints_json(english: str) -> None:
    """Whole hits, with where the words are in the text."""
    report = json.loads(run_command(english, "search", '"climate bill"', "--json").stdout)
    [hit] = report.pop("hits")
    assert report == {"query": '"climate bill"', "found": 1, "fallback": False}
    wanted = {
        "video_id": "both",
        "title": "Title of both",
        "url": "https://youtu.be/both?t=0",
        "start_seconds": 0.0,
        "end_seconds": 4.5,
        "text": "They passed the climate bills today.",
        "highlighted": "They passed the «climate» «bills» today.",
        "marks": [[16, 23], [24, 29]],
        "published_at": "2026-03-01T12:00:00Z",
        "language": "en",
        "method": "speech",
        "doubtful": False,
    }
    assert {name: hit[name] for name in wanted} == wanted


def test_the_command_takes_conditions(cursor: RealDictCursor, database: str) -> None:
    """As options, in either case; since a length of time or a day."""
    now = datetime.now(UTC)
    add_video(cursor, "video", channel_title="One", published_at=now - timedelta(days=3))
    add_transcript(cursor, "video", ["A climate bill."])
    add_reading(cursor, day(1), ["video"], region="US")
    same = ("--lang", "EN", "--region", "us", "--channel", "one", "--method", "speech", "--json")
    for since, wanted in (("7d", 1), ("2d", 0), (f"{now - timedelta(days=4):%Y-%m-%d}", 1), (f"{now:%Y-%m-%d}", 0)):
        shown = run_command(database, "search", "climate", "--since", since, *same)
        assert json.loads(shown.stdout)["found"] == wanted, since


@pytest.mark.parametrize("option", [("--lang", "english"), ("--region", "USA"), ("--since", "yesterday")])
def test_the_command_refuses_conditions_that_mean_nothing(database: str, option: tuple[str, str]) -> None:
    """With an example of one that does."""
    refused = run_command(database, "search", "climate", *option).exception
    assert isinstance(refused, ConditionRefused)
    assert ", as " in str(refused)


def test_nothing_is_written(english: str, cursor: RealDictCursor) -> None:
    """A search is read-only even for who may write."""
    before = read_rows(cursor, "select sum(n_tup_ins + n_tup_upd + n_tup_del) as n from pg_stat_user_tables")
    search(english, "climate bill")
    after = read_rows(cursor, "select sum(n_tup_ins + n_tup_upd + n_tup_del) as n from pg_stat_user_tables")
    assert before == after
