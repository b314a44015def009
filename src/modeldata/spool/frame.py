"""Bytes of headers and frames, packed and checked. Pure: no file is touched here."""

from __future__ import annotations

from struct import Struct
from zlib import crc32

SEGMENT_MAGIC = b"MDSEG1\r\n"
SEGMENT_VERSION = 1
SEGMENT_HEADER = Struct("<8sHHI16s16sIq")
SEGMENT_HEADER_BYTES = SEGMENT_HEADER.size + 4
FIRST_FRAME = 2 * SEGMENT_HEADER_BYTES

FRAME_MAGIC = b"\xf5MDf"
FRAME = Struct("<4sBBHQqIIIHHI")
CRC = Struct("<I")
FRAME_BYTES = FRAME.size + CRC.size
ALIGN = 8

DATA, DEFINE, DROPS, END, TOTALS = 1, 2, 3, 4, 5
CHECK_CRC32 = 1
REWRITTEN = 1
"""Flag: an earlier segment of this writer may hold the same rows under the same sequence (its fsync failed)."""

MAX_DATA = 0xFFFF_FFFF
MAX_ID = 0xFFFF


class SegmentHeader:
    """Who wrote a segment, and the salt of its checksums."""

    __slots__ = ("created_ns", "number", "salt", "spool_id", "version", "writer_id")

    def __init__(
        self, spool_id: bytes, writer_id: bytes, number: int, salt: int, created_ns: int, version: int = SEGMENT_VERSION
    ) -> None:
        self.spool_id = spool_id
        self.writer_id = writer_id
        self.number = number
        self.salt = salt
        self.created_ns = created_ns
        self.version = version

    def pack(self) -> bytes:
        head = SEGMENT_HEADER.pack(
            SEGMENT_MAGIC, self.version, 0, self.salt, self.spool_id, self.writer_id, self.number, self.created_ns
        )
        return (head + CRC.pack(crc32(head))) * 2


def unpack_segment_header(data: bytes | memoryview) -> SegmentHeader | None:
    """The header from either of its two copies; None where neither holds."""
    for start in (0, SEGMENT_HEADER_BYTES):
        head = bytes(data[start : start + SEGMENT_HEADER_BYTES])
        if len(head) < SEGMENT_HEADER_BYTES or not head.startswith(SEGMENT_MAGIC):
            continue
        if crc32(head[:-4]) != CRC.unpack(head[-4:])[0]:
            continue
        _, version, _, salt, spool_id, writer_id, number, created_ns = SEGMENT_HEADER.unpack(head[:-4])
        return SegmentHeader(spool_id, writer_id, number, salt, created_ns, version)
    return None


def pack_frame(
    salt: int,
    kind: int,
    sequence: int,
    time_ns: int,
    rows: int,
    definition: int,
    data: bytes,
    correlation: bytes = b"",
    request: bytes = b"",
    flags: int = 0,
) -> bytes:
    """One whole frame, padded. On the way of `collect()`: every line costs."""
    payload = data + correlation + request if correlation or request else data
    size = len(payload)
    head = FRAME.pack(
        FRAME_MAGIC, kind, CHECK_CRC32, flags, sequence, time_ns, rows, definition,
        len(data), len(correlation), len(request), crc32(payload, salt),
    )  # fmt: skip
    return b"".join((head, CRC.pack(crc32(head, salt)), payload, _PADDING[size & 7]))


_PADDING = tuple(b"\0" * (-size % ALIGN) for size in range(ALIGN))


def frame_size(payload_bytes: int) -> int:
    """Bytes that a frame with this payload takes in a segment."""
    return FRAME_BYTES + payload_bytes + (-payload_bytes % ALIGN)


class FrameHeader:
    """A frame's header whose own checksum held; `size` is the whole frame's, padding included."""

    __slots__ = (
        "check", "correlation", "data", "definition", "flags", "kind", "payload_crc", "request", "rows", "sequence", "size",
        "time_ns",
    )  # fmt: skip

    def __init__(self, fields: tuple[bytes, int, int, int, int, int, int, int, int, int, int, int]) -> None:
        (
            _, self.kind, self.check, self.flags, self.sequence, self.time_ns, self.rows, self.definition,
            self.data, self.correlation, self.request, self.payload_crc,
        ) = fields  # fmt: skip
        self.size = frame_size(self.data + self.correlation + self.request)


def unpack_frame_header(data: bytes | memoryview, offset: int, salt: int) -> FrameHeader | None:
    """The header at `offset`, or None where magic or checksum does not hold."""
    if data[offset : offset + 4] != FRAME_MAGIC:
        return None
    end = offset + FRAME.size
    if len(data) < end + CRC.size or crc32(data[offset:end], salt) != CRC.unpack_from(data, end)[0]:
        return None
    return FrameHeader(FRAME.unpack_from(data, offset))


def payload_holds(header: FrameHeader, payload: bytes | memoryview, salt: int) -> bool:
    return header.check == CHECK_CRC32 and crc32(payload, salt) == header.payload_crc
