"""An Arrow stream or file → a table, of no more bytes and rows than its limits: a few bytes of either may stand for gigabytes.

A record batch may be compressed, buffer by buffer; each then has its true length in front. pyarrow inflates at once, so these
lengths are added up here before it does. Where they are, the message's metadata says (a FlatBuffer, `Message.fbs` of Arrow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeldata.service.decode.undecodable import TooMuch

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_MAGIC = b"ARROW1\0\0"
"""A file is this, then a stream, then a footer, which is not needed here."""
HEADER, DICTIONARY_DATA, BUFFERS, COMPRESSION = 2, 1, 2, 3
"""Fields by number: of a message, of a batch for a dictionary, of a record batch (the last two)."""
BUFFER_BYTES = 16
"""Of the struct that says where a buffer is: offset and length."""
LENGTH_BYTES = 8


def table_of(body: bytes, most: int) -> Any:
    """A `pyarrow.Table`. Raises `TooMuch` where its buffers would have more than `most` bytes."""
    import pyarrow as pa

    stream = pa.py_buffer(body)[len(FILE_MAGIC) :] if body.startswith(FILE_MAGIC) else pa.py_buffer(body)
    inflated = sum(map(_inflated, _messages(stream)))
    if inflated > most:
        raise TooMuch(f"an Arrow body of {inflated:,} bytes when inflated")
    return pa.ipc.open_stream(stream).read_all()


def _messages(stream: Any) -> Iterator[Any]:
    import pyarrow as pa

    reader = pa.ipc.MessageReader.open_stream(stream)
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _inflated(message: Any) -> int:
    """The bytes of a message's buffers when inflated; 0 where it is not compressed."""
    metadata = memoryview(message.metadata)
    root = _number(metadata, 0, 4)
    batch = _batch(metadata, root, message.type)
    if not batch or not _field(metadata, batch, COMPRESSION):
        return 0
    return sum(_length_of(message.body, *buffer) for buffer in _buffers(metadata, batch))


def _batch(metadata: memoryview, root: int, kind: str) -> int:
    """Where the record batch of a message is; 0 where it has none."""
    if kind == "record batch":
        return _table(metadata, root, HEADER)
    return _table(metadata, _table(metadata, root, HEADER), DICTIONARY_DATA) if kind == "dictionary" else 0


def _length_of(body: Any, offset: int, length: int) -> int:
    """-1 in front says that this buffer was left as it is."""
    if length < LENGTH_BYTES:
        return length
    said = int.from_bytes(memoryview(body)[offset : offset + LENGTH_BYTES], "little", signed=True)
    return max(said, length)


def _buffers(metadata: memoryview, batch: int) -> Iterator[tuple[int, int]]:
    start = _table(metadata, batch, BUFFERS)
    for at in range(start + 4, start + 4 + _number(metadata, start, 4) * BUFFER_BYTES, BUFFER_BYTES):
        yield _number(metadata, at, 8), _number(metadata, at + 8, 8)


def _field(metadata: memoryview, table: int, number: int) -> int:
    """Where a field of a table is; 0 where the table does not have it."""
    vtable = table - int.from_bytes(metadata[table : table + 4], "little", signed=True)
    entry = 4 + 2 * number
    offset = _number(metadata, vtable + entry, 2) if entry < _number(metadata, vtable, 2) else 0
    return table + offset if offset else 0


def _table(metadata: memoryview, table: int, number: int) -> int:
    """Where the table or vector is that a field points to."""
    at = _field(metadata, table, number)
    return at + _number(metadata, at, 4) if at else 0


def _number(metadata: memoryview, at: int, size: int) -> int:
    return int.from_bytes(metadata[at : at + size], "little")
