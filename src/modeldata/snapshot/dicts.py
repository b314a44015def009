"""Dicts: one row each, columns named by the keys."""

from __future__ import annotations

from itertools import repeat

from modeldata.format import wire
from modeldata.snapshot.copies import as_dict
from modeldata.snapshot.extensions import ABSENT
from modeldata.snapshot.schema import MAX_SCHEMAS, NOTHING, label, refusal, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modeldata.snapshot.schema import Captured, Pack, Schema, SchemaCache


def capture_dict(data: dict[object, object], schemas: SchemaCache, pack: Pack) -> Captured:
    """One row. The same keys in another order are the same columns, in the order that came first."""
    try:
        data = data.copy()  # keys and values in one look: other threads may change it from here on
        known = schemas.dicts.get(tuple(data))  # type: ignore[arg-type]  # keys other than str are never found
        if known is None:
            return _capture_new(data, schemas, pack)
        schema, order = known
        return schema, 1, pack(list(data.values()) if order is None else [data[key] for key in order])
    except Exception as error:
        raise refusal(error, data) from error


def capture_mapping(data: Mapping[object, object], schemas: SchemaCache, pack: Pack) -> Captured:
    """Subclasses of dict, as the dict that they are; and other mappings."""
    try:
        plain = as_dict(data)
    except Exception as error:
        raise refusal(error, data) from error
    return capture_dict(plain, schemas, pack)


def capture_dicts(rows: list[dict[object, object]], schemas: SchemaCache, pack: Pack) -> Captured:
    """Private rows. The columns are all keys that occur, in order of first appearance; a key that a row lacks is ABSENT."""
    orders = set(map(tuple, rows))
    first = tuple(rows[0])
    if not all(type(key) is str for order in orders for key in order):
        rows = [dict(zip(_texts(row), row.values(), strict=True)) for row in rows]
        first = tuple(rows[0])
        orders = set(map(tuple, rows))
    if len(orders) > 1:
        first = tuple(dict.fromkeys(key for row in rows for key in row))
    keys = schemas.keys_in_first_order(first)  # type: ignore[arg-type]  # they are str: checked, or made so
    if not keys:
        return NOTHING
    if len(orders) == 1 and keys == first:
        values = [list(row.values()) for row in rows]
    else:
        values = [list(map(row.get, keys, repeat(ABSENT))) for row in rows]
    return _schema(keys, schemas, single=False), len(rows), pack(values)


def _capture_new(data: dict[object, object], schemas: SchemaCache, pack: Pack) -> Captured:
    if not data:
        return NOTHING
    keys = tuple(data)
    if not all(type(key) is str for key in keys):
        # 1, 1.0 and True are one key to Python and three names to us: only text is a safe key into the cache.
        return _schema(_texts(keys), schemas, single=True), 1, pack(list(data.values()))
    texts: tuple[str, ...] = keys  # type: ignore[assignment]  # just checked
    order = schemas.keys_in_first_order(texts)
    schema = _schema(order, schemas, single=True)
    if len(schemas.dicts) >= MAX_SCHEMAS:  # the same keys in ever new orders
        schemas.dicts.clear()
    schemas.dicts[texts] = (schema, None if order == texts else order)
    return schema, 1, pack([data[key] for key in order])


def _schema(keys: tuple[str, ...], schemas: SchemaCache, *, single: bool) -> Schema:
    return schemas.cached(("dict", keys, single), lambda: schemas.new(unique(keys), wire.ROWS, None, {"single": single}))


def _texts(keys: Iterable[object]) -> tuple[str, ...]:
    """Keys of any kind as texts that differ: two keys of one text stay two columns."""
    return unique(map(label, keys))
