"""The formats of data files: what may be asked of one before it is loaded. How rows are written and read is in `encode/`."""

from __future__ import annotations

MIB = 1 << 20


class FormatFacts:
    """One format. Its name in `FORMATS` is also how its files end."""

    __slots__ = ("batch_bytes", "batch_seconds", "grows")

    def __init__(self, *, grows: bool, batch_bytes: int | None = None, batch_seconds: float | None = None) -> None:
        self.grows = grows
        """Can rows be added at the end of a file? Else each batch is a file."""
        self.batch_bytes = batch_bytes
        """Bytes of spooled rows that make a good file; None: as for any other format."""
        self.batch_seconds = batch_seconds


FORMATS = {
    "csv": FormatFacts(grows=True),
    "jsonl": FormatFacts(grows=True),
    "parquet": FormatFacts(grows=False, batch_bytes=64 * MIB, batch_seconds=60.0),
}
