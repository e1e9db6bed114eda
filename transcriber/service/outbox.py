"""The outbox: messages of an answer go in, and it returns when the brokers have confirmed each of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from trendscript.errors import ServerUnreachable
from trendscript.kafka import BrokerRefused, Publisher

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trendscript.kafka import Message


class Outbox:
    """Publishes, with a producer that is opened when there is something to publish, and anew after it failed.

    That is, lost its broker or was refused: the file that says who enters may be another by then.

    For one thread.
    """

    def __init__(self, *, bootstrap_servers: str, client_properties: Path | None) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_properties = client_properties
        self._open = ExitStack()
        self._publisher: Publisher | None = None

    def publish(self, messages: Sequence[Message]) -> None:
        """Send messages in order and wait until all are confirmed. Raises what `Publisher` raises."""
        if not messages:
            return
        try:
            if self._publisher is None:
                self._publisher = self._open.enter_context(
                    Publisher(bootstrap_servers=self._bootstrap_servers, client_properties=self._client_properties)
                )
            for message in messages:
                self._publisher.send(message)
            self._publisher.flush()
        except (ServerUnreachable, BrokerRefused) as error:
            self._publisher = None
            self._open.__exit__(type(error), error, error.__traceback__)
            raise

    def close(self) -> None:
        """Close the producer; all it was given is confirmed already."""
        self._publisher = None
        self._open.close()
