"""README.md as somebody types it: its commands, in their order, in one shell, on servers of their own."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import platformdirs
import pytest

from ingest.loopback_answers import LoopbackData
from ingest.loopback_api import LoopbackApi
from tests.e2e.conftest import REPOSITORY, Shell, a_home
from tests.test_docs import blocks
from trendscript.demo.charts import make_categories, make_chart

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)  # Spark starts twice

_FILE = """\
video_id,trending_date,title,channel_title,category_id,publish_time,tags,views,likes,dislikes,comment_count,\
thumbnail_link,comments_disabled,ratings_disabled,video_error_or_removed,description
2Vv-BfVoq4g,17.14.11,Perfect,Ed Sheeran,10,2017-11-09T11:04:14.000Z,a|b,33523622,1634124,21082,85067,\
https://i.ytimg.com/vi/2Vv-BfVoq4g/default.jpg,False,False,False,Listen
"""

_COUNTS = "select source, region_code, count(*) from processed.chart_entry group by 1, 2 order by 1, 2"


def _script() -> str:
    """The commands of README.md, but for `make`, whose targets call these."""
    found = blocks((REPOSITORY / "README.md").read_text("utf-8"), "sh")
    lines = [line for block in found for line in block.splitlines() if not line.startswith("make ")]
    assert "trendscript load" in lines
    return "\n".join(["set -euxo pipefail", *lines])


def test_commands_of_the_readme_run_in_their_order(tmp_path: Path) -> None:
    """Each ends with 0; the charts of the API and of the file are in the warehouse, and what is said is found."""
    regions = ("FR", "US")
    data = LoopbackData(
        charts={(region, "0"): make_chart(region, 0) for region in regions},
        categories=dict.fromkeys(regions, make_categories()),
    )
    (tmp_path / "USvideos.csv").write_text(_FILE, encoding="utf-8")
    (tmp_path / "spark_jobs").symlink_to(REPOSITORY / "spark_jobs")
    audio = tmp_path / "audio"
    audio.mkdir()
    # The video that README.md names, without YouTube: a clip of the demo's under its id.
    shutil.copy(REPOSITORY / "trendscript" / "demo" / "clips" / "lanterns.ogg", audio / "dQw4w9WgXcQ.ogg")
    with ExitStack() as stack:
        home = stack.enter_context(a_home())
        api = stack.enter_context(LoopbackApi(data, key="a key"))
        shell = Shell(home / "trendscript", tmp_path)  # where README.md puts it, under HOME
        stack.callback(shell.run, "trendscript down", check=False)
        cache = {"HOME": str(home), "XDG_CACHE_HOME": str(platformdirs.user_cache_path())}
        folder = {"AUDIO_SOURCE": "folder", "AUDIO_FOLDER": str(audio)}
        youtube = {"YOUTUBE_API_KEY": "a key", "YOUTUBE_API_ENDPOINT": api.endpoint}
        told = shell.run(_script(), cache | youtube | folder).stdout
        found = shell.query(
            "select source, region_code, count(*) from processed.chart_entry group by 1, 2 order by 1, 2"
        )
    assert found == [("file:kaggle_2017", "US", 1), ("youtube_api", "FR", 60), ("youtube_api", "US", 60)]
    assert (tmp_path / "growth.csv").exists()
    assert "https://youtu.be/dQw4w9WgXcQ?t=0" in told
    assert "slow tide" in (tmp_path / "captions.srt").read_text("utf-8")
