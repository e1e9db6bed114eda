"""Videos as people name them: ids and addresses of YouTube, and all that is neither."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from transcriber.requests.video_ids import VideoRefused, parse_video, split_videos

ID = "dQw4w9WgXcQ"
DASHED = "--exec_rm-r"

ids = st.text(string.ascii_letters + string.digits + "-_", min_size=11, max_size=11)
hosts = st.sampled_from(["youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be", "evil.example", "127.0.0.1"])
parts = st.sampled_from(["watch", "shorts", "embed", "live", "playlist", "v", "@name", "", ".", ".."]) | ids | st.text()
addresses = st.builds(
    "{}{}{}/{}/{}?{}={}#{}".format,
    st.sampled_from(["https://", "http://", "file://", "//", "", "ftp://", "javascript:", "https://user@"]),
    hosts,
    st.sampled_from(["", ":443", "@evil.example", ".evil.example"]),
    parts,
    parts,
    st.sampled_from(["v", "list", "V", "vv"]),
    ids | st.text(),
    st.text(),
)


@pytest.mark.parametrize(
    "text",
    [
        ID,
        f"  {ID}\n",
        f"https://www.youtube.com/watch?v={ID}",
        f"http://youtube.com/watch?app=desktop&v={ID}&t=43s",
        f"https://www.youtube.com/watch?v={ID}&list=PLaaaaaaaaaaaaaaaa&index=3",
        f"https://m.youtube.com/watch?v={ID}#here",
        f"https://music.youtube.com/watch?v={ID}&si=abc",
        f"https://youtu.be/{ID}?t=43",
        f"youtu.be/{ID}",
        f"YouTube.com/shorts/{ID}/",
        f"https://www.youtube.com/embed/{ID}?autoplay=1",
        f"https://www.youtube-nocookie.com/embed/{ID}",
        f"https://www.youtube.com/live/{ID}?feature=share",
    ],
)
def test_the_id_is_taken_out_of_an_address(text: str) -> None:
    """However people write or copy it, one video is named."""
    assert parse_video(text) == ID


def test_an_id_may_look_like_an_option() -> None:
    """Eleven characters of the alphabet are an id, and no shell or program is ever given them as an argument."""
    assert parse_video(DASHED) == DASHED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--exec",
        "dQw4w9WgXc",
        f"{ID}x",
        "dQw4w9WgXc\u00e9",
        "file:///etc/passwd",
        f"file:///{ID}",
        f"file://youtube.com/watch?v={ID}",
        f"http://127.0.0.1/watch?v={ID}",
        f"http://169.254.169.254/shorts/{ID}",
        f"http://[::1]/watch?v={ID}",
        f"http://[youtube.com/watch?v={ID}",
        f"https://youtube.com.evil.example/watch?v={ID}",
        f"https://youtube.com@evil.example/watch?v={ID}",
        f"https://evil@youtube.com/watch?v={ID}",
        f"https://youtube.com:8080/watch?v={ID}",
        f"https://www.youtube.com/watch?v={ID}&v=other_video",
        f"https://www.youtube.com/watch/{ID}",
        f"https://www.youtube.com/redirect?q=https://youtu.be/{ID}",
        f"https://youtu.be/{ID}/more",
        "https://youtu.be/dQw4w9\nWgXcQ",
        f"https://www.youtube.com/watch?v={ID}{'&x=1' * 1_000}",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    """No file, no other site, no private address, no option: one sentence that shows what a video is named by."""
    with pytest.raises(
        VideoRefused, match=re.escape(f"as {ID}, or by its address, as https://youtu.be/{ID}")
    ) as refused:
        parse_video(text)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://www.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa", "a list of videos"),
        ("https://www.youtube.com/embed/videoseries?list=PLaaaaaaaaaaaaaaaa", "a list of videos"),
        ("https://www.youtube.com/embed/live_stream?channel=UC_x5XG1OV2P6uZZ5FSM9Ttw", "a list of videos"),
        ("https://www.youtube.com/@YouTube/videos", "a channel"),
        ("https://www.youtube.com/channel/UC_x5XG1OV2P6uZZ5FSM9Ttw", "a channel"),
    ],
)
def test_what_people_mix_up_with_a_video_is_named(text: str, said: str) -> None:
    """A playlist or a channel is told as what it is; some have eleven characters where a video's id would stand."""
    with pytest.raises(VideoRefused, match=said):
        parse_video(text)


@given(addresses | st.text())
@example("https://youtu.be/videoseries")
def test_only_ids_of_youtubes_own_sites_come_out(text: str) -> None:
    """Whatever the text: refused, or eleven characters of it that stand alone or at a site of YouTube."""
    try:
        found = parse_video(text)
    except VideoRefused:
        return
    assert re.fullmatch(r"[A-Za-z0-9_-]{11}", found)
    if text.strip() != found:
        place = r"(?:https?://)?(?:(?:www\.|m\.|music\.)?youtube(?:-nocookie)?\.com|(?:www\.)?youtu\.be)(?:/.*)?"
        assert re.fullmatch(place, text.strip(), re.IGNORECASE)


@given(ids, st.sampled_from(["https://youtu.be/{}", "https://www.youtube.com/watch?v={}", "{}"]))
def test_every_id_comes_out_of_its_address(video_id: str, form: str) -> None:
    """No id is lost on the way, whatever characters it has."""
    assert parse_video(form.format(video_id)) == video_id


def test_lines_of_a_file_are_told_apart() -> None:
    """A video named twice, by id and by address, counts once; comments are passed over; the rest is rejected."""
    lines = ["# mine", "", ID, f"https://youtu.be/{ID}?t=1", "no video", f"http://10.0.0.1/watch?v={ID}"]
    assert split_videos(lines) == ([ID], ["no video", f"http://10.0.0.1/watch?v={ID}"])
