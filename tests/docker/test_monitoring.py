"""Prometheus's and Grafana's files, held against what the loader and the transcriber really serve."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from spark_jobs import metrics
from spark_jobs.follow_status import FollowStatus
from spark_jobs.metrics_ledger import LedgerState
from spark_jobs.metrics_sums import Sums
from transcriber.service.metrics import StatusCollector
from transcriber.service.status import Status
from trendscript.errors import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spark_jobs.job import Job

_DOCKER = Path(__file__).parents[2] / "docker"
_SERVICES = yaml.safe_load((_DOCKER.parent / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def _read(path: str) -> Any:
    return yaml.safe_load((_DOCKER / path).read_text(encoding="utf-8"))


def _board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_DOCKER / "grafana/dashboards/trendscript.json").read_text(encoding="utf-8"))
    return found


def _expressions() -> Iterator[str]:
    for panel in _board()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in _read("prometheus/alerts.yml")["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def _fail(**_: bool) -> Job:
    raise ServerUnreachable("Nobody is asked here.")


def _served() -> set[str]:
    """The names of all samples that can be served, by their kinds."""
    families = [
        *metrics.to_counters(Sums()),
        *metrics.to_gauges(LedgerState({}, {}, {}, frozenset())),
        metrics.to_lag_gauge({}),
        *metrics.FollowCollector(metrics.LoadCollector(_fail, []), FollowStatus([])).collect(),
        *StatusCollector(Status()).collect(),
    ]
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    return {f"{family.name}{ending}" for family in families for ending in endings[family.type]}


def test_every_metric_that_is_asked_for_is_served() -> None:
    """No panel and no alert names a metric that nobody gives; and each that is given has a panel."""
    asked = {name for text in _expressions() for name in re.findall(r"trendscript_[a-z_]+", text)}
    served = _served()
    assert asked <= served
    assert len(served) > 15
    assert {name for name in served if not name.endswith(("_sum", "_count"))} <= asked


def test_every_panel_asks_the_datasource_that_is_provisioned() -> None:
    """By its id; and panels lie side by side, none over another."""
    (source,) = _read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    places: set[tuple[int, int]] = set()
    for panel in _board()["panels"]:
        assert {panel["datasource"]["uid"], *(one["datasource"]["uid"] for one in panel["targets"])} == {source["uid"]}
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= cells


def test_addresses_are_those_of_the_services() -> None:
    """What Prometheus scrapes and Grafana asks are services, at the ports that these are started with."""
    for job in _read("prometheus/prometheus.yml")["scrape_configs"]:
        (target,) = job["static_configs"][0]["targets"]
        name, port = target.split(":")
        assert port in _SERVICES[name]["command"]
        assert job["job_name"] == name
    (source,) = _read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert _SERVICES["prometheus"]["ports"][0].endswith(":9090")


def test_the_dashboard_lies_where_grafana_looks() -> None:
    """The provider's folder is the one that is mounted."""
    (provider,) = _read("grafana/provisioning/dashboards/trendscript.yml")["providers"]
    mounted = [volume.split(":")[:2] for volume in _SERVICES["grafana"]["volumes"]]
    assert ["./docker/grafana/dashboards", provider["options"]["path"]] in mounted
    assert ["./docker/grafana/provisioning", "/etc/grafana/provisioning"] in mounted
