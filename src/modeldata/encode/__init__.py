"""Files of data, written and read: one port, one class per format. What each format is like is in `format.files`.

A new format: its facts in `format/files.py`, its name among the keywords in `keywords.py`, and a module here that is called as
it is, with its one object `FORMAT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from modeldata.format.files import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import Any, BinaryIO, TypeAlias

    import numpy as np
    import pyarrow as pa

    from modeldata.columns import Column
    from modeldata.encode.lines import RowCounter

    Bounds: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
    Cells: TypeAlias = pa.Array | pa.ChunkedArray
    Source: TypeAlias = memoryview | BinaryIO
    """Rows of a file that grows, without a header; else a whole file."""

ALL_ROWS = 1 << 62
NO_TYPES: Mapping[str, str] = MappingProxyType({})


class Encoded(NamedTuple):
    """Rows as bytes, without a header.

    replaced: cells in which lone surrogates became U+FFFD, because UTF-8 can't hold them. kinds: by column, what a reader needs
    besides the declared type to give back the values that went in (see `modeldata.encode.kinds`). types: by column, the type in
    the file, where the format has types and later files must know it.
    """

    data: bytes
    replaced: int
    kinds: dict[str, object]
    types: Mapping[str, str] = NO_TYPES


class WrongRows(Exception):
    """A file has other rows than its manifest says."""


class Part(Protocol):
    """Some rows of what was opened, one after the other: `rows` of them, from row `first` on."""

    first: int
    rows: int
    typed: bool
    """Do columns have types in the file itself?"""

    def columns(self, kinds: Mapping[str, pa.DataType]) -> Mapping[str, Cells]:
        """The columns in `kinds`, as Arrow's own parser reads them: of that type, of text, or of the type in the file.

        A column that is not in the file may be left out. Raises `WrongRows`; ArrowException where only `cells` can read them.
        """

    def cells(self, wanted: Sequence[str]) -> Mapping[str, list[object]]:
        """Value by value, as `restore` takes them; `ABSENT` where a row has none. Raises `WrongRows`."""

    def types(self) -> Mapping[str, pa.DataType]:
        """The types in the file. Only for formats that are typed."""

    def empty(self) -> Collection[str]:
        """Columns of which the file itself says that they have no value."""


class RowWriter(Protocol):
    """Takes record batches of one schema; `close` writes what must stand at the end."""

    def write(self, batch: pa.RecordBatch) -> None: ...
    def close(self) -> None: ...


class FileFormat(Protocol):
    """One format, in both directions."""

    suffix: str
    """Its name in `FORMATS`, and how its files end."""
    own_columns: tuple[str, ...]
    """Which of the archive's own columns its files have."""
    portions: tuple[int, int]
    """Bytes of frames that are best encoded at once: of typed columns, and of values that come one by one, which take many
    times their bytes in memory."""

    def header(self, columns: Sequence[str], *, excel_safe: bool = False) -> bytes:
        """What a file begins with, before any rows."""

    def encode(
        self, columns: Sequence[Column], *, excel_safe: bool, metadata: Mapping[str, str], types: Mapping[str, str] = NO_TYPES
    ) -> Encoded:
        """The rows of `columns`, all of one length. metadata: for formats with room for it in their files.

        types: what `Encoded.types` said of columns in files before; of use to formats with types in their files.
        """

    def split(self, data: bytes, rows: int, at: int) -> tuple[bytes, bytes]:
        """The first `at` of `rows` rows, and the others, as `encode` would give them."""

    def bounds(self, data: bytes) -> Bounds | None:
        """Where each row ends; None where rows are not one after the other."""

    def counter(self) -> RowCounter | None:
        """What counts the rows of bytes that come piece by piece; None as for `bounds`."""

    def parts(
        self,
        source: Source,
        columns: Sequence[str],
        rows: int,
        *,
        may_hold: Callable[[int, int], bool] | None = None,
        most: int = ALL_ROWS,
    ) -> Iterator[Part]:
        """All rows of `source`, about `most` at once. Raises `WrongRows` where there are not `rows` of them.

        columns: the features in a file. may_hold: are rows between two times (in nanoseconds) wanted? Others may be left out.
        """

    def writer(self, sink: BinaryIO, schema: pa.Schema) -> RowWriter:
        """One file of rows of any number, in bounded memory: for those who want a file, not an archive."""

    def odd_line(self, data: bytes, columns: int) -> int | None:
        """The first line, from 1, that is no row of so many columns; None where that is not known."""


def format_of(name: str) -> FileFormat:
    """A format by its name in `FORMATS`, which is also the ending of its files. Raises KeyError for any other.

    Its module is loaded when it is asked for: a service never asks.
    """
    if name not in FORMATS:
        raise KeyError(name)
    form: FileFormat = import_module(f"{__name__}.{name}").FORMAT
    return form
