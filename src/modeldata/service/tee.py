"""The first bytes of a body that passes by: never all of it, and never held back."""

from __future__ import annotations


class Tee:
    """Counts all bytes, keeps those of a body that is not longer than `most`."""

    __slots__ = ("_kept", "_most", "size")

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: bytearray | None = bytearray() if most > 0 else None
        self.size = 0

    def add(self, data: bytes | bytearray | memoryview) -> None:
        self.size += len(data)
        if self._kept is None:
            return
        if self.size > self._most:
            self._kept = self._kept[: self._most // 2]
            self._most = 0
        if self._most:
            self._kept += data

    def drop(self) -> None:
        self._kept = None

    @property
    def cut(self) -> bool:
        """It was longer than what is kept."""
        return self._kept is None or self.size > len(self._kept)

    def content(self) -> bytes:
        """All of it, or where it was `cut` its beginning."""
        return bytes(self._kept or b"")
