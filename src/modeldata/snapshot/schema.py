"""Schemas: what frames of one shape share, worked out once and found again by a cheap key.

A *schema* names the columns and how the bytes lie; `definition` is its packed form, which the spool writes once per segment:

    {"identity": {...}, "layout": str, "columns": [str], "types": [str], "extra": {...}, "archive_layout": {...}}

`archive_layout` (format, hour_folders, excel_safe) is what the service wants its files to be. A definition may be without it, as
in earlier versions: then the settings of the process that ships decide. `layout`, `types`: see
`format.wire` and `format.declared`.
"""

from __future__ import annotations

import msgpack

from modeldata.format import names, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from typing import Any

    from modeldata.snapshot.arrays import BlockSchema
    from modeldata.snapshot.buffers import Buffers
    from modeldata.snapshot.pandas_blocks import CopyPlan
    from modeldata.snapshot.pandas_frames import FrameSchema

    Pack = Callable[[object], bytes]
    """Packs plain values; see `packing.new_packer`."""
    Captured = tuple["Schema", int, bytes | Buffers]
    """The schema, how many rows, and their bytes: a private copy."""
    Capture = Callable[[Any, "SchemaCache", Pack], Captured]
    """Captures an object of the class that it is registered for: no static type can say that."""
    RowReader = Callable[[Any], Any]
    """Makes a dict, a list or an array of an object that is one row of a list."""
    Input = tuple[Capture, RowReader | None]

RESERVED = frozenset((*names.OWN_COLUMNS, names.JSON))
"""Columns that the archive adds: a feature of such a name gets a suffix."""
MAX_SCHEMAS = 1024
MAX_NAMES = 262_144
"""Schemas are forgotten beyond these: a caller that brings a new shape with each call must not fill the memory."""

ANY = "any"

MAX_DEPTH = 511
"""Levels of lists, dicts and axes of arrays in a frame, its own included.
Decoders, encoders and readers must take as much."""
MAX_ITEMS = 1 << 20
"""Items of a container that brings its own code: it may have no end."""
MAX_CELLS = 1 << 24
"""Values in the nested containers of one call: a few lists that hold each other's copies make any number."""


class RefusedData(Exception):  # reads as what happened to the data
    """Data that is not collected. `reason` is one of unsupported_type, unserializable, invalid_data, too_large."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def refusal(error: Exception, data: object) -> RefusedData:
    """What a capture raises in place of whatever the data's own code, or the packer, raised."""
    if isinstance(error, RefusedData):
        return error
    kind = type(data).__name__
    return RefusedData("unserializable", f"{kind} can't be stored: {type(error).__name__}: {_said(error)}")


def _said(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # an exception of the data's own: its text may raise
        return "(no message)"


class Schema:
    """Columns and layout of frames of one shape. Compared by identity: the spool numbers schemas within a segment."""

    __slots__ = ("columns", "definition", "stream")

    def __init__(self, stream: str, columns: tuple[str, ...], definition: bytes) -> None:
        self.stream = stream
        self.columns = columns
        self.definition = definition


NOTHING = (Schema("", (), b""), 0, b"")
"""What a capture answers for data without rows or without columns."""


class SchemaCache:
    """The schemas of one collector. Safe to share between threads: the worst that happens is that a schema is made twice."""

    __slots__ = (
        "_more", "_names", "_schemas", "blocks", "copy_plans", "dicts", "feature_names", "frames", "identity", "key_order",
        "others", "rows", "stream",
    )  # fmt: skip

    def __init__(
        self,
        identity: Mapping[str, str],
        feature_names: tuple[str, ...] | None,
        archive_layout: Mapping[str, object] | None = None,
    ) -> None:
        self.identity = dict(identity)
        self._more = {} if archive_layout is None else {"archive_layout": dict(archive_layout)}
        self.stream = names.stream(identity)
        self.feature_names = feature_names or ()
        self.rows: dict[tuple[int, bool], Schema] = {}
        self.dicts: dict[tuple[str, ...], tuple[Schema, tuple[str, ...] | None]] = {}
        self.key_order: dict[frozenset[str], tuple[str, ...]] = {}
        self.blocks: dict[tuple[object, tuple[int, ...]], BlockSchema] = {}
        self.frames: dict[tuple[tuple[str, ...], tuple[object, ...]], FrameSchema] = {}
        self.copy_plans: list[CopyPlan] = []
        """For data frames, the latest first."""
        self.others: dict[Hashable, Schema] = {}
        self._schemas = 0
        self._names = 0

    def cached(self, key: Hashable, make: Callable[[], Schema]) -> Schema:
        """The schema of this key, made once. Each kind of input puts its own word first into the key."""
        schema = self.others.get(key)
        if schema is None:
            schema = self.others[key] = make()
        return schema

    def new(self, columns: tuple[str, ...], layout: str, types: Sequence[str] | None, extra: Mapping[str, object]) -> Schema:
        """A new schema. `columns` are final names (see `unique`, `positional`); `types` None: the source declares none."""
        return Schema(self.stream, columns, self.define(columns, layout, types, extra))

    def define(self, columns: tuple[str, ...], layout: str, types: Sequence[str] | None, extra: Mapping[str, object]) -> bytes:
        self._make_room(len(columns))
        content = {
            "identity": self.identity,
            "layout": layout,
            "columns": columns,
            "types": [ANY] * len(columns) if types is None else list(types),
            "extra": extra,
            **self._more,
        }
        definition: bytes = msgpack.packb(content, unicode_errors="surrogatepass")
        return definition

    def _make_room(self, columns: int) -> None:
        self._schemas += 1
        self._names += columns
        if self._schemas > MAX_SCHEMAS or self._names > MAX_NAMES:
            self._schemas, self._names = 1, columns
            self._forget()

    def _forget(self) -> None:
        self.rows.clear()
        self.dicts.clear()
        self.key_order.clear()
        self.blocks.clear()
        self.frames.clear()
        self.copy_plans = []
        self.others.clear()

    def positional(self, count: int) -> tuple[str, ...]:
        """Names for `count` values that bring none: feature names first, then positions."""
        known = self.feature_names[:count]
        return unique([*known, *map(str, range(len(known), count))])

    def row_schema(self, count: int, single: bool) -> Schema:
        """The schema for plain rows of `count` values, named by `feature_names` or position."""
        schema = self.rows.get((count, single))
        if schema is None:
            schema = self.new(self.positional(count), wire.ROWS, None, {"single": single})
            self.rows[count, single] = schema
        return schema

    def keys_in_first_order(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """The order in which these keys were first seen: the header must not depend on how a dict was built."""
        return self.key_order.setdefault(frozenset(keys), keys)


def label(name: object) -> str:
    """A column's name as text."""
    return name if type(name) is str else str.__str__(str(name))


def unique(labels: Iterable[str]) -> tuple[str, ...]:
    """Column names as they are stored: each once, none of ours, no lone surrogates.

    A name that comes again, or that is one of our own columns, gets ".1", ".2" (as in pandas), the first that nobody has.
    """
    wanted = list(map(_encodable, labels))
    given = frozenset(wanted)
    if len(given) == len(wanted) and RESERVED.isdisjoint(given):
        return tuple(wanted)
    used: set[str] = set(RESERVED)
    counts: dict[str, int] = {}
    free_names = []
    for name in wanted:
        free = name
        while free in used or (free is not name and free in given):
            counts[name] = counts.get(name, 0) + 1
            free = f"{name}.{counts[name]}"
        used.add(free)
        free_names.append(free)
    return tuple(free_names)


def _encodable(name: str) -> str:
    if name.isascii():
        return name
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
