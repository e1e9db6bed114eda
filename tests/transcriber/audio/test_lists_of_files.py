"""Lists of other files: nobody follows them, to a file or to a server."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from tests.transcriber.audio.building import (
    write_audio,
    write_wav,
)
from tests.transcriber.audio.decoding import refused
from transcriber.audio import container

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and the paths that anybody asked it for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret.ts", asked
        server.shutdown()
        thread.join()


LISTS = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{0}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{0}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\na=control:{0}\n",
    "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1" bandwidth="1"><BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "asx": '<asx version="3.0"><entry><ref href="{0}"/></entry></asx>',
    "pls": "[playlist]\nFile1={0}\n",
    "m3u": "#EXTM3U\n{0}\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("ending", ["kind", "mp3"])
def test_a_list_of_other_files_is_not_followed(
    tmp_path: Path, listener: tuple[str, list[str]], kind: str, ending: str
) -> None:
    """Not to a file beside it, not to /etc/passwd, not to a server: nobody is asked for anything."""
    url, asked = listener
    beside = write_wav(tmp_path / "beside.wav", 10)
    for target in (url, "file:///etc/passwd", str(beside), beside.name):
        file = tmp_path / f"list.{kind if ending == 'kind' else ending}"
        file.write_text(LISTS[kind].format(target))
        assert refused(file).reason == "not_audio"
    assert asked == []


@pytest.mark.parametrize("kind", ["m3u8", "ffconcat"])
def test_a_reader_of_lists_could_not_open_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: tuple[str, list[str]], kind: str
) -> None:
    """Were one let in, there would be no way for it to reach a file or a server."""
    url, asked = listener
    beside = write_audio(tmp_path / "beside.ts", "aac", 2)
    monkeypatch.chdir(tmp_path)  # which a relative name would be looked up in
    monkeypatch.setattr(container, "FORMATS", (*container.FORMATS, "hls", "concat"))
    for target in (url, str(beside), beside.name):
        file = tmp_path / f"list.{kind}"
        file.write_text(LISTS[kind].format(target))
        assert refused(file).reason == "not_audio"
    assert asked == []
