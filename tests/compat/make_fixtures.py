"""Makes the archive and the spool that every later version must read: `python -m tests.compat.make_fixtures`. Run once a format.

Clock and randomness are fixed, so the same rows give the same bytes again. What must come back is in `ROWS` and `LEFT`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import io
import itertools
import json
import lzma
import shutil
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from modeldata import Archive
from modeldata.columns import ABSENT
from modeldata.keep.compact import Sizes
from modeldata.keep.job import KeepJob
from modeldata.keep.jobs import compact, erase
from modeldata.keep.rewrite import RewriteRun
from modeldata.settings import Settings
from modeldata.settings.folders import SPOOL_PREFIX
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.writer import Writer
from modeldata.store import open_for
from modeldata.store.local import LocalStore

HERE = Path(__file__).parent / "fixtures"
FORMATS = ("csv", "jsonl", "parquet")
SPLIT_AT = {"csv": 400, "jsonl": 400, "parquet": 3600}
"""Bytes of a batch that becomes several."""
VERSION, SPOOL_VERSION = 2, 2
"""Of the archives, of the spool: raised where one of them gets another form, beside the old ones."""
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LATER_NS = 1_796_000_000_000_000_000
SPOOL, NOWHERE = f"{SPOOL_PREFIX}fixture", "/was/here"
"""What the spool and the folder of the archive are called in a fixture: no user, no machine."""

VALUES: dict[str, list[object]] = {
    "bool": [True, False, None],
    "int": [1, -(2**63), None],
    "huge": [2**70, -1, 10**30],
    "float": [0.1, float("nan"), float("-inf")],
    "text": ["a", "", None],
    "odd text": ['ü,"\n', " #'=1+1", "\u2028\x1f😀"],
    "lookalike": ["1", "True", "NaN"],
    "bytes": [b"x", b"", None],
    "decimal": [decimal.Decimal("1.50"), None, decimal.Decimal("-0.001")],
    "datetime": [dt.datetime(2026, 1, 2, 3, 4, 5, 6, dt.UTC), dt.datetime(1900, 1, 2, tzinfo=ZoneInfo("Europe/Berlin")), None],
    "naive": [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), None],
    "date": [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
    "time": [dt.time(3, 4, 5), dt.time(0), dt.time(23, 59, 59, 999999)],
    "timedelta": [dt.timedelta(days=1, seconds=2), -dt.timedelta(microseconds=1), None],
    "uuid": [uuid.UUID(int=5), None, uuid.UUID(int=2**128 - 1)],
    "complex": [1 + 2j, None, complex(0, -1)],
    "mixed": [1, "1", None],
    "list": [[1, "a", None], [], [[2.5]]],
    "dict": [{"a": 1, "b": [dt.date(2026, 1, 2)]}, {}, {"c": None}],
    "numpy": [np.float32(0.5), np.int16(-3), np.datetime64(5, "us")],
    "array": [np.array([1.0, 2.0], "f4"), np.array([], "f4"), np.arange(4).reshape(2, 2)],
    "sometimes": [1, ABSENT, 3],
}
"""One column of each kind of value: three rows."""
TYPED = pa.table(
    {
        "int8": pa.array([1, None, -128], pa.int8()),
        "uint64": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "float32": pa.array([0.1, float("nan"), None], pa.float32()),
        "large_string": pa.array(["a", None, 'b"'], pa.large_string()),
        "dictionary": pa.array(["x", "y", None]).dictionary_encode(),
        "decimal": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-2.25")], pa.decimal128(20, 2)),
        "date32": pa.array([dt.date(2026, 1, 2), None, dt.date(1600, 2, 29)], pa.date32()),
        "time64": pa.array([dt.time(1, 2, 3, 4), None, dt.time(0)], pa.time64("us")),
        "timestamp_ns": pa.array([0, None, -1], pa.timestamp("ns")),
        "timestamp_tz": pa.array([1, 10**15, None], pa.timestamp("us", "Europe/Berlin")),
        "duration_ms": pa.array([1, None, -(10**9)], pa.duration("ms")),
        "list": pa.array([[1, 2], None, []], pa.list_(pa.int64())),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": ""}], pa.struct({"a": pa.int64(), "b": pa.string()})),
    }
)
FRAME = pd.DataFrame(
    {
        "n": [1, 2, 3],
        "f": [0.5, np.nan, -1.0],
        "s": ["x", None, "z"],
        "when": np.array(["2026-01-02", "NaT", "2026-01-03T04:05:06.000007"], "M8[ns]"),
        "kind": pd.Categorical(["a", "b", "a"]),
        "span": np.array([10**9, "NaT", -(10**14)], "m8[ns]"),
    }
)


def rows_of(columns: dict[str, list[object]]) -> list[dict[str, object]]:
    """The rows of columns; a value that is absent has no key."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return [{name: value for name, value in row.items() if value is not ABSENT} for row in rows]


class House:
    """An archive in one format, a service that collects for it, and a shipper: at fixed times, with fixed chance."""

    def __init__(self, folder: Path, file_format: str, *, block_bytes: int = 0, hours: bool = False, excel: bool = False) -> None:
        self.archive = Archive(
            folder, format=file_format, ship="off", fsync="never", min_free_bytes=0, hour_folders=hours, excel_safe=excel
        )
        self.place = open_place(self.archive.settings.spool_folder(), Files(), b"\1" * 16, 0)
        store = open_for(self.archive.settings, Files())
        store.block_bytes = block_bytes or store.block_bytes
        self.warnings: list[str] = []
        self.pipeline = Pipeline(
            self.place, store, self.archive.settings, files=Files(), warn=self.warnings.append, may_commit=lambda: True,
            random=lambda size: hashlib.sha256(file_format.encode()).digest()[:size],
        )  # fmt: skip

    def collect(self, identifier: str, at: str, *calls: object, ids: str = "") -> None:
        collector = self.archive.collector("fixture", identifier)
        with at_time(at):
            assert all(collector.collect(data, ids) for data in calls), identifier

    def refuse(self, identifier: str, at: str) -> None:
        with at_time(at):
            assert not self.archive.collector("fixture", identifier).collect(object)

    def ship(self) -> None:
        while self.pipeline.step(parked_too=False).rows:
            continue
        self.pipeline.remove(self.pipeline.finished())


def at_time(moment: str) -> mock._patch[Callable[[], int]]:
    since = dt.datetime.fromisoformat(f"2026-11-{moment}").replace(tzinfo=dt.UTC) - EPOCH
    nanoseconds = since // dt.timedelta(microseconds=1) * 1000
    return mock.patch("modeldata.collector.time_ns", lambda: nanoseconds)


@contextmanager
def fixed() -> Iterator[None]:
    """No chance: ids are counted. No clock but that of each call."""
    numbers = itertools.count(1)
    count: Callable[[int], bytes] = lambda size: hashlib.sha256(str(next(numbers)).encode()).digest()[:size]  # noqa: E731 - short
    defaults = Writer.__init__.__kwdefaults__
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(defaults, random=count, clock=lambda: LATER_NS))
        stack.enter_context(mock.patch("modeldata.intake.shared.time.time_ns", lambda: LATER_NS))
        stack.enter_context(mock.patch("socket.gethostname", lambda: "any"))
        yield


def make_archive(folder: Path, file_format: str) -> None:
    """Every feature of an archive, each in a folder or a day of its own."""
    house = House(folder, file_format)
    house.collect("values", "23T10:00:00", rows_of(VALUES), ids="one, two")
    house.collect("typed", "23T10:00:00.000001", TYPED)
    house.collect("frame", "23T10:00:00", FRAME)
    house.collect("block", "23T10:00:00", np.arange(6.0).reshape(3, 2), np.arange(2.0))
    house.collect("shapes", "23T10:00:00", {"a": 1}, {"a": 2, "b": "x"}, {"a": 0.5})
    house.collect("kept", "20T10:00:00", [{"customer": number % 3, "n": number, "text": "a,\nb"} for number in range(6)])
    house.collect("erased", "21T10:00:00", [{"customer": number % 3, "n": number} for number in range(6)])
    house.refuse("values", "23T10:00:01")
    house.ship()
    house.collect("kept", "20T11:00:00", {"customer": 1, "n": 6, "text": None})
    house.collect("erased", "21T11:00:00", {"customer": 1, "n": 6})
    house.collect("values", "23T11:00:00", rows_of(VALUES)[0])
    house.refuse("refused", "23T11:00:00")
    house.archive.close()
    house.ship()
    hours = House(folder, file_format, hours=True, excel=True, block_bytes=SPLIT_AT[file_format])
    for hour in ("22T23", "23T00"):
        hours.collect("hours", f"{hour}:00:00", [{"n": number, "s": f"=1+{number}"} for number in range(20)])
    hours.ship()
    store = LocalStore(str(folder), Files())
    sizes = Sizes(target=1 << 27, rows=1 << 20, memory=1 << 28)
    done = list(compact(_job(store, "kept", 1), sizes)) + list(erase(_job(store, "erased", 2), "customer = 2", dry=False))
    assert [result.problem for result in done] == ["", ""], done
    hours.archive.close()
    shutil.rmtree(house.place.folder)


def _job(store: LocalStore, identifier: str, number: int) -> KeepJob:
    return KeepJob(store, "fixture", {"identifier": identifier}, RewriteRun(f"{number:032}", "host", LATER_NS + number))


LEFT: dict[str, list[object]] = {
    "list": [[1, "a", 2.5, None, True], [2**70, 'ü,"\n', float("nan"), b"x", False]],
    "rows": [[[1, "a"], [2, "b"]]],
    "dict": [{"a": 1, "b": "x"}],
    "dicts": [[{"a": 1, "b": "x"}, {"a": 2}]],
    "array": [np.arange(3), np.arange(6.0).reshape(3, 2)],
    "frame": [FRAME],
    "series": [pd.Series([1, 2, 3], name="n")],
    "arrow": [TYPED, TYPED.slice(1)],
    "values": [rows_of(VALUES)],
}
"""What lies in the segments, by identifier."""


def make_spool(folder: Path) -> None:
    """A spool as a killed service and a killed shipper leave it: shipped rows, parked rows, a frozen round, unsent rows."""
    house = House(folder, "csv")
    house.collect("shipped", "23T10:00:00", {"n": 1}, {"n": 2})
    house.collect("parked", "23T10:00:00", {"n": 1})
    house.ship()
    day = folder / "unknown/unknown/unknown-fixture-unknown/parked/2026/11/24"
    day.parent.mkdir(parents=True, exist_ok=True)
    day.touch()  # a file where a folder should be
    house.collect("parked", "24T10:00:00", {"n": 2}, {"n": 3})
    house.collect("shipped", "23T11:00:00", {"n": 3})
    house.ship()
    assert house.pipeline.parked.rows() == 2
    day.unlink()
    house.collect("shipped", "23T12:00:00", {"n": 4})
    house.collect("frozen", "23T12:00:00", [{"n": 1}, {"n": 2}])
    with mock.patch.object(house.pipeline, "_send", side_effect=KeyboardInterrupt):
        try:
            house.pipeline.step()
        except KeyboardInterrupt:
            pass
    for identifier, calls in LEFT.items():
        house.collect(identifier, "23T13:00:00", *calls, ids="last")
    house.refuse("list", "23T13:00:00")
    for lane in house.archive._intake.writer.lanes:
        assert lane.segment is not None
        lane.segment.store(b"\xf5MDf" + bytes(range(60)))  # what a death in the middle of a write leaves
        lane.abandon()
    house.archive.close()


def pack(folder: Path, target: Path) -> None:
    """The folder as one file. Segments and checkpoints are nearly all zeros: they are packed well."""
    for spool in folder.glob(f"{SPOOL_PREFIX}*"):
        spool.rename(folder / SPOOL)
    put(folder, NOWHERE)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            about = tar.gettarinfo(path, str(path.relative_to(folder)))
            about.mtime, about.uid, about.gid, about.uname, about.gname = 0, 0, 0, "", ""
            tar.addfile(about, io.BytesIO(path.read_bytes()) if path.is_file() else None)
    target.write_bytes(lzma.compress(made.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def unpack(name: str, folder: Path) -> Path:
    """A fixture at `folder`, as if it had always been there: it is not taken for a copy."""
    with tarfile.open(HERE / f"{name}.tar.xz") as tar:
        tar.extractall(folder, filter="data")
    put(folder, str(folder))
    if (folder / SPOOL).exists():
        (folder / SPOOL).rename(Settings.build({}, archive=str(folder)).spool_folder())
    return folder


def put(folder: Path, where: str) -> None:
    """Say of an archive and its spool that they are at `where`, and that these are their inodes."""
    inodes = {"_modeldata/_manifest/archive.json": folder, f"{SPOOL}/spool.json": folder / SPOOL / "segments"}
    for note in folder.glob(f"{SPOOL}/sinks/*/archive.json"):
        note.write_text(json.dumps({**json.loads(note.read_text()), "url": where}))
    for name, inode_of in inodes.items():
        if (folder / name).exists():
            note = json.loads((folder / name).read_text())
            here = {"where": where} if "where" in note else {}
            (folder / name).write_text(json.dumps({**note, **here, "inode": inode_of.stat().st_ino if where != NOWHERE else 1}))
    register = folder / SPOOL / "archives.json"
    if register.exists():
        register.write_text(json.dumps({where: folder.stat().st_ino if where != NOWHERE else 1}))


def main() -> None:
    for name, make in (
        *((f"archive-{form}-{VERSION}", lambda folder, form=form: make_archive(folder, form)) for form in FORMATS),
        (f"spool-{SPOOL_VERSION}", make_spool),
    ):
        target = HERE / f"{name}.tar.xz"
        if target.exists():
            print(f"{target} is there: an old fixture is never made again", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder, fixed():
            root = Path(folder) / "archive"
            make(root)
            pack(root, target)
        print(f"made {target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
