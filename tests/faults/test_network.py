"""The network between a load and its servers cuts, resets, delays or swallows what passes."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from tests.faults.proxy import Proxy, Trouble
from tests.faults.servers import OwnKafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.scene import WarmScene


@pytest.fixture
def to_postgres(scene: WarmScene) -> Iterator[Proxy]:
    """The way to Postgres."""
    with Proxy(urlsplit(scene.dsn).port or 5432) as proxy:
        yield proxy


@pytest.fixture
def remote(scene: WarmScene, to_postgres: Proxy) -> WarmScene:
    """The scene with its loads reaching Postgres by that way."""
    address = urlsplit(scene.job.dsn)
    netloc = address.netloc.replace(f":{address.port}", f":{to_postgres.port}")
    return replace(scene, job=replace(scene.job, dsn=address._replace(netloc=netloc).geturl()))


def _strike(scene: WarmScene, proxy: Proxy, trouble: Trouble) -> None:
    if scene.chance.random() < 0.5:
        scene.tell(60)
        scene.load()
    scene.tell(150)
    scene.order()
    scene.fault_now()
    proxy.make(trouble)
    scene.try_load()
    befallen = proxy.befallen
    proxy.heal()
    assert befallen, "nothing met the trouble"
    scene.recover()
    scene.judge()


@pytest.mark.case("5")
def test_the_answer_to_a_commit_is_lost(remote: WarmScene, to_postgres: Proxy) -> None:
    """The server has committed, and is cut off before it can say so: the ledger knows, nothing is merged twice."""
    times = remote.chance.choice([1, 2, 5])
    _strike(remote, to_postgres, Trouble(cut_before=b"COMMIT\0", times=times))


@pytest.mark.case("11, 10")
def test_a_connection_to_postgres_is_cut_after_some_bytes(remote: WarmScene, to_postgres: Proxy) -> None:
    """In the middle of a COPY, a statement or an answer, one connection or several."""
    limit, times = int(10 ** remote.chance.uniform(2, 5)), remote.chance.choice([1, 3, None])
    down = remote.chance.random() < 0.3
    trouble = (
        Trouble(cut_down=min(limit, 2000), times=times) if down else Trouble(cut_up=min(limit, 20_000), times=times)
    )
    _strike(remote, to_postgres, trouble)


@pytest.mark.case("11")
def test_postgres_is_slow_and_then_silent(remote: WarmScene, to_postgres: Proxy) -> None:
    """Everything takes its time; then nothing comes any more until the connection is reset."""
    remote.tell(100)
    remote.order()
    remote.fault_now()
    to_postgres.make(Trouble(delay=0.03))
    with remote.loading() as running:
        enough = remote.chance.randint(2, 6)
        while not running.done() and to_postgres.befallen < enough:
            time.sleep(0.01)
        to_postgres.make(Trouble(swallow=True))
        with pytest.raises(TimeoutError):
            running.result(2.0)
        to_postgres.heal()
    remote.recover()
    remote.judge()


@pytest.mark.case("11")
def test_postgres_refuses_connections_for_a_while(remote: WarmScene, to_postgres: Proxy) -> None:
    """Attempts are bounded, and the next load goes through."""
    _strike(remote, to_postgres, Trouble(refuse=True, times=remote.chance.choice([1, 2, 40])))


@pytest.fixture(scope="module")
def kafka() -> Iterator[tuple[OwnKafka, Proxy]]:
    """A Kafka that is reached through a proxy alone, as its own answers say."""
    home = Path(tempfile.mkdtemp(prefix="trendscript-faults-"))
    with pytest.MonkeyPatch.context() as patch:
        server = OwnKafka(home, patch)
        with Proxy(server.port) as proxy:
            server.start_behind(proxy.port)
            yield server, proxy
            server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def far(scene: WarmScene, kafka: tuple[OwnKafka, Proxy]) -> Iterator[WarmScene]:
    """The scene with its topic in that Kafka."""
    address = f"127.0.0.1:{kafka[1].port}"
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        admin.create_topics([NewTopic(scene.topic, scene.partitions, 1)])
    with closing(KafkaProducer(bootstrap_servers=address, acks="all")) as producer:
        job = replace(scene.job, bootstrap_servers=address)
        yield replace(scene, bootstrap_servers=address, producer=producer, job=job)


@pytest.mark.case("11")
def test_a_connection_to_kafka_is_cut_after_some_bytes(far: WarmScene, kafka: tuple[OwnKafka, Proxy]) -> None:
    """In the middle of metadata or of messages: what was read of a range counts only if it was read whole."""
    limit = int(10 ** far.chance.uniform(2.5, 4.5))
    _strike(far, kafka[1], Trouble(cut_down=limit, times=far.chance.choice([2, 6])))


@pytest.mark.case("11")
def test_kafka_is_slow(far: WarmScene, kafka: tuple[OwnKafka, Proxy]) -> None:
    """Each piece is late; the load takes longer, that is all."""
    _strike(far, kafka[1], Trouble(delay=far.chance.uniform(0.02, 0.2)))


@pytest.mark.case("11")
def test_kafka_refuses_connections_for_a_while(far: WarmScene, kafka: tuple[OwnKafka, Proxy]) -> None:
    """Clients try again, and a load that gives up leaves all for the next."""
    _strike(far, kafka[1], Trouble(refuse=True, times=far.chance.choice([1, 3, 8])))
