"""Bytes of headers and frames, packed and checked. Pure: no file is touched here."""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from xxhash import xxh3_64, xxh3_64_intdigest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEGMENT_MAGIC = b"MDSEG1\r\n"
SEGMENT_VERSION = 2
READABLE = (1, 2)
"""Versions of segments. 1: checksums are CRC-32, text of data frames lies among the objects."""
SEGMENT_HEADER = Struct("<8sHHI16s16sIq")
SEGMENT_HEADER_BYTES = SEGMENT_HEADER.size + 4
FIRST_FRAME = 2 * SEGMENT_HEADER_BYTES

FRAME_MAGIC = b"\xf5MDf"
TALLY_MAGIC = b"\xf5MDt"
"""In the place of the other: a DROPS frame in the tail of a segment, which no search for the next frame may find."""
TALLY_BYTES = 2048
"""The tail of a segment: room for what was refused while there was no room."""
FRAME = Struct("<4sBBHQqIIIHHI")
CRC = Struct("<I")
FRAME_BYTES = FRAME.size + CRC.size
CHECK_AT = 5
"""Where a header says which checksum it has."""
ALIGN = 8

DATA, DEFINE, DROPS, END, TOTALS = 1, 2, 3, 4, 5
CHECK_CRC32, CHECK_XXH3 = 1, 2
REWRITTEN = 1
"""Flag: an earlier segment of this writer may hold the same rows under the same sequence (its fsync failed)."""

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
    """A frame with header, payload and padding."""
    payload = data + correlation + request if correlation or request else data
    head = FRAME.pack(
        FRAME_MAGIC, kind, CHECK_XXH3, flags, sequence, time_ns, rows, definition,
        len(data), len(correlation), len(request), xxh3_64_intdigest(payload, salt) & _LOW,
    )  # fmt: skip
    return b"".join((head, CRC.pack(xxh3_64_intdigest(head, salt) & _LOW), payload, PADDING[len(payload) & 7]))


def pack_data(
    salt: int, sequence: int, time_ns: int, rows: int, definition: int, data: bytes, correlation: bytes, request: bytes
) -> bytes:
    """`pack_frame` of a DATA frame, on the way of `collect()`: every line costs."""
    payload = data + correlation + request if correlation or request else data
    head = _pack_data(
        _DATA_FRAME, sequence, time_ns, rows, definition,
        len(data), len(correlation), len(request), xxh3_64_intdigest(payload, salt) & _LOW,
    )  # fmt: skip
    return b"".join((head, _pack_check(xxh3_64_intdigest(head, salt) & _LOW), payload, PADDING[len(payload) & 7]))


def seal(
    salt: int,
    kind: int,
    sequence: int,
    time_ns: int,
    rows: int,
    definition: int,
    sizes: tuple[int, int, int],
    check: int,
    flags: int,
) -> bytes:
    """The header of a frame with a payload that is stored already: `sizes` of data and ids, `check` of all three."""
    head = FRAME.pack(FRAME_MAGIC, kind, CHECK_XXH3, flags, sequence, time_ns, rows, definition, *sizes, check)
    return head + CRC.pack(checksum(head, salt))


def checksum(data: bytes | memoryview, salt: int) -> int:
    """The low half of XXH3: ten times as fast as a CRC-32, and as unlikely to be right by chance."""
    return xxh3_64_intdigest(data, salt) & _LOW


def checksum_of(pieces: Iterable[bytes | memoryview], salt: int) -> int:
    """`checksum` of pieces that lie one behind the other."""
    running = running_checksum(salt)
    for piece in pieces:
        running.update(piece)
    return low_half(running)


def running_checksum(salt: int) -> xxh3_64:
    """`checksum`, piece by piece: `update` it, then `low_half`."""
    return xxh3_64(seed=salt)


def low_half(running: xxh3_64) -> int:
    return running.intdigest() & _LOW


_LOW = 0xFFFF_FFFF
_CHECKS: dict[int, Callable[[bytes | memoryview, int], int]] = {CHECK_CRC32: crc32, CHECK_XXH3: checksum}
"""By the byte in the header that says which. Is that byte wrong, so is the header under any other."""

_pack_check = CRC.pack
_pack_data = Struct("<QQqIIIHHI").pack
_DATA_FRAME = int.from_bytes(FRAME.pack(FRAME_MAGIC, DATA, CHECK_XXH3, *[0] * 9)[:8], "little")
"""The first eight bytes of every DATA frame without flags."""

PADDING = tuple(b"\0" * (-size % ALIGN) for size in range(ALIGN))


def frame_size(payload_bytes: int) -> int:
    """Bytes that a frame with this payload takes in a segment."""
    return FRAME_BYTES + payload_bytes + (-payload_bytes % ALIGN)


class FrameHeader:
    """A frame's header with a checksum that held; `size` is the frame's, padding included."""

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
    if len(data) < end + CRC.size:
        return None
    check = _CHECKS.get(data[offset + CHECK_AT])
    if check is None or check(data[offset:end], salt) != CRC.unpack_from(data, end)[0]:
        return None
    return FrameHeader(FRAME.unpack_from(data, offset))


def payload_holds(header: FrameHeader, payload: bytes | memoryview, salt: int) -> bool:
    return _CHECKS[header.check](payload, salt) == header.payload_crc
