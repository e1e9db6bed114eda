"""Reading pages: repeats, refusals, and a key that nobody gets to see."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ingest.api_failures import AnswerUnreadable, ApiBusy, ApiUnreachable, KeyRefused, QuotaExceeded
from ingest.loopback_answers import ApiAnswer, backend_error, bad_key, quota_exceeded
from ingest.loopback_api import Fault, LoopbackApi
from ingest.quota import QuotaLedger, UnitsSpent
from ingest.youtube_api import ATTEMPTS, EndpointRefused, YouTubeApi
from tests.ingest.building import a_chart
from tests.ingest.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Stack


def _client(api: LoopbackApi, *, max_units: int = 100, key: str = KEY) -> YouTubeApi:
    return YouTubeApi(key, QuotaLedger(max_units), endpoint=api.endpoint, retry_seconds=0.001)


def _read(client: YouTubeApi, region: str = "FR") -> list[object]:
    return client.read_items("videos", part="id", chart="mostPopular", regionCode=region, maxResults=50)


def test_pages_are_read_until_none_is_named(api: LoopbackApi) -> None:
    """Depth is not assumed: 430 entries are nine pages."""
    api.data.charts["FR", "0"] = a_chart(430)
    client = _client(api)
    assert _read(client) == a_chart(430)
    assert client.ledger.units == 9


def test_threads_share_a_client(api: LoopbackApi) -> None:
    """Eight threads at once get each its own chart, and all requests are counted."""
    regions = [f"{first}{second}" for first in "ABCD" for second in "ABCDEFGH"]
    for number, region in enumerate(regions):
        api.data.charts[region, "0"] = a_chart(60, first=number * 100)
    client = _client(api)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda region: _read(client, region), regions))
    assert found == [a_chart(60, first=number * 100) for number in range(len(regions))]
    assert client.ledger.units == len(api.requests) == 64


@pytest.mark.parametrize("answer", [backend_error(500), ApiAnswer(429, b""), backend_error(504)])
def test_a_busy_api_is_asked_a_few_times_and_no_more(api: LoopbackApi, answer: ApiAnswer) -> None:
    """An answer that may pass is asked for again, a bounded number of times, each charged."""
    api.faults.append(Fault(answer))
    client = _client(api)
    with pytest.raises(ApiBusy):
        _read(client)
    assert client.ledger.units == len(api.requests) == ATTEMPTS


@pytest.mark.parametrize(("answer", "fact"), [(quota_exceeded(), QuotaExceeded), (bad_key(), KeyRefused)])
def test_a_refusal_for_all_is_met_once(api: LoopbackApi, answer: ApiAnswer, fact: type[Exception]) -> None:
    """A spent quota or a refused key is asked once; later requests fail alike without going out."""
    api.faults.append(Fault(answer))
    client = _client(api)
    for _ in range(3):
        with pytest.raises(fact):
            _read(client)
    assert len(api.requests) == client.ledger.units == 1


@pytest.mark.parametrize("body", [b"<html>gateway</html>", b"", b"[1]", b'{"items":{"a":1}}', b'{"a":' * 5000])
def test_an_answer_that_is_no_list_is_a_fact(api: LoopbackApi, body: bytes) -> None:
    """A proxy's page, an empty body, no object, items that are no list, nesting without end: one fact."""
    api.faults.append(Fault(ApiAnswer(200, body)))
    with pytest.raises(AnswerUnreadable):
        _read(_client(api))


def test_a_page_that_is_cut_off_is_asked_for_again(api: LoopbackApi) -> None:
    """A body that ends in the middle is read again, and the chart is whole."""
    api.data.charts["FR", "0"] = a_chart(3)
    api.faults.append(Fault(ApiAnswer(200, b'{"items":[{"id":"vid'), times=1))
    assert _read(_client(api)) == a_chart(3)


def test_broken_connections_end_in_a_fact_without_the_key(api: LoopbackApi) -> None:
    """A server that hangs up each time is unreachable; the text names the address and not the key."""
    api.faults.append(Fault(None))
    with pytest.raises(ApiUnreachable) as failure:
        _read(_client(api))
    assert api.endpoint in str(failure.value)
    assert KEY not in str(failure.value)


def test_units_end_between_two_pages(api: LoopbackApi) -> None:
    """The limit holds within a chart: two units, two requests, and then a fact instead of half a chart."""
    api.data.charts["FR", "0"] = a_chart(150)
    client = _client(api, max_units=2)
    with pytest.raises(UnitsSpent):
        _read(client)
    assert len(api.requests) == 2


def test_an_endpoint_without_a_scheme_is_refused() -> None:
    """The setting and what it needs are named."""
    with pytest.raises(EndpointRefused, match=r"YOUTUBE_API_ENDPOINT.*http://"):
        YouTubeApi(KEY, QuotaLedger(1), endpoint="127.0.0.1:80")


@pytest.mark.parametrize("answer", [quota_exceeded(), backend_error(503), bad_key(), None])
def test_the_key_is_never_printed_even_with_debug(
    api: LoopbackApi, stack: Stack, contract_topics: list[str], tmp_path: Path, answer: ApiAnswer | None
) -> None:
    """A whole process that fails, with --debug and the most talkative log, prints a traceback and no key."""
    assert contract_topics
    api.faults.append(Fault(answer))
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "YOUTUBE_API_KEY": KEY,
        "YOUTUBE_API_ENDPOINT": api.endpoint,
        "YOUTUBE_RETRY_SECONDS": "0.01",
        "LOG_LEVEL": "DEBUG",
    }
    command = [sys.executable, "-c", "from trendscript.cli.main import main; main()"]
    done = subprocess.run(
        [*command, "--debug", "ingest", "charts", "--region", "FR"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" in done.stderr
    assert KEY not in done.stdout + done.stderr
