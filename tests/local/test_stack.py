"""The stack of this module goes through what a machine can do to it, in the order of the tests."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from trendscript.cli.stack import to_json
from trendscript.local import stack
from trendscript.local.processes import DiskFull

COMMAND = [sys.executable, "-c", "from trendscript.cli.main import main; main()"]


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with its own home."""
    environ = {**os.environ, "TRENDSCRIPT_HOME": str(home)}
    return subprocess.run([*COMMAND, *arguments], env=environ, check=False, capture_output=True, text=True)


def describe(home: Path) -> dict[str, Any]:
    """Describe the stack in the words of `status --json`."""
    return to_json(stack.status(home))


def query(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement by itself."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def read_topic(bootstrap_servers: str, topic: str) -> list[bytes]:
    """Read one message of a topic, waiting for it up to ten seconds."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    try:
        return [next(iter(consumer)).value]
    finally:
        consumer.close()


def kept(found: dict[str, Any]) -> tuple[list[tuple[Any, ...]], list[bytes]]:
    """Read back what the first test wrote."""
    rows = query(found["postgres"]["dsn"], "select * from written")
    return rows, read_topic(found["kafka"]["bootstrap_servers"], "written")


def test_status_of_a_folder_without_a_stack(tmp_path: Path) -> None:
    """Where nothing was ever started, status says so, exits 69, and makes nothing."""
    answer = run(tmp_path / "nothing", "status", "--json")
    found = json.loads(answer.stdout)
    assert answer.returncode == 69
    assert (found["kafka"]["bootstrap_servers"], found["postgres"]["dsn"]) == (None, None)
    assert not (tmp_path / "nothing").exists()


def test_down_of_a_folder_without_a_stack_is_harmless(tmp_path: Path) -> None:
    """There is nothing to stop, and that is no failure."""
    assert run(tmp_path / "nothing", "down").returncode == 0


def test_two_at_once_start_one_stack(home: Path) -> None:
    """Two `up` at the same moment both succeed, and give the addresses of the same servers."""
    environ = {**os.environ, "TRENDSCRIPT_HOME": str(home)}
    ups = [
        subprocess.Popen([*COMMAND, "up", "--json"], env=environ, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    answers = [json.loads(started.communicate()[0]) for started in ups]
    assert [started.returncode for started in ups] == [0, 0]
    assert answers[0] == answers[1] == describe(home)
    assert answers[0]["kafka"]["running"]
    assert answers[0]["postgres"]["running"]


def test_up_twice_is_harmless(home: Path) -> None:
    """A second `up` leaves the running processes alone."""
    before = describe(home)
    assert run(home, "up").returncode == 0
    assert describe(home) == before


def test_versions_and_settings(home: Path) -> None:
    """The servers are those the project promises, set so that nothing is made or truncated unasked."""
    found = describe(home)
    dsn = found["postgres"]["dsn"]
    assert query(dsn, "show server_version") == [("18.6",)]
    assert query(dsn, "show server_encoding") == [("UTF8",)]
    assert query(dsn, "show fsync") == [("on",)]
    admin = KafkaAdminClient(bootstrap_servers=found["kafka"]["bootstrap_servers"])
    try:
        assert admin.list_topics() == []
        with pytest.raises(StopIteration):
            read_topic_quickly(found["kafka"]["bootstrap_servers"], "nobody_made_this")
        assert admin.list_topics() == []
    finally:
        admin.close()


def read_topic_quickly(bootstrap_servers: str, topic: str) -> bytes:
    """Ask for a topic; StopIteration when it has nothing within a second."""
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap_servers, consumer_timeout_ms=1_000)
    try:
        value: bytes = next(iter(consumer)).value
        return value
    finally:
        consumer.close()


def test_only_the_superuser_needs_the_password(home: Path) -> None:
    """The superuser could run programs as the owner, so other accounts of the machine mustn't be let in as it."""
    dsn = describe(home)["postgres"]["dsn"]
    login, _, place = dsn.removeprefix("postgresql://").partition("@")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(f"postgresql://postgres:wrong@{place}")
    query(dsn, "create role somebody login")
    assert query(f"postgresql://somebody@{place}", "select current_user") == [("somebody",)]
    assert login.startswith("postgres:")
    assert (home / "postgres.password").stat().st_mode & 0o077 == 0


def test_a_message_of_ten_megabytes_fits(home: Path) -> None:
    """The broker takes more than any contract allows, so a contract's own limit is what decides."""
    found = describe(home)
    servers = found["kafka"]["bootstrap_servers"]
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic("large", 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=servers, max_request_size=12_000_000)
    assert producer.send("large", b"x" * 10 * 1024 * 1024).get(30).offset == 0
    producer.close()


def test_data_survive_a_kill_of_everything(home: Path) -> None:
    """After SIGKILL of all processes, and with their pid given to another one, rows and messages are still there."""
    before = describe(home)
    query(before["postgres"]["dsn"], "create table written as select 'kept' as what")
    servers = before["kafka"]["bootstrap_servers"]
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics([NewTopic("written", 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=servers)
    producer.send("written", b"kept").get(10)
    producer.close()

    for server in (before["kafka"], before["postgres"]):
        os.kill(server["pid"], signal.SIGKILL)
    wait_until_gone(before["kafka"]["pid"], before["postgres"]["pid"])
    assert run(home, "status").returncode == 69
    give_pid_to_another(home / "postgres" / "data" / "postmaster.pid", os.getpid())

    answer = run(home, "up")
    after = describe(home)
    assert answer.returncode == 0, answer.stderr
    assert "wasn't stopped properly" in answer.stderr
    assert kept(after) == ([("kept",)], [b"kept"])
    assert after["postgres"]["dsn"] == before["postgres"]["dsn"]
    assert after["kafka"]["bootstrap_servers"] == servers


def give_pid_to_another(pid_file: Path, pid: int) -> None:
    """Let the pid file of a killed server name a process that lives: the system gives out numbers again."""
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(pid), *lines[1:], ""]))


def wait_until_gone(*pids: int) -> None:
    """Wait until killed processes are gone, whoever has to be told of their end."""
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_down_stops_both_and_keeps_logs_and_addresses(home: Path) -> None:
    """After `down` no process is left; the logs and the ports are."""
    before = describe(home)
    assert run(home, "down").returncode == 0
    after = describe(home)
    wait_until_gone(before["kafka"]["pid"], before["postgres"]["pid"])
    assert (after["kafka"]["running"], after["postgres"]["running"]) == (False, False)
    assert after["kafka"]["bootstrap_servers"] == before["kafka"]["bootstrap_servers"]
    for server in ("kafka", "postgres"):
        assert Path(before[server]["log"]).stat().st_size > 0


def test_ports_taken_by_others_are_named_and_replaced(home: Path) -> None:
    """When other programs sit on the remembered ports, the servers move, say so, and still have their data."""
    before = describe(home)
    taken = [address_port(before["kafka"]["bootstrap_servers"]), postgres_port(before["postgres"]["dsn"])]
    squatters = [socket.create_server(("127.0.0.1", port)) for port in taken]
    try:
        answer = run(home, "up")
    finally:
        for squatter in squatters:
            squatter.close()
    after = describe(home)
    assert answer.returncode == 0, answer.stderr
    assert [f"Port {port}, which" in answer.stderr for port in taken] == [True, True]
    assert address_port(after["kafka"]["bootstrap_servers"]) not in taken
    assert postgres_port(after["postgres"]["dsn"]) not in taken
    assert kept(after) == ([("kept",)], [b"kept"])


def address_port(address: str) -> int:
    """Take the port from host:port."""
    return int(address.rpartition(":")[2])


def postgres_port(dsn: str) -> int:
    """Take the port from a DSN."""
    return address_port(dsn.rpartition("/")[0])


def test_down_leaves_a_process_alone_that_got_an_old_pid(tmp_path: Path) -> None:
    """A remembered pid that now belongs to another program isn't ours to stop."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        process = {"pid": other.pid, "started": psutil.Process(other.pid).create_time(), "marker": "trendscript"}
        (tmp_path / "kafka.json").write_text(json.dumps({"ports": [19092, 19093], "process": process}))
        try:
            assert not stack.status(tmp_path).kafka.running
            stack.down(tmp_path)
            assert other.poll() is None
        finally:
            other.kill()


def test_a_state_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A damaged file ends in a sentence that says which one and what to do, with the code for a person's help."""
    (tmp_path / "kafka.json").write_text("{")
    answer = run(tmp_path, "status")
    assert answer.returncode == 78
    assert str(tmp_path / "kafka.json") in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_home_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A file where the home should be ends in a sentence, not in a traceback."""
    (tmp_path / "home").write_text("")
    answer = run(tmp_path / "home", "up")
    assert answer.returncode == 78
    assert "TRENDSCRIPT_HOME" in answer.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """On a disk without room nothing is started, and the sentence says where room is needed."""
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(tmp_path)]
    mounted = subprocess.run(mount, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(os.strerror(errno.EPERM))
    try:
        with pytest.raises(DiskFull, match=f"{tmp_path}.* is full"):
            stack.up(tmp_path / "home")
        assert not stack.status(tmp_path / "home").running
    finally:
        subprocess.run(["/bin/umount", tmp_path], check=True)
