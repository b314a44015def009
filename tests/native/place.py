"""Where a compiled call stores its frame, and what Python would have stored there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from modeldata import Archive
from modeldata.request_id import current_request, encoded_id
from modeldata.snapshot.dispatch import captures
from modeldata.snapshot.packing import new_packer
from modeldata.spool import frame
from modeldata.spool.segment import Segment


class Place:
    """A collector of one thread, and the segment into which it collects."""

    def __init__(self, folder: Path, **named: object) -> None:
        self.archive = Archive(folder / "a", ship="off", fsync="never", min_free_bytes=0, spool_max_bytes="4G", **named)
        self.collector = self.archive.collector("m", "inputs")
        assert self.collector.collect([0])

    @property
    def segment(self) -> Segment:
        (lane,) = self.archive._intake.writer.lanes
        assert lane.segment is not None
        return lane.segment

    def stored(self, start: int) -> bytes:
        """What was stored from there on."""
        with open(self.segment.path, "rb") as file:
            file.seek(start)
            return file.read(self.segment.end - start)

    def calm(self) -> None:
        """No rare duty comes due, however slow this machine is."""
        (lane,) = self.archive._intake.writer.lanes
        lane._calm_until = 1 << 62

    def check(self, data: object, correlation: str = "") -> None:
        """One more call stores one more frame, which is the one that Python's functions make."""
        assert self.collector.collect(data, correlation)  # its schema, and the rare duties
        before, accepted = self.segment.end, self.archive.stats().accepted
        assert self.collector.collect(data, correlation)
        rows = self.archive.stats().accepted - accepted
        if self.segment.end < before:
            return self.check(data, correlation)  # a new segment
        if not rows:
            assert self.segment.end == before, "no rows, no frame"
            return None
        stored = self.stored(before)
        header = frame.unpack_frame_header(stored, 0, self.segment.salt)
        assert header is not None and header.size == len(stored) and header.rows == rows
        schemas = self.collector._schemas
        schema, rows, payload = captures[type(data)](data, schemas, new_packer())
        (lane,) = self.archive._intake.writer.lanes
        number, _ = lane._known[schema]
        assert stored == frame.pack_data(
            self.segment.salt, accepted, header.time_ns, rows, number, bytes(payload), encoded_id(correlation), current_request()
        )
        return None


def called(call: Callable[[], object]) -> list[str]:
    """The functions of Python that run."""
    names: list[str] = []
    sys.setprofile(lambda frame, event, _: names.append(frame.f_code.co_name) if event == "call" else None)
    try:
        call()
    finally:
        sys.setprofile(None)
    return names[1:]  # without `call` itself
