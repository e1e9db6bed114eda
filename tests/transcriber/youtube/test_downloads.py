"""A download: the announced bytes and not one else, or nothing at all, and whose fault that is."""

from __future__ import annotations

import resource
import signal
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.youtube.conftest import make_source
from tests.transcriber.youtube.loopback import Reply, as_json
from tests.transcriber.youtube.players import SIZE, VIDEO, a_file, a_format, a_player, a_refusal
from transcriber.audio.source import AudioFormat, Look
from transcriber.audio.youtube import ATTEMPTS
from transcriber.faults import PassingFault, ServerGone, Stopped, VideoFault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.transcriber.youtube.loopback import Asked, LoopbackYouTube
    from transcriber.audio.source import AudioSource

A_PART = 9 * 1024 * 1024


def a_look(itag: int = 249) -> Look:
    """As of an earlier run, whose addresses nobody has any more."""
    return Look(VIDEO, AudioFormat(itag=itag, bytes=SIZE))


def test_a_whole_file(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """Named by its id and its kind; a look just before is not repeated."""
    file = source.fetch(source.look(VIDEO), tmp_path)
    assert file == tmp_path / f"{VIDEO}.webm"
    assert file.read_bytes() == a_file(249)
    assert list(tmp_path.iterdir()) == [file]
    assert (youtube.count("player"), youtube.count("media")) == (2, 2)


def test_a_look_of_another_run(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """Its addresses are asked for again; the page of the video isn't."""
    assert source.fetch(a_look(), tmp_path).read_bytes() == a_file(249)
    assert (youtube.count("player"), youtube.count("watch")) == (2, 0)


def test_the_format_that_was_shown_is_fetched(source: AudioSource, tmp_path: Path) -> None:
    """Also where another would be chosen today."""
    file = source.fetch(a_look(140), tmp_path)
    assert (file.suffix, file.read_bytes()) == (".mp4", a_file(140))


def test_a_file_of_several_parts(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """They are asked for one by one."""
    size = 2 * A_PART + 5
    youtube.players[VIDEO] = a_player(a_format(249, size=size))
    youtube.files["249"] = a_file(249, size)
    youtube.routes["media"] = sized(youtube)
    assert source.fetch(a_look(), tmp_path).read_bytes() == a_file(249, size)
    assert youtube.count("media") == 4


def sized(youtube: LoopbackYouTube) -> Callable[[Asked], Reply]:
    """Sends parts; asked for a whole file, it only says how long that is, as pytubefix does not read it."""

    def media(asked: Asked) -> Reply:
        first, end = asked.span
        if end - first > A_PART:
            return Reply(announced=len(youtube.files[asked.query["itag"]]))
        return youtube.media(asked)

    return media


def test_a_file_that_is_there_already_is_replaced(source: AudioSource, tmp_path: Path) -> None:
    """The same size does not make it the same."""
    (tmp_path / f"{VIDEO}.webm").write_bytes(b"x" * SIZE)
    assert source.fetch(a_look(), tmp_path).read_bytes() == a_file(249)


def test_an_address_that_expired_is_renewed(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """The same format, by a fresh address."""
    look = source.look(VIDEO)
    old = dict.fromkeys(("249",))
    youtube.routes["media"] = lambda asked: (
        Reply(status=403) if old.pop(asked.query["itag"], 1) is None else youtube.media(asked)
    )
    assert source.fetch(look, tmp_path).read_bytes() == a_file(249)
    assert youtube.count("player") == 4


@pytest.mark.parametrize("status", [403, 404, 410, 500])
def test_another_format_is_taken_where_one_is_refused(
    youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path, status: int
) -> None:
    """Of the original track, and its own bytes."""
    youtube.routes["media"] = lambda asked: (
        Reply(status=status) if asked.query["itag"] == "249" else youtube.media(asked)
    )
    file = source.fetch(source.look(VIDEO), tmp_path)
    assert file.read_bytes() == a_file(250)
    assert list(tmp_path.iterdir()) == [file]


def test_a_refusal_in_the_middle_is_got_over(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """The first part came, the second did not; the next attempt starts anew."""
    size = A_PART + 5
    youtube.players[VIDEO] = a_player(a_format(249, size=size))
    youtube.files["249"] = a_file(249, size)
    refusals = [403]

    def media(asked: Asked) -> Reply:
        if asked.span[0] == A_PART and refusals:
            return Reply(status=refusals.pop())
        return sized(youtube)(asked)

    youtube.routes["media"] = media
    assert source.fetch(a_look(), tmp_path).read_bytes() == a_file(249, size)


def whole(asked: Asked) -> bool:
    """True for the request by which pytubefix learns how long a file is."""
    return asked.span[1] > A_PART


FAILURES: dict[str, tuple[Callable[[Asked], Reply], type[Exception], str | None]] = {
    "403 for every format": (lambda _: Reply(status=403), PassingFault, None),
    "401 for every format": (lambda _: Reply(status=401), PassingFault, None),
    "403 in the middle": (
        lambda asked: Reply(status=403) if asked.span[0] else Reply(b"x" * 300, announced=SIZE),
        PassingFault,
        None,
    ),
    "500": (lambda _: Reply(status=500), PassingFault, None),
    "404 for every format": (lambda _: Reply(status=404), VideoFault, "empty"),
    "404 in the middle": (
        lambda asked: Reply(status=404) if asked.span[0] else Reply(b"x" * 300, announced=SIZE),
        VideoFault,
        "truncated",
    ),
    "nothing": (lambda _: Reply(b""), VideoFault, "empty"),
    "short by its own account": (lambda _: Reply(b"x" * 300), VideoFault, "truncated"),
    "cut off, and nothing ever after": (
        lambda asked: Reply(b"" if asked.span[0] else b"x" * 300, announced=SIZE if whole(asked) else None),
        VideoFault,
        "truncated",
    ),
    "one byte too few": (lambda _: Reply(b"x" * (SIZE - 1)), VideoFault, "truncated"),
    "one byte too many": (lambda _: Reply(b"x" * (SIZE + 1)), VideoFault, "truncated"),
    "far too many bytes": (lambda _: Reply(b"x" * 2_000_000), VideoFault, "truncated"),
    "elsewhere": (lambda _: Reply(status=302, headers={"Location": "https://127.0.0.1/a"}), ServerGone, None),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_download_that_never_works(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path, case: str) -> None:
    """After some attempts it is about the video or about us, and nothing is left behind."""
    youtube.routes["media"], fault, reason = FAILURES[case]
    with pytest.raises(fault) as raised:
        source.fetch(source.look(VIDEO), tmp_path)
    assert getattr(raised.value, "reason", None) == reason
    assert list(tmp_path.iterdir()) == []
    assert youtube.count("player") == 2 * ATTEMPTS


def test_more_than_was_announced_is_not_written(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """A server that never ends fills no disk."""
    sizes: list[int] = []

    def watch() -> bool:
        sizes.extend(file.stat().st_size for file in tmp_path.rglob("*.*") if file.is_file())
        return False

    youtube.routes["media"] = lambda _: Reply(b"x" * 5_000_000)
    with pytest.raises(VideoFault):
        source.fetch(a_look(), tmp_path, stop=watch)
    assert SIZE / 2 < max(sizes) < SIZE + 200_000


def test_a_server_that_is_silent(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """It is waited for, but not for ever; whatever the video, it is the server."""
    youtube.routes["media"] = lambda _: Reply(pause=60)
    look = source.look(VIDEO)
    with pytest.raises(ServerGone):
        make_source(youtube, timeout_seconds=0.2).fetch(look, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_many_requests_are_not_made_more(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """No second attempt."""
    youtube.routes["media"] = lambda _: Reply(status=429, headers={"Retry-After": "60"})
    with pytest.raises(PassingFault) as raised:
        source.fetch(source.look(VIDEO), tmp_path)
    assert raised.value.retry_after == 60
    assert youtube.count("media") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path
) -> None:
    """Each connection breaks after 20,000 bytes, and the rest is asked for."""

    def media(asked: Asked) -> Reply:
        first, end = asked.span
        body = a_file(249)[first:end]
        return Reply(body[:20_000], announced=SIZE if whole(asked) else len(body))

    youtube.routes["media"] = media
    assert source.fetch(a_look(), tmp_path).read_bytes() == a_file(249)


def test_a_video_that_went_private_meanwhile(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """The fresh look tells."""
    look = source.look(VIDEO)
    youtube.players[VIDEO] = a_refusal("LOGIN_REQUIRED", "This video is private")
    youtube.routes["media"] = lambda _: Reply(status=403)
    with pytest.raises(VideoFault) as fault:
        source.fetch(look, tmp_path)
    assert fault.value.reason == "private"


def test_a_bot_wall_meanwhile(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """Nothing more is tried."""
    youtube.routes["player"] = lambda _: as_json(a_refusal("LOGIN_REQUIRED", "Sign in to confirm you're not a bot"))
    with pytest.raises(PassingFault):
        source.fetch(a_look(), tmp_path)
    assert youtube.count("media") == 0


def test_a_file_that_grew_past_the_limit(youtube: LoopbackYouTube, tmp_path: Path) -> None:
    """A look of an earlier run showed a smaller one."""
    with pytest.raises(VideoFault) as fault:
        make_source(youtube, max_bytes=SIZE - 1).fetch(a_look(), tmp_path)
    assert fault.value.reason == "too_large"
    assert youtube.count("media") == 0


def test_stopped_before_it_begins(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """Nobody is asked."""
    with pytest.raises(Stopped):
        source.fetch(a_look(), tmp_path, stop=lambda: True)
    assert youtube.asked == []


def test_stopped_in_the_middle(youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path) -> None:
    """Not after the part of 9 MB that is under way, but at once."""
    youtube.routes["media"] = lambda asked: Reply(b"x" * SIZE, pause_per_byte=0 if whole(asked) else 0.001)
    calls = iter(range(1_000))
    with pytest.raises(Stopped):
        source.fetch(a_look(), tmp_path, stop=lambda: next(calls) == 5)
    assert next(calls) == 6
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_drips(
    youtube: LoopbackYouTube, source: AudioSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, but the file would take days."""
    monkeypatch.setattr("transcriber.audio.youtube_download._SPARE_SECONDS", -2.9)  # + 50,000 / 16,000 = 0.2 s
    youtube.routes["media"] = lambda asked: Reply(b"x" * SIZE, pause_per_byte=0 if whole(asked) else 0.01)
    with pytest.raises(ServerGone):
        source.fetch(a_look(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(source: AudioSource, tmp_path: Path) -> None:
    """It is a fault of ours, never of the video."""
    with pytest.raises(PassingFault):
        source.fetch(a_look(), tmp_path / "missing")


def test_a_full_disk(source: AudioSource, tmp_path: Path) -> None:
    """The same: a file may not get larger than the system allows, and the part of it is gone."""
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, allowed[1]))
    try:
        with pytest.raises(PassingFault, match="disk"):
            source.fetch(a_look(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
