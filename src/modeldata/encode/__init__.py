"""Columns → bytes of a file: one port, one module per format."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from modeldata.format import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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
    portions: tuple[int, int]
    """Bytes of frames that are best encoded at once: of typed columns, and of values that come one by one, which take many
    times their bytes in memory."""

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
    portions = (4 << 20, 1 << 20)
    own_columns: tuple[str, ...] = (names.TIMESTAMP, names.CORRELATION, names.REQUEST)

    def header(self, columns: Sequence[str]) -> bytes:
        from modeldata.encode.csv import header_line

        return header_line(columns)

    def encode(self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str]) -> Encoded:
        from modeldata.encode.csv import column_kinds, encode

        made = encode(columns, header=False, excel_safe=excel_safe)
        return Encoded(made.data, made.replaced, _of_features(column_kinds(columns)))

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        return _cut(data, self.bounds(data), at)

    def bounds(self, data: bytes) -> Bounds:
        from modeldata.encode.split import csv_bounds

        return csv_bounds(data)


class _Jsonl:
    suffix = "jsonl"
    portions = (4 << 20, 1 << 20)
    own_columns: tuple[str, ...] = names.OWN_COLUMNS

    def header(self, columns: Sequence[str]) -> bytes:
        return b""

    def encode(self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str]) -> Encoded:
        from modeldata.encode.jsonl import encode

        made = encode(columns)
        return Encoded(made.data, made.replaced, _of_features(made.kinds))

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        return _cut(data, self.bounds(data), at)

    def bounds(self, data: bytes) -> Bounds:
        from modeldata.encode.split import line_bounds

        return line_bounds(data)


class _Parquet:
    suffix = "parquet"
    portions = (32 << 20, 4 << 20)
    own_columns: tuple[str, ...] = names.OWN_COLUMNS

    def header(self, columns: Sequence[str]) -> bytes:
        return b""

    def encode(self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str]) -> Encoded:
        from modeldata.encode.parquet import encode

        made = encode(columns, metadata)
        return Encoded(made.data, made.replaced, _of_features(made.kinds))

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        from modeldata.encode.parquet import split

        return split(data, at)

    def bounds(self, data: bytes) -> None:
        return None


def _of_features(kinds: dict[str, object]) -> dict[str, object]:
    """Our own columns are of types that everybody knows."""
    return {name: kind for name, kind in kinds.items() if name not in names.OWN_COLUMNS}


def _cut(data: bytes, bounds: Bounds, at: int) -> tuple[bytes, bytes]:
    place = int(bounds[at - 1]) if at else 0
    return data[:place], data[place:]


def encoder(file_format: str) -> Encoder:
    """The encoder of a format: csv, jsonl or parquet. Raises KeyError for any other."""
    return _ENCODERS[file_format]()


_ENCODERS: dict[str, Callable[[], Encoder]] = {"csv": _Csv, "jsonl": _Jsonl, "parquet": _Parquet}
