"""Captions: the words closest to what is said, clean, in order; or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.transcriber.youtube.captioned import a_transcript, offer, read
from tests.transcriber.youtube.loopback import LoopbackYouTube, Reply
from tests.transcriber.youtube.players import VIDEO, a_page
from transcriber.captions import Captions, clean_text, read_captions, to_language
from transcriber.faults import VideoFault
from transcriber.speech import Segment

SHARED = Path(__file__).parents[4] / "shared" / "data" / "captions"


@pytest.mark.parametrize(
    ("offered", "languages", "taken"),
    [
        (["en", "en/asr"], [], "en"),
        (["de", "en", "en/asr"], [], "en"),
        (["de", "zh", "en/asr"], [], "en/asr"),
        (["de", "en-GB", "en/asr"], [], "en-GB"),
        (["ko/asr"], [], "ko/asr"),
        (["de", "fr"], [], "de"),
        (["de", "en", "en/asr"], ["de"], "de"),
        (["de", "en-US", "en/asr"], ["pt", "en-GB"], "en-US"),
        (["de", "en/asr"], ["pt"], None),
        (["iw/asr", "en"], ["he"], "iw/asr"),
    ],
)
def test_which_captions_are_taken(
    youtube: LoopbackYouTube, offered: list[str], languages: list[str], taken: str | None
) -> None:
    """Somebody's before generated ones, in the video's own language or the one that is wanted, never translated."""
    offer(youtube, *offered)
    found = read(youtube, *languages)
    assert (None if found is None else found.segments[0].text) == (None if taken is None else f"in {taken}")
    if found and taken:
        assert found.method == ("captions_generated" if "asr" in taken else "captions_manual")
        assert found.language == to_language(taken.partition("/")[0])
    assert not any("tlang" in asked.query for asked in youtube.asked)


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("en", "en"),
        ("pt-BR", "pt"),
        ("zh-Hans", "zh"),
        ("iw", "he"),
        ("fil", "fil"),
        ("en-eEY6OEpapPo", "en"),
        ("EN_us", "en"),
    ],
)
def test_languages_are_those_of_the_standard(code: str, language: str) -> None:
    """Without a region, a script or the name of a track."""
    assert to_language(code) == language


def test_captions_are_clean_and_in_order(youtube: LoopbackYouTube) -> None:
    """Markup, line ends and positions go; words, sounds in brackets and speakers stay; blank ones are left out."""
    content = a_transcript(
        ("5", "2", "&amp;lt;i&amp;gt;It&amp;#39;s\nthe tide&amp;lt;/i&amp;gt;"),
        ("1.5", "2.25", "{\\an8}&gt;&gt; [Music]\u200b  5 &amp;lt; 6"),
        ("4", "1", " \n"),
        ("4", "1", ""),
    )
    offer(youtube, "en", en=content.decode())
    found = read(youtube)
    assert found == Captions(
        "captions_manual",
        "en",
        (Segment(1.5, 3.75, ">> [Music] 5 < 6"), Segment(5.0, 7.0, "It's the tide")),
    )


def test_generated_captions_do_not_overlap(youtube: LoopbackYouTube) -> None:
    """They roll: each stays on the screen while the next is read."""
    content = a_transcript(("0", "4.8", "one"), ("2.4", "4", "two"), ("9", "1", "three"), ("9", "2", "four"))
    offer(youtube, "en/asr", en_asr=content.decode())
    found = read(youtube)
    assert found is not None
    assert [(each.start, each.end) for each in found.segments] == [(0, 2.4), (2.4, 6.4), (9, 9), (9, 11)]


def test_written_captions_may_overlap(youtube: LoopbackYouTube) -> None:
    """Two may speak at once."""
    offer(youtube, "en", en=a_transcript(("0", "4.8", "one"), ("2.4", "4", "two")).decode())
    found = read(youtube)
    assert found is not None
    assert [(each.start, each.end) for each in found.segments] == [(0, 4.8), (2.4, 6.4)]


@pytest.mark.parametrize("text", ["a\u00a0b", "a\tb", " a  b ", "a\ufeff b"])
def test_space_is_one_space(text: str) -> None:
    """Of whatever kind."""
    assert clean_text(text) == "a b"


@pytest.mark.parametrize(
    "captions",
    [None, {}, {"playerCaptionsTracklistRenderer": {}}, {"playerCaptionsTracklistRenderer": {"captionTracks": []}}],
    ids=["absent", "empty", "disabled", "no_tracks"],
)
def test_no_captions(youtube: LoopbackYouTube, captions: dict[str, Any] | None) -> None:
    """The video plays and has none: nothing is wrong."""
    player = {"playabilityStatus": {"status": "OK"}, "captions": captions}
    youtube.players[VIDEO] = {name: value for name, value in player.items() if value is not None}
    assert read(youtube) is None


def test_captions_without_a_word_are_none(youtube: LoopbackYouTube) -> None:
    """A track that somebody began and left."""
    offer(youtube, "en", en=a_transcript(("0", "1", " ")).decode())
    assert read(youtube) is None


@pytest.mark.parametrize("video_id", ["--exec", "https://www.youtube.com/watch?v=aaaaaaaaaaa", ""])
def test_what_is_no_id_is_never_asked_for(youtube: LoopbackYouTube, video_id: str) -> None:
    """No address from outside is ever opened."""
    with pytest.raises(VideoFault):
        read_captions(video_id, adapter=youtube.adapter())
    assert youtube.asked == []


def test_consent_is_given_where_it_is_asked_for(youtube: LoopbackYouTube) -> None:
    """Visitors from Europe get a form first."""
    offer(youtube, "en")
    form = b'<form action="https://consent.youtube.com/s"><input type="hidden" name="v" value="cb.20260101"></form>'
    pages = [Reply(form), Reply(a_page().encode())]
    youtube.routes["watch"] = lambda _: pages.pop(0)
    assert read(youtube) is not None


recorded = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the recorded answers are not here: there is no {SHARED}")


def recorded_answer(name: str) -> bytes:
    """An answer that the library's own tests recorded."""
    return next(SHARED.rglob(name)).read_bytes()


@recorded
@pytest.mark.parametrize(
    ("name", "language"),
    [("youtube.innertube.json.static", "en"), ("youtube_altered_user_agent.innertube.json.static", "en"),
     ("youtube_ww1_nl_en.innertube.json.static", "en")],
)  # fmt: skip
def test_recorded_answers_of_videos_with_captions(youtube: LoopbackYouTube, name: str, language: str) -> None:
    """Of eight languages that somebody wrote, the one that YouTube heard."""
    player = json.loads(recorded_answer(name))
    youtube.players[VIDEO] = player
    youtube.captions = {"en": recorded_answer("transcript.xml.static")}
    found = read(youtube)
    assert found == Captions(
        "captions_manual",
        language,
        (
            Segment(0.0, 1.54, "Hey, this is just a test"),
            Segment(1.54, 1.54 + 4.16, "this is not the original transcript"),
            Segment(5.7, 5.7 + 3.239, "just something shorter, I made up for testing"),
        ),
    )
    assert youtube.asked[-1].query["signature"] in json.dumps(player)


@recorded
def test_a_recorded_answer_of_a_video_that_is_gone(youtube: LoopbackYouTube) -> None:
    """It has no captions and never will."""
    youtube.players[VIDEO] = json.loads(recorded_answer("youtube_video_unavailable.innertube.json.static"))
    with pytest.raises(VideoFault) as fault:
        read(youtube)
    assert fault.value.reason == "unavailable"
