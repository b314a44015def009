"""Take, pack and decode in one step, as the collector and the shipper do it between them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgpack
import numpy as np
import pyarrow as pa

from modeldata.columns import Column, Payloads, decode
from modeldata.snapshot import RefusedData, SchemaCache, capture_of
from modeldata.snapshot.packing import new_packer
from modeldata.snapshot.schema import NOTHING

IDENTITY = {
    "account": "unknown",
    "service": "unknown",
    "model_id": "unknown",
    "model_name": "churn",
    "model_version": "1",
    "identifier": "inputs",
}


def new_schemas(*feature_names: str) -> SchemaCache:
    return SchemaCache(IDENTITY, feature_names or None)


def new_pack() -> Callable[[object], bytes]:
    return new_packer()


def definition_of(packed: bytes) -> dict[str, object]:
    definition: dict[str, object] = msgpack.unpackb(packed, unicode_errors="surrogatepass")
    return definition


def round_trip(*calls: object, schemas: SchemaCache | None = None) -> list[Column]:
    """The columns of several calls of one shape. Fails where they are not of one shape."""
    schemas = schemas or new_schemas()
    pack = new_pack()
    frames = []
    definitions = set()
    for data in calls:
        schema, rows, captured = capture_of(data)(data, schemas, pack)
        if rows:
            definitions.add(schema.definition)
            frames.append((rows, bytes(captured)))
    assert len(definitions) == 1, f"{len(definitions)} schemas"
    return decode(definition_of(definitions.pop()), Payloads.of(frames))


def python(column: Column) -> list[object]:
    """The values of a column as Python has them."""
    return column.values if isinstance(column.values, list) else [_of_today(value) for value in column.values.to_pylist()]


def _of_today(value: object) -> object:
    """As newer versions of pyarrow give it. Older ones give numpy's half floats, and zones of pytz where it is installed."""
    if isinstance(value, np.float16):
        return float(value)
    if isinstance(value, dt.datetime) and (zone := getattr(value.tzinfo, "zone", None)):
        return value.astimezone(ZoneInfo(zone))
    return value


def arrow(column: Column) -> pa.Array:
    """The values of a column that has to be an Arrow array."""
    assert isinstance(column.values, pa.Array), type(column.values)
    return column.values


def table(columns: list[Column]) -> dict[str, list[object]]:
    return {column.name: python(column) for column in columns}


def row_of(data: object, schemas: SchemaCache | None = None) -> list[object]:
    """The one row that this data is."""
    columns = round_trip(data, schemas=schemas)
    assert all(len(column.values) == 1 for column in columns)
    return [python(column)[0] for column in columns]


def refused(data: object) -> str:
    """The reason for which this data is refused."""
    try:
        _, rows, captured = capture_of(data)(data, new_schemas(), new_pack())
    except RefusedData as error:
        assert str(error), "a refusal says why"
        return error.reason
    raise AssertionError(f"captured: {rows} rows, {captured[:60]!r}")


def taken_as_nothing(data: object) -> bool:
    return capture_of(data)(data, new_schemas(), new_pack()) == NOTHING
