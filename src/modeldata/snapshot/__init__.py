"""From the caller's object to a frame's bytes: one small module per kind of input.

    schema, rows, data = capture_of(input_data)(input_data, schemas, pack)

Promise: `data` is what the object is now: a private copy, or, if it is large, `Buffers` of it to be stored at once; the object is
not changed; nothing heavy is imported (numpy, pandas and polars objects are met through what the caller has imported already,
pyarrow is never needed). A capture raises `RefusedData`, nothing else. rows == 0 means that there is nothing to store.

A new kind of input is a module here with its capture and an `input_of`, two lines in `libraries.py`, and a file of tests.
"""

from __future__ import annotations

from modeldata.snapshot.dispatch import capture_of, captures
from modeldata.snapshot.schema import RefusedData, Schema, SchemaCache

__all__ = ["RefusedData", "Schema", "SchemaCache", "capture_of", "captures"]
