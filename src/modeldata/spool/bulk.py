"""Frames many at a time, as the shipper wants them: headers as one array, payloads in one buffer.

The guarantees are those of `reader`: its `OpenSegment.frames` is the way for every place that is not simply good. Here a whole
window of a segment is guessed to be frames, one behind the other; only those before the first that is not prove to be some.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
from xxhash import xxh3_64_intdigest

from modeldata.native import find
from modeldata.spool import frame
from modeldata.spool.reader import Damage, Frame, OpenSegment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TypeAlias

    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

FIRST_WINDOW, WINDOW = 1 << 16, 1 << 22
"""Bytes read at once: few where little may have come, many where there are many."""
LIKELY = 4
"""Where a large frame is, some more of its size are likely."""
LARGE = 512
"""Bytes from which on a piece is cheaper to look at than to copy."""

HEAD = np.dtype(
    [
        ("magic", "S4"), ("kind", "u1"), ("check", "u1"), ("flags", "<u2"), ("sequence", "<u8"), ("time_ns", "<i8"),
        ("rows", "<u4"), ("definition", "<u4"), ("data", "<u4"), ("correlation", "<u2"), ("request", "<u2"),
        ("payload_check", "<u4"), ("head_check", "<u4"),
    ]
)  # fmt: skip
"""A frame's header, as `frame.FRAME` and `frame.CRC` have it."""
_MAGIC = int.from_bytes(frame.FRAME_MAGIC, "little")
_SIZES_AT = 32
"""Where a header has its three lengths, in eight bytes: 4, 2 and 2."""
_LOW = np.uint64(0xFFFF_FFFF)
compiled: Any = find("shipper")[0]


class FrameRun:
    """Frames of one segment with checksums that held, in its order.

    The payload of frame n begins at `content[starts[n]]`: data, correlation id, request id. `base` is where in the segment
    `content` was read.
    """

    __slots__ = ("base", "content", "heads", "starts")

    def __init__(self, content: bytes, base: int, starts: Array, heads: Array) -> None:
        self.content = content
        self.base = base
        self.starts = starts
        self.heads = heads

    @classmethod
    def of(cls, single: Frame) -> FrameRun:
        """A run of one."""
        head = single.head
        fields = (
            frame.FRAME_MAGIC, head.kind, head.check, head.flags, head.sequence, head.time_ns, head.rows, head.definition,
            head.data, head.correlation, head.request, head.payload_crc, 0,
        )  # fmt: skip
        return cls(single.payload, single.start + frame.FRAME_BYTES, np.zeros(1, np.int64), np.array([fields], HEAD))

    def __len__(self) -> int:
        return len(self.starts)

    def part(self, which: slice | Array) -> FrameRun:
        """Some of the frames, over the same content."""
        return FrameRun(self.content, self.base, self.starts[which], self.heads[which])

    @property
    def sizes(self) -> Array:
        """Bytes of each frame, padding included."""
        payloads = self.payloads
        sizes: Array = frame.FRAME_BYTES + payloads + (-payloads % frame.ALIGN)
        return sizes

    @property
    def payloads(self) -> Array:
        """Bytes of each payload."""
        return _payload_bytes(self.heads)

    @property
    def rows(self) -> int:
        return int(self.heads["rows"].sum(dtype=np.int64))

    @property
    def stop(self) -> int:
        """Where in the segment the last frame ends."""
        return self.place(-1) + int(self.part(slice(-1, None)).sizes[0])

    def place(self, number: int) -> int:
        """Where in the segment a frame begins."""
        return self.base + int(self.starts[number]) - frame.FRAME_BYTES

    def data(self, number: int) -> bytes:
        start = int(self.starts[number])
        return self.content[start : start + int(self.heads["data"][number])]


def runs(segment: OpenSegment, start: int) -> Iterator[FrameRun | Damage]:
    """What `segment.frames(start)` gives, in runs."""
    at = max(start, frame.FIRST_FRAME)
    window = FIRST_WINDOW
    kind = 0
    while kind != frame.END:
        run = _good(segment, at, window)
        if run is not None:
            window = min(2 * window, WINDOW)
        else:
            item = next(segment.frames(at), None)
            if item is None:
                return
            if isinstance(item, Damage):
                yield item
                at = item.stop
                continue
            run = FrameRun.of(item)
        yield run
        at, kind = run.stop, int(run.heads["kind"][-1])


def _good(segment: OpenSegment, at: int, window: int) -> FrameRun | None:
    """The good frames from `at` on that end within a window, up to END; None where the first is not good."""
    head = frame.unpack_frame_header(segment.read(frame.FRAME_BYTES, at), 0, segment.salt)
    if head is None or head.size > WINDOW:
        return None  # the usual case in a living segment: everything was read
    content = segment.read(min(WINDOW, max(window, LIKELY * head.size)), at)
    starts, heads = found_frames(content, segment.salt)
    if not len(starts):
        return None
    run = FrameRun(content, at, starts, heads)
    used = run.stop - at
    if 2 * used < len(content):
        run.content = content[:used]  # what is kept for long must not be much larger than what is in it
    return run


def found_frames(content: bytes, salt: int) -> tuple[Array, Array]:
    """Where payloads begin, and headers: of all frames from the first byte on that hold, up to END."""
    if compiled is not None:
        places, packed = compiled.frames(content, salt)
        return np.frombuffer(places, np.int64), np.frombuffer(packed, HEAD)
    starts = _hops(content)
    heads = np.ndarray((max(0, len(content) - HEAD.itemsize + 1),), HEAD, content, strides=(1,))[starts]
    count = _holding(content, starts + frame.FRAME_BYTES, heads, salt)
    ends = np.flatnonzero(heads["kind"][:count] == frame.END)
    count = int(ends[0]) + 1 if len(ends) else count
    return starts[:count] + frame.FRAME_BYTES, heads[:count]


def _hops(content: bytes) -> Array:
    """Where frames begin that end within `content`, if each is as long as it says: that is not proved yet."""
    words = np.frombuffer(content, "<u8", len(content) // 8)
    places = np.flatnonzero(np.frombuffer(content, "<u4", 2 * len(words))[::2] == _MAGIC)
    places = places[places <= len(words) - frame.FRAME_BYTES // 8]
    if not len(places) or places[0]:
        return places[:0]
    sizes = words[places + _SIZES_AT // 8].astype(np.int64)
    payloads = (sizes & 0xFFFF_FFFF) + (sizes >> 32 & 0xFFFF) + (sizes >> 48 & 0xFFFF)
    stops = places + (frame.FRAME_BYTES + payloads + 7) // 8
    last = np.flatnonzero(stops != np.append(places[1:], -1))  # behind these comes no frame, or data that looks like one
    chain: list[Array] = []
    at, next_at = 0, 0
    while at < len(places) and places[at] == next_at:
        end = int(last[np.searchsorted(last, at)])
        chain.append(np.arange(at, end + 1))
        next_at = int(stops[end])
        at = int(np.searchsorted(places, next_at))
    which = np.concatenate(chain)
    starts: Array = places[which[stops[which] <= len(words)]] * 8
    return starts


def _holding(content: bytes, starts: Array, heads: Array, salt: int) -> int:
    """How many frames hold before the first that does not. Those with another checksum than today's are for the careful way."""
    right = (heads["magic"] == frame.FRAME_MAGIC) & (heads["check"] == frame.CHECK_XXH3)
    count = _leading(right)
    checks = _checks(content, starts[:count] - frame.FRAME_BYTES, np.full(count, frame.FRAME.size), salt)
    count = _leading(checks == heads["head_check"][:count])
    checks = _checks(content, starts[:count], _payload_bytes(heads[:count]), salt)
    return _leading(checks == heads["payload_check"][:count])


def _checks(content: bytes, starts: Array, sizes: Array, salt: int) -> Array:
    """`frame.checksum` of each piece of `content`."""
    pieces: Sequence[bytes | memoryview]
    if len(sizes) and 0 < sizes[0] < LARGE and (sizes == sizes[0]).all():
        pieces = np.ndarray((len(content) - int(sizes[0]) + 1,), f"V{sizes[0]}", content, strides=(1,))[starts].tolist()
    else:
        source = memoryview(content) if sizes.sum() > LARGE * len(sizes) else content
        pieces = [source[start:stop] for start, stop in zip(starts.tolist(), (starts + sizes).tolist(), strict=True)]
    return np.fromiter(map(xxh3_64_intdigest, pieces, repeat(salt)), np.uint64, len(pieces)) & _LOW


def _leading(right: Array) -> int:
    return len(right) if right.all() else int(right.argmin())


def _payload_bytes(heads: Array) -> Array:
    bytes_of: Array = heads["data"].astype(np.int64) + heads["correlation"] + heads["request"]
    return bytes_of
