"""A copy that is collected later: whether a call succeeds is known only after its inputs were read."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from modeldata.snapshot.schema import Captured, Pack, Schema, SchemaCache


class Held:
    """What a capture gave, or why it gave nothing. To be collected by the collector that made it."""

    __slots__ = ("_captured", "_error", "shape")

    def __init__(self, captured: Captured | None, rows: int = 0, error: Exception | None = None) -> None:
        self._captured = captured
        self._error = error
        self.shape = (rows, 0)
        """Rows that are counted where they are refused."""

    def captured(self) -> Captured:
        if self._captured is None:
            raise self._error or ValueError("nothing was captured")
        return self._captured


def held(schema: Schema, rows: int, data: object) -> Held:
    """data: bytes or buffers, of which a copy is kept."""
    return Held((schema, rows, bytes(data)), rows)  # type: ignore[call-overload] # buffers give their bytes


def capture_held(data: Held, schemas: SchemaCache, pack: Pack) -> Captured:
    return data.captured()
