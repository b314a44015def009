"""The data of a frame that is too large to be copied together."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Buffer: TypeAlias = bytes | memoryview

LARGE = 256 * 1024
"""Bytes from which on a frame goes to its file piece by piece: copying it first would cost more than writing it."""


class Buffers:
    """Bytes in several places, to be stored one behind the other. Their owner may change them until they are stored."""

    __slots__ = ("buffers", "size")

    def __init__(self, buffers: Sequence[Buffer]) -> None:
        self.buffers = [buffer if type(buffer) is bytes else memoryview(buffer).cast("B") for buffer in buffers]
        self.size = sum(map(len, self.buffers))

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        return b"".join(self.buffers)


def copy_if_small(buffers: Sequence[Buffer]) -> bytes | Buffers:
    """A private copy of small data; large data as it lies."""
    data = Buffers(buffers)
    return bytes(data) if data.size < LARGE else data
