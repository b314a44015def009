"""Lists and tuples: one row, or rows (a list of lists, of dicts, of arrays)."""

from __future__ import annotations

from modeldata.snapshot.copies import of_list, of_tuple
from modeldata.snapshot.dicts import capture_dicts
from modeldata.snapshot.extensions import ABSENT
from modeldata.snapshot.libraries import row_reader
from modeldata.snapshot.schema import NOTHING, refusal
from modeldata.snapshot.type_table import TypeTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from modeldata.snapshot.schema import Captured, Pack, SchemaCache


_PLAIN = frozenset((int, float, str, bool, type(None), bytes))
_row_readers = TypeTable({dict: dict.copy}, row_reader)


def capture_list(data: list[object], schemas: SchemaCache, pack: Pack) -> Captured:
    """A flat list is one row; one of lists or tuples alone, of dicts alone, or of arrays alone is rows.

    Shorter rows are filled up with ABSENT. Any other mixture is one row with nested values.
    """
    try:
        if not data:
            return NOTHING
        data = data[:]  # other threads may change it from here on
        if type(data[0]) not in _PLAIN:
            rows = _capture_rows(data, schemas, pack)
            if rows is not None:
                return rows
        count = len(data)
        schema = schemas.rows.get((count, True))
        return schema or schemas.row_schema(count, True), 1, pack(data)
    except Exception as error:
        raise refusal(error, data) from error


def capture_sequence(data: Sequence[object], schemas: SchemaCache, pack: Pack) -> Captured:
    """Tuples, and subclasses of list and tuple: as the list or tuple that they are, whatever they say they are."""
    return capture_list(_copied(data), schemas, pack)


def _copied(data: Sequence[object]) -> list[object]:
    return of_list(data) if isinstance(data, list) else of_tuple(data)  # type: ignore[arg-type]  # or it is a tuple


def _capture_rows(data: list[object], schemas: SchemaCache, pack: Pack) -> Captured | None:
    """Objects each of which is a row by itself. None: at least one is not."""
    classes = set(map(type, data))
    if classes == {dict}:
        return capture_dicts(list(map(dict.copy, data)), schemas, pack)  # type: ignore[arg-type]  # just checked
    if all(issubclass(cls, (list, tuple)) for cls in classes):
        return capture_lists([_copied(row) for row in data], schemas, pack)  # type: ignore[arg-type]  # just checked
    readers = {cls: _row_readers[cls] for cls in classes}
    if None in readers.values():
        return None
    rows = [readers[type(row)](row) for row in data]
    types = set(map(type, rows))
    if types == {dict}:
        return capture_dicts(rows, schemas, pack)
    if types == {list}:
        return capture_lists(rows, schemas, pack)
    return None if types & {dict, list} else _capture_arrays(rows, schemas, pack)


def _capture_arrays(data: Sequence[Any], schemas: SchemaCache, pack: Pack) -> Captured | None:
    """Arrays, each of which is a row. None: at least one is a single value."""
    from modeldata.snapshot.arrays import capture_any_array, stacked

    rows = stacked(data)
    if type(rows) is list:
        return capture_lists(rows, schemas, pack)
    return None if rows is None else capture_any_array(rows, schemas, pack)


def capture_lists(rows: list[list[object]], schemas: SchemaCache, pack: Pack) -> Captured:
    """Rows of values, filled up with ABSENT to the longest."""
    lengths = set(map(len, rows))
    width = max(lengths)
    if width == 0:
        return NOTHING
    if len(lengths) > 1:
        rows = [row + [ABSENT] * (width - len(row)) for row in rows]
    return schemas.row_schema(width, False), len(rows), pack(rows)
