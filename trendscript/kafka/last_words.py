"""kafka-python hears a broker out: what came before a connection ended is taken in before its end is.

A broker tells why it refuses a password and hangs up. Where both have arrived when the client looks, kafka-python
3.0.12 drops the answer, so that a wrong password looks like a server that is away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    Received = tuple[bytes, Exception | None]


def _hearing_out(receive: Callable[[Any], Received]) -> Callable[[Any], Received]:
    def receive_and_end_later(transport: Any) -> Received:
        received, error = receive(transport)
        return received, None if received else error  # looked at once more, the end is still there

    return receive_and_end_later


def hear_out() -> None:
    """Let all clients of this process do so."""
    for transport in (KafkaTCPTransport, KafkaSSLTransport):
        transport._sock_recv = _hearing_out(transport._sock_recv)  # noqa: SLF001  (the client has no public way)
