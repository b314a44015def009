"""Columns → bytes of a file: one port, one module per format."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from modeldata import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np

    from modeldata.columns import Column

    Bounds = np.ndarray[Any, np.dtype[np.int64]]


class Encoded(NamedTuple):
    """Rows as bytes, without a header.

    replaced: cells in which lone surrogates became U+FFFD. kinds: by column, what a reader needs besides the declared type to
    give back the values that went in (see `modeldata.encode.kinds`).
    """

    data: bytes
    replaced: int
    kinds: dict[str, object]


class Encoder(Protocol):
    """One format."""

    suffix: str
    own_columns: tuple[str, ...]

    def header(self, columns: Sequence[str]) -> bytes:
        """What a file begins with, before any rows."""

    def encode(self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str]) -> Encoded:
        """The rows of `columns`, all of one length. metadata: for formats whose files have room for it."""

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        """The first `at` of `rows` rows, and the others, as `encode` would give them."""

    def bounds(self, data: bytes) -> Bounds | None:
        """Where each row ends; None where rows are not one after the other."""


class _Csv:
    suffix = "csv"
    own_columns: tuple[str, ...] = (names.TIMESTAMP, names.CORRELATION, names.REQUEST)

    def header(self, columns: Sequence[str]) -> bytes:
        from modeldata.encode.csv import header_line

        return header_line(columns)

    def encode(self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str]) -> Encoded:
        from modeldata.encode.csv import encode

        made = encode(columns, header=False, excel_safe=excel_safe)
        return Encoded(made.data, made.replaced, {})

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        bounds = self.bounds(data)
        cut = int(bounds[at - 1])
        return data[:cut], data[cut:]

    def bounds(self, data: bytes) -> Bounds:
        import numpy as np

        found = np.frombuffer(data, np.uint8)
        outside = np.cumsum(found == ord('"')) % 2 == 0
        return np.flatnonzero((found == ord("\n")) & outside) + 1


def encoder(file_format: str) -> Encoder:
    """The encoder of a format: csv, jsonl or parquet."""
    return {"csv": _Csv}[file_format]()
