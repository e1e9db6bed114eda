"""The way of the data through the containers, from a file of charts to a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from tests.containers.conftest import ENTRIES
from trendscript.contracts import load_contracts

if TYPE_CHECKING:
    from tests.containers.conftest import Charts
    from tests.containers.project import Project


def test_charts_reach_the_warehouse(project: Project, charts: Charts) -> None:
    """Published by a one-shot, loaded by the service on the cluster, read by an analyst at the published port."""
    assert project.query(ENTRIES) == charts.expected()


def test_what_is_said_is_found(project: Project, charts: Charts, spoken: str) -> None:
    """Asked for by a one-shot, listened to by the transcriber, loaded, and found with its second."""
    assert charts
    found = orjson.loads(project.run("ask", "search", "before the clock runs out", "--json"))
    assert [hit["video_id"] for hit in found["hits"]] == [spoken]


def test_a_load_by_hand_runs_beside_the_loader(project: Project, charts: Charts) -> None:
    """The cluster has room for a second driver; ledger, lake and tables agree, and nothing is left to load."""
    assert charts
    assert len(orjson.loads(project.run("trendscript", "load", "--json"))["topics"]) == len(load_contracts())
    assert orjson.loads(project.run("trendscript", "reconcile", "--json"))["differences"] == []


def test_the_loads_ran_on_the_cluster(project: Project, charts: Charts) -> None:
    """The worker's executors wrote the lake: its log names the applications that it ran work for."""
    assert charts
    assert "Asked to launch executor" in project.compose("logs", "--no-color", "spark-worker")


def test_an_analyst_can_change_nothing(project: Project, charts: Charts) -> None:
    """The role of pgAdmin and of the published port reads, and that is all."""
    assert charts
    ((rights,),) = project.query(
        "select bool_or(has_table_privilege(c.oid, 'insert, update, delete, truncate')) "
        "from pg_class as c where c.relnamespace::regnamespace::text in ('processed', 'trusted', 'pipeline')"
    )
    assert rights is False
