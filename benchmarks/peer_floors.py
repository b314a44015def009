"""Floors: what the bytes cost alone, once they are made. No peer can be below its own."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq

from benchmarks.peer import EVERY, Peer, as_table, inputs

MAPPED = 64 * 1024 * 1024


class _Floor(Peer):
    carries = ()
    stores = False
    cases = EVERY

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._bytes: dict[str, int] = json.loads(os.environ["BENCH_FRAME_BYTES"])


class OsWrite(_Floor):
    title = "floor: os.write of modeldata's bytes"

    def caller(self, case: str) -> Callable[[object], object]:
        data = os.urandom(self._bytes[case])
        self._fd = os.open(self.folder / "bytes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        fd = self._fd
        return lambda _: os.write(fd, data)

    def settle(self) -> None:
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


class MmapStore(_Floor):
    title = "floor: modeldata's bytes into a warm mmap"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with (folder / "mapped").open("wb+") as file:
            file.write(b"\1" * MAPPED)
            file.flush()
            self._map = mmap.mmap(file.fileno(), MAPPED)
        self._map[:] = b"\2" * MAPPED  # every page is there, and ours to write

    def caller(self, case: str) -> Callable[[object], object]:
        data, mapped, at = os.urandom(self._bytes[case]), self._map, 0
        size = len(data)

        def store(_: object) -> None:
            nonlocal at
            if at + size > MAPPED:
                at = 0
            mapped[at : at + size] = data
            at += size

        return store


class _Arrow(_Floor):
    def caller(self, case: str) -> Callable[[object], object]:
        table, path = as_table(inputs(case)[0]), str(self.folder / "table")
        return lambda _: self._write(table, path)

    _write: Callable[..., object]


class ArrowCsv(_Arrow):
    title = "floor: pyarrow write_csv of a ready table"
    _write = staticmethod(pc.write_csv)


class ArrowParquet(_Arrow):
    title = "floor: pyarrow write_table of a ready table"
    _write = staticmethod(pq.write_table)
