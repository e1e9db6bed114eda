"""Options of Spark's Kafka source: the addresses and a Java client.properties file go in, `kafka.` options come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trendscript.kafka.client_properties import java_properties

if TYPE_CHECKING:
    from pathlib import Path


def spark_kafka_options(bootstrap_servers: str, client_properties: Path | None) -> dict[str, str]:
    """How Spark's client enters: as kafka-python does, and nothing else of the file. Raises ClientPropertiesRefused."""
    return {f"kafka.{name}": value for name, value in java_properties(bootstrap_servers, client_properties).items()}
