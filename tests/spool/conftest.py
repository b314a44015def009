"""A spool to write to and read from, without the rest of the product."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import pytest

from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, open_place
from modeldata.spool.quota import Quota
from modeldata.spool.reader import Damage, Frame, OpenSegment, segment_names
from modeldata.spool.writer import Writer

IDENTITY = {
    "account": "a", "service": "s", "model_id": "i", "model_name": "m", "model_version": "1", "identifier": "inputs",
}  # fmt: skip


class FakePlan:
    """What the spool needs of a plan."""

    def __init__(self, stream: str = "stream", columns: tuple[str, ...] = ("x",)) -> None:
        self.stream = stream
        self.columns = columns
        self.definition: bytes = msgpack.packb({"identity": IDENTITY, "columns": list(columns)})


class Spool:
    """A writer and the folder it writes to."""

    def __init__(self, folder: Path, files: Files, *, sync: bool = False, most: int = 1 << 30) -> None:
        self.folder = str(folder)
        self.files = files
        self.writer = Writer(
            lambda: open_place(self.folder, files, os.urandom(16), time.time_ns()),
            Quota(most, 0, files),
            files=files,
            make_pack=lambda: msgpack.Packer().pack,
            tend=lambda place, now: None,
            sync=sync,
        )
        self.writer.identities["stream"] = IDENTITY

    @property
    def place(self) -> SpoolFolder:
        assert self.writer.place is not None
        return self.writer.place

    def append(self, plan: FakePlan, data: bytes, rows: int = 1, time_ns: int | None = None) -> None:
        lane = self.writer.acquire()
        lane.append(plan, rows, data, b"corr", b"req", time_ns or time.time_ns())  # type: ignore[arg-type]
        self.writer.release(lane)

    def read(self, name: str, start: int = 0) -> list[Frame | Damage]:
        segment = OpenSegment(self.place, name, self.files)
        try:
            return list(segment.frames(start))
        finally:
            segment.close()

    def names(self) -> list[str]:
        return segment_names(self.place, self.files)

    def data(self) -> list[bytes]:
        """The data of every good DATA frame, in the order of the files."""
        return [
            found.data for name in self.names() for found in self.read(name) if isinstance(found, Frame) and found.head.kind == 1
        ]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool", Files())
    yield made
    made.writer.close(time.time_ns())


@pytest.fixture
def plan() -> FakePlan:
    return FakePlan()


MakeSpool = Callable[..., Spool]


@pytest.fixture
def make_spool(tmp_path: Path) -> MakeSpool:
    def make(**options: object) -> Spool:
        return Spool(tmp_path / "spool", Files(), **options)  # type: ignore[arg-type]

    return make
