"""What a producer hands over: one Kafka message as bytes."""

from __future__ import annotations

from typing import NamedTuple

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""The largest message the contracts allow, key, value and headers together."""


class Message(NamedTuple):
    """One message as it goes to a topic. A value of None is a tombstone and needs a key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    def size(self) -> int:
        """Bytes of key, value and headers, as the limit counts them."""
        size = len(self.key or b"") + len(self.value or b"")
        for name, content in self.headers:
            size += len(name.encode()) + len(content)
        return size
