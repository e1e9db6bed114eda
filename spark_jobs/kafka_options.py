"""Options of Spark's Kafka source: the addresses and a Java client.properties file go in, `kafka.` options come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendscript.kafka.client_properties import parse_properties

if TYPE_CHECKING:
    from pathlib import Path


def spark_kafka_options(bootstrap_servers: str, client_properties: Path | None) -> dict[str, str]:
    """The file's own properties, which Spark's client reads as they are, and the addresses, which win."""
    properties = parse_properties(client_properties.read_text(encoding="utf-8")) if client_properties else {}
    properties["bootstrap.servers"] = bootstrap_servers or properties.get("bootstrap.servers", "")
    return {f"kafka.{name}": value for name, value in properties.items()}
