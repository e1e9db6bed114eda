"""Metrics of the service: its status goes in, what Prometheus takes comes out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from transcriber.service.status import Status

_PREFIX = "trendscript_transcriber"


class StatusCollector(Collector):
    """Gives the status as Prometheus takes it, as it is when it is asked."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Every metric of the service."""
        status = self._status
        tally = status.tally
        videos = CounterMetricFamily(
            f"{_PREFIX}_requests", "Requests by what became of them.", labels=["outcome", "reason"]
        )
        for (outcome, reason), count in status.outcomes().items():
            videos.add_metric([outcome, reason], count)
        yield videos
        pauses = CounterMetricFamily(f"{_PREFIX}_pauses", "Pauses for faults that are no video's.", labels=["fault"])
        for fault, count in status.pauses().items():
            pauses.add_metric([fault], count)
        yield pauses
        waiting = GaugeMetricFamily(f"{_PREFIX}_waiting_messages", "Requests not committed yet.", labels=["partition"])
        for partition, count in status.waiting().items():
            waiting.add_metric([str(partition)], count)
        yield waiting
        yield CounterMetricFamily(f"{_PREFIX}_audio_seconds", "Audio transcribed.", value=tally.audio_seconds)
        yield CounterMetricFamily(f"{_PREFIX}_processing_seconds", "Time that took.", value=tally.seconds)
        yield from _gauges(status)


def _gauges(status: Status) -> Iterator[Metric]:
    now = time.monotonic()
    yield GaugeMetricFamily(
        f"{_PREFIX}_real_time_factor",
        "Seconds of audio a second of work, of the last video; 0 before the first.",
        value=status.last_speed or 0.0,
    )
    yield GaugeMetricFamily(
        f"{_PREFIX}_seconds_since_progress",
        "Since a piece was done or a request answered.",
        value=now - status.last_progress,
    )
    yield GaugeMetricFamily(f"{_PREFIX}_healthy", "1 while requests are served.", value=float(status.health()[0]))
