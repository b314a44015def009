"""One small life of a spool, run on any disk: rows of two collectors, two writers, shipped round by round."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modeldata.settings import Settings
from modeldata.settings.folders import SPOOL_PREFIX, user_name
from modeldata.ship.pipeline import Pipeline
from modeldata.ship.worker import Worker
from modeldata.snapshot import SchemaCache, capture_of
from modeldata.snapshot.buffers import Buffers
from modeldata.snapshot.packing import new_packer
from modeldata.spool import frame
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.lock import Leadership
from modeldata.spool.quota import Quota, SpoolFull
from modeldata.spool.segment import NotStored
from modeldata.spool.writer import Writer
from modeldata.store import open_for
from modeldata.testing import SimulatedDisk
from tests.heads.kit import files_of as heads_of
from tests.heads.kit import logs_of
from tests.support.archive import data_files, manifest_lines, rows_of

ROOT = "/archive"
NOON = 1_795_435_200_000_000_000
"""2026-11-23 12:00 UTC."""
IN_PIECES = 30_000
"""Rows of so much text are written as large data frames are: piece by piece, their checksum taken of what was stored."""
DAY = 86_400_000_000_000


def identity(identifier: str) -> dict[str, str]:
    return {
        "account": "a", "service": "s", "model_id": "i", "model_name": "m", "model_version": "1", "identifier": identifier,
    }  # fmt: skip


class Service:
    """A process that collects, on a disk of the test's choice."""

    def __init__(self, files: Files, archive: str = ROOT, *, sync: bool = False, most: int = 1 << 30) -> None:
        self.settings = settings_of(archive)
        self._random = iter(range(1, 1 << 30))
        self.writer = Writer(
            lambda: open_place(self.settings.spool_folder(), files, b"\1" * 16, NOON),
            Quota(most, 0, files),
            files=files,
            make_pack=new_packer,
            tend=lambda place, now: None,
            sync=sync,
        )
        self.shapes = {name: SchemaCache(identity(name), ("number", "text")) for name in ("inputs", "predictions")}
        for name, shapes in self.shapes.items():
            self.writer.identities[shapes.stream] = identity(name)
        self.attempted: Counter[tuple[str, str]] = Counter()
        self.accepted: Counter[tuple[str, str]] = Counter()

    def collect(self, name: str, number: int, time_ns: int = NOON, pad: int = 20, *, nested: bool = False) -> bool:
        """As `ModelDataCollector.collect` does it, with the clock of the test.

        nested: as a list of rows, which has a definition of its own: two batches of a round then go to one file.
        """
        lane = self.writer.acquire()
        key = (name, str(number))
        self.attempted[key] += 1
        shapes = self.shapes[name]
        schema, rows, captured = capture_of([])([[number, "x" * pad]] if nested else [number, "x" * pad], shapes, lane.pack)
        data = captured if pad < IN_PIECES else Buffers([captured[:10], memoryview(captured)[10:]])
        try:
            lane.append(schema, rows, data, b"", b"", time_ns)
        except SpoolFull as full:
            lane.refuse({(shapes.stream, full.reason): 1})
            self.writer.release(lane)
            return False
        except NotStored:
            self.writer.retire(lane)
            return False
        self.writer.release(lane)
        self.accepted[key] += 1
        return True

    def kill(self) -> None:
        """As SIGKILL leaves it: no END in its segments, and nobody holds them."""
        for lane in self.writer.lanes:
            lane.abandon()


def settings_of(archive: str | Path) -> Settings:
    return Settings.build({}, archive=str(archive), min_free_bytes=0)


def spool_of(archive: str | Path) -> Path:
    return Path(archive, SPOOL_PREFIX + user_name(os.environ))


def segments_of(archive: str | Path) -> Path:
    return spool_of(archive) / "segments"


def only_segment(archive: str | Path) -> Path:
    (only,) = segments_of(archive).glob("*.seg")
    return only


def sink_of(archive: str | Path) -> Path:
    return spool_of(archive) / "sinks" / settings_of(archive).sink_key()


def frames_of(path: Path) -> list[tuple[int, bytes, frame.FrameHeader]]:
    """(offset, bytes, header) of each frame, found by its own length."""
    content = path.read_bytes()
    header = frame.unpack_segment_header(content)
    assert header is not None
    at, found = frame.FIRST_FRAME, []
    while (head := frame.unpack_frame_header(content, at, header.salt)) is not None:
        found.append((at, content[at : at + head.size], head))
        at += head.size
    return found


def worker_of(settings: Settings, leadership: Leadership, **around: Any) -> Worker:
    """A shipper in this process; `around` replaces its clock, its log and its waiting."""
    place = open_place(settings.spool_folder(), Files(), b"\2" * 16, NOON)
    usual: dict[str, Any] = {
        "files": Files(), "warn": lambda text: None, "monotonic": lambda: 1000.0, "wall_ns": lambda: NOON,
        "wait": lambda seconds: True, "dice": lambda: 0.5,
    }  # fmt: skip
    return Worker(place, settings, leadership, **usual | around)


def pipeline_of(
    settings: Settings, files: Files | None = None, warn: Callable[[str], None] = lambda text: None, block_bytes: int = 0
) -> Pipeline:
    """A shipper for the spool and the one archive of `settings`."""
    files = files or Files()
    store = open_for(settings, files)
    if block_bytes:
        store.block_bytes = block_bytes
    place = open_place(settings.spool_folder(), files, b"\2" * 16, NOON)
    return Pipeline(place, store, settings, files=files, warn=warn, may_commit=lambda: True)


def new_pipeline(files: Files, archive: str = ROOT, warn: Callable[[str], None] = lambda text: None) -> Pipeline:
    return pipeline_of(settings_of(archive), files, warn)


def finish(pipeline: Pipeline) -> Pipeline:
    """What a shipper does from its start until nothing is left."""
    for _ in range(1000):
        done = pipeline.step()
        pipeline.remove(pipeline.finished())
        if not done.rows and not done.more:
            return pipeline
    raise AssertionError("the shipper never comes to an end")


def ship_all(files: Files, archive: str = ROOT) -> Pipeline:
    return finish(new_pipeline(files, archive))


def delivered(files: Mapping[str, bytes]) -> Counter[tuple[str, str]]:
    """(identifier, number) of every row in the archive; fails on a row that is torn or shifted."""
    assert all(files.values()), "a file without a header"
    found: Counter[tuple[str, str]] = Counter()
    for row in rows_of(files):
        path, number, text = str(row["@path"]), str(row["number"]), str(row["text"])
        assert len(row) == 6 and set(text) <= {"x"} and number.isdigit(), f"mangled: {row}"
        found["inputs" if "/inputs/" in path else "predictions", number] += 1
    return found


def delivered_on(disk: SimulatedDisk) -> Counter[tuple[str, str]]:
    logs_of({path: disk.content(path) for path in disk.paths() if "/_heads/" in path})
    return delivered({path: disk.content(path) for path in disk.paths() if path.endswith(".csv")})


def delivered_on_disk(archive: str | Path) -> Counter[tuple[str, str]]:
    """Of every regular file: whoever linked a folder into it added no row. Its heads are those of its records."""
    logs_of(heads_of(archive))
    return delivered({str(path): path.read_bytes() for path in data_files(archive) if path.is_file() and not path.is_symlink()})


def manifest_rows(archive: str | Path) -> int:
    return sum(int(line["rows"]) for _, line in manifest_lines(archive))
