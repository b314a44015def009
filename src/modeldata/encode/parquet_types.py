"""Columns in the types that pyarrow, pandas, DuckDB and Spark all read, and read alike.

    Arrow type                                   in the file
    bool, intN, uintN, float32, float64, text, bytes, date   the same (large and view types: the plain one)
    float16                                      float32
    decimal up to 38 digits                      decimal128; larger, or with a negative scale: text
    timestamp of any unit, with or without zone  timestamp[us]; with a zone, timestamp[us, UTC]; text, if a value has nanoseconds
    duration                                     int64: how many of its unit
    time                                         text
    null                                         the type that the column had so far; else float64 (declared null: text)
    list (of any layout), struct, map of these   list, struct, map; JSON text where something inside has no such form
    dictionary, run-end encoded                  their values
    anything else                                JSON text

What comes value by value takes the type of its values where they have one kind (`parquet_values`), else it is JSON text.

Types that were not declared but found (`FOUND`: in lists and dicts, and what pandas and numpy make of such) change with the
values of a batch. There whole numbers are float64, as fractions are, and a column keeps the type that it had so far (`fitted`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from modeldata.columns.listed import is_list, listed
from modeldata.encode.kinds import PLAIN, needed_kinds, of_declared, of_type
from modeldata.encode.lines import one_piece
from modeldata.encode.parquet_values import DECIMAL_SCALE, ParquetColumn, as_doubles, as_json_text, column_of
from modeldata.encode.text import column_text
from modeldata.format.names import OWN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.columns import Column
    from modeldata.encode.kinds import Kind

DIGITS = 38
"""Spark has no decimals with more; DuckDB reads them as doubles."""
_KNOWN = (
    pa.string(), pa.bool_(), pa.int64(), pa.float64(), pa.binary(), pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC"),
    pa.decimal128(DIGITS, 0), pa.decimal128(DIGITS, DECIMAL_SCALE),
)  # fmt: skip
KNOWN = {str(kind): kind for one in _KNOWN for kind in (one, pa.list_(one), pa.list_(pa.list_(one)))}
"""Types of columns that are remembered from file to file, by name."""
FOUND = ("any", "int64", "float64", "bool")
"""Declared types that say no more than which values there were."""
NATURAL = frozenset(
    ("int", "float", "float32", "float16", "bool", "str", "bytes", "decimal", "date", "datetime", "datetime64[us]", "null", PLAIN)
)
"""Kinds that the types of the file tell."""


def arrow_column(column: Column, known: pa.DataType | None = None) -> ParquetColumn:
    """A column as it goes into the file. known: the type that it had in files before, where that is known."""
    stored = _own_form(column)
    if column.name in OWN_COLUMNS or column.type not in FOUND:
        return _without_null(stored, pa.string())
    return fitted(column, stored, known)


def fitted(column: Column, stored: ParquetColumn, known: pa.DataType | None) -> ParquetColumn:
    """In the type that the column had so far where that holds it, so that files can be read together. Numbers stay numbers.
    What does not fit is JSON text, which holds everything, and which no reader takes for a value of another type."""
    values = stored.values
    if types.is_null(values.type):
        return _without_null(stored, known or pa.float64())
    if known is None or values.type == known:
        return stored
    if _is_number(known) and (_is_number(values.type) or types.is_boolean(values.type)):
        return _as_number(column, stored, known)
    return json_column(column)


def _is_number(kind: pa.DataType) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _as_number(column: Column, stored: ParquetColumn, kind: pa.DataType) -> ParquetColumn:
    """Whole numbers in any type of numbers, booleans in float64, others as they are."""
    said = stored.kinds or of_declared(column.type) or ("bool" if types.is_boolean(stored.values.type) else None)
    if said != "int" and not (said == "bool" and types.is_float64(kind)):
        return stored
    try:
        values = stored.values.cast(pa.int64()).cast(kind)
    except pa.ArrowInvalid:  # beyond what this type holds
        return stored
    return ParquetColumn(values, needed_kinds(said, column.type, _said_by(values)), stored.replaced)


def _without_null(stored: ParquetColumn, kind: pa.DataType) -> ParquetColumn:
    return stored._replace(values=stored.values.cast(kind)) if types.is_null(stored.values.type) else stored


def known_name(stored: ParquetColumn) -> str | None:
    """What is worth remembering of a column of a file; None where that has no value, or a type that few columns have."""
    name = str(stored.values.type)
    return name if name in KNOWN and stored.values.null_count < len(stored.values) else None


def _own_form(column: Column) -> ParquetColumn:
    """What its values and its declared type ask for, whatever was before."""
    values = one_piece(column.values)
    if isinstance(values, list):
        return _by_value(column, values, as_json=column.type == "json")
    kind = of_type(values.type)
    try:
        plain = _plain(_unpacked(values))
    except MemoryError:
        raise
    except Exception:  # what Arrow can't do for a type or a value: each value has a form of its own
        plain = None
    if kind is None or plain is None:
        return json_column(column) if kind else _by_value(column, listed(values))
    if column.type in FOUND and column.name not in OWN_COLUMNS:
        plain = as_doubles(plain)
    return ParquetColumn(plain, needed_kinds(_natural(kind), column.type, _said_by(plain)))


def json_column(column: Column) -> ParquetColumn:
    """A column as JSON text, the form for what a file has no type for."""
    values = one_piece(column.values)
    if isinstance(values, list):
        return _by_value(column, values, as_json=True)
    kind = of_type(values.type)
    return _by_value(column, listed(values), None if kind is None else {"json": kind}, as_json=True)


def _by_value(column: Column, values: list[object], kind: Kind | None = None, *, as_json: bool = False) -> ParquetColumn:
    """kind: of the cells as JSON text, where that is known."""
    stored = as_json_text(values) if as_json else column_of(values)
    return stored._replace(kinds=needed_kinds(kind or stored.kinds, column.type, _said_by(stored.values)))


def _said_by(values: pa.Array) -> frozenset[str]:
    """Where all values are text, or whole numbers are decimals or float64, the type tells no other kind than that."""
    if types.is_string(values.type):
        return frozenset(("str", "null"))
    if types.is_float64(values.type):
        return frozenset(("float", "null", PLAIN))
    return frozenset(("decimal",)) if types.is_decimal(values.type) else NATURAL


def _natural(kind: Kind) -> Kind:
    """Nested values of which nothing has to be said are as the file has them."""
    return PLAIN if not isinstance(kind, str) and _tells_all(kind) else kind


def _tells_all(kind: Kind) -> bool:
    if isinstance(kind, str):
        return kind in NATURAL
    if "list" in kind:
        return _tells_all(kind["list"])
    return all(map(_tells_all, kind["map"] if "map" in kind else kind["dict"].values()))


def _unpacked(values: pa.Array) -> pa.Array:
    kind = values.type
    if isinstance(values, pa.ExtensionArray):
        return _unpacked(values.storage)
    if types.is_dictionary(kind):
        return _unpacked(values.dictionary_decode())
    return _unpacked(pc.run_end_decode(values)) if types.is_run_end_encoded(kind) else values


def _plain(values: pa.Array) -> pa.Array | None:
    """In the type that the file has; None where there is none."""
    kind = values.type
    if types.is_null(kind):
        return values
    if types.is_timestamp(kind):
        return _timestamps(values)
    if types.is_time(kind) or (types.is_decimal(kind) and plain_type(kind) is None):
        return column_text(values, excel_safe=False).values.cast(pa.string())
    plain = plain_type(kind)
    try:
        if plain is None:
            return None
        if plain == kind:
            return values
        made = _without_views(values).cast(plain)
        made.validate(full=True)
        return made
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # a time with nanoseconds in a list
        return None


def _without_views(values: pa.Array) -> pa.Array:
    """Lists instead of list views: what Arrow's own cast makes of those holds wrong values, or crashes its reader."""
    kind = _listed_type(values.type)
    return values if kind == values.type else pa.array(listed(values), kind)


def _listed_type(kind: pa.DataType) -> pa.DataType:
    if types.is_map(kind):
        return pa.map_(_listed_type(kind.key_type), _listed_type(kind.item_type))
    if is_list(kind):
        inner = _listed_type(kind.value_type)
        views = types.is_list_view(kind) or types.is_large_list_view(kind)
        return kind if inner == kind.value_type and not views else pa.large_list(inner)
    if types.is_struct(kind):
        return pa.struct([kind.field(at).with_type(_listed_type(kind.field(at).type)) for at in range(kind.num_fields)])
    return kind


def _timestamps(values: pa.Array) -> pa.Array:
    try:
        return values.cast(plain_type(values.type))
    except pa.ArrowInvalid:  # nanoseconds, or years beyond what microseconds can count
        return column_text(values, excel_safe=False).values.cast(pa.string())


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """The type in the file of an Arrow type that can be cast to it; None where the values have to become text."""
    for test, plain in _PLAIN:
        if test(kind):
            return plain or kind
    if types.is_decimal(kind):
        return pa.decimal128(kind.precision, kind.scale) if 0 <= kind.scale <= kind.precision <= DIGITS else None
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if is_list(kind):
        inner = plain_type(kind.value_type)
        return None if inner is None else pa.list_(inner)
    if types.is_map(kind):
        key, item = plain_type(kind.key_type), plain_type(kind.item_type)
        return None if key is None or item is None else pa.map_(key, item)
    return _struct_type(kind) if types.is_struct(kind) else None


def _struct_type(kind: pa.DataType) -> pa.DataType | None:
    names = [kind.field(at).name for at in range(kind.num_fields)]
    inner = [plain_type(kind.field(at).type) for at in range(kind.num_fields)]
    if not names or None in inner or len(set(names)) < len(names):
        return None
    return pa.struct(list(zip(names, inner, strict=True)))


_PLAIN: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType | None], ...] = (
    (types.is_float16, pa.float32()),
    (lambda kind: types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind), None),
    (lambda kind: types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind), pa.string()),
    (lambda kind: types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind), pa.binary()),
    (types.is_fixed_size_binary, pa.binary()),
    (types.is_date, pa.date32()),
    (types.is_duration, pa.int64()),
)
