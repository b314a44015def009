"""Which rows count: those of live batches, once, whatever else lies in the folder. Housekeeping is played by hand here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pytest

from modeldata.catalog.audit import COMPLETE, EXPLAINED
from modeldata.catalog.batches import Catalog
from modeldata.catalog.errors import Damaged, SkippedWarning
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.read.kit import Shipped
from tests.support.audits import audit_at_once

HEADER = "$Timestamp,$CorrelationId,$RequestId,x\n"


class Day:
    """The folder of one collector's day in an archive of CSV: three batches of two rows each."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "archive"
        self.shipped = Shipped(str(self.root), folder / "spool")
        for number in range(3):
            self.shipped.collect("inputs", [{"x": 2 * number}, {"x": 2 * number + 1}], at=f"2026-11-23T10:00:0{number}")
            self.shipped.ship()
        (data,) = self.root.rglob("data.csv")
        self.folder = data.parent
        self.manifest = self.folder / "_manifest" / "data.csv.jsonl"
        self.store = open_store(str(self.root), Files())

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.manifest.read_text().splitlines()]

    def read(self, **question: Any) -> list[int]:
        return sorted(self.shipped.archive.read("m", "inputs", **question)["x"].to_pylist())

    def replace(self, name: str, batches: list[int], keep: list[int], **report: Any) -> Path:
        """Write a file with the rows `keep` of some batches, and the line that switches to it. The manifest it is in."""
        lines = self.lines()
        rows = (self.folder / "data.csv").read_bytes().splitlines(keepends=True)[1:]
        body = b"".join(rows[row] for row in keep)
        (self.folder / name).write_bytes(HEADER.encode() + body)
        writer = lines[0]["sequences"][0][0]
        line = {
            **lines[batches[0]],
            "batch": f"compact-{name}",
            "replaces": [lines[at]["batch"] for at in batches],
            "file": name,
            "offset": 0,
            "bytes": len(HEADER) + len(body),
            "row_bytes": len(body),
            "crc32": crc32(body),
            "rows": len(keep),
            "calls": [[1, len(keep)]],
            "sequences": [[writer, row, row] for row in keep],
            "last_ns": lines[batches[-1]]["last_ns"],
            **report,
        }
        for of_a_shipper in ("archived_ns", "host", "spool"):
            line.pop(of_a_shipper, None)
        manifest = self.folder / "_manifest" / f"{name}.jsonl"
        manifest.write_text(json.dumps(line) + "\n")
        return manifest

    def verdict(self) -> str:
        """Of the archive as it would be without heads: what is played by hand leaves no record in them."""
        shutil.rmtree(self.root / "_heads", ignore_errors=True)
        found = audit_at_once(self.store)
        assert not found.problems, found.problems
        return found.verdict


@pytest.fixture
def day(tmp_path: Path) -> Day:
    return Day(tmp_path)


def test_a_replaced_batch_is_read_once_while_its_file_is_there(day: Day) -> None:
    day.replace("data-0000000c-1.csv", [0, 1], [0, 1, 2, 3])
    assert day.read() == [0, 1, 2, 3, 4, 5]
    assert day.verdict() == COMPLETE and audit_at_once(day.store).rows == 6


def test_a_replaced_batch_is_read_once_when_its_files_are_gone(day: Day) -> None:
    day.replace("data-0000000c-1.csv", [0, 1, 2], [0, 1, 2, 3, 4, 5])
    (day.folder / "data.csv").unlink()
    assert day.read() == [0, 1, 2, 3, 4, 5] and day.verdict() == COMPLETE
    day.manifest.unlink()
    assert day.read() == [0, 1, 2, 3, 4, 5] and day.verdict() == COMPLETE


def test_what_a_replacing_line_has_half_of_is_not_the_switch_yet(day: Day) -> None:
    manifest = day.replace("data-0000000c-1.csv", [0, 1, 2], [0, 1, 2, 3, 4, 5])
    whole = manifest.read_bytes()
    for size in (0, 10, len(whole) - 1):
        manifest.write_bytes(whole[:size])
        assert day.read() == [0, 1, 2, 3, 4, 5]


def test_a_batch_stays_replaced_when_what_replaced_it_is_replaced(day: Day) -> None:
    first = day.replace("data-0000000c-1.csv", [0, 1], [0, 1, 2, 3])
    second = day.replace("data-0000000c-2.csv", [0, 1], [0, 1, 2, 3])
    line = json.loads(second.read_text())
    second.write_text(json.dumps({**line, "replaces": [json.loads(first.read_text())["batch"]]}) + "\n")
    assert day.read() == [0, 1, 2, 3, 4, 5] and day.verdict() == COMPLETE


def test_erased_rows_are_a_gap_with_a_reason(day: Day) -> None:
    writer = day.lines()[0]["sequences"][0][0]
    day.replace("data-0000000c-1.csv", [0, 1], [0, 3], lost=[[writer, 1, 2, "erased"]])
    assert day.read() == [0, 3, 4, 5]
    assert day.verdict() == EXPLAINED
    assert [(gap.first, gap.last, gap.reason) for one in audit_at_once(day.store).writers for gap in one.missing] == [
        (1, 2, "erased")
    ]


def test_refused_rows_of_a_replaced_line_are_counted_by_what_replaced_it(day: Day) -> None:
    lines = day.lines()
    lines[0]["refused"] = {"too_large": 3}
    day.manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert audit_at_once(day.store).refused == {"too_large": 3}
    day.replace("data-0000000c-1.csv", [0, 1], [0, 1, 2, 3], refused={"too_large": 3})
    assert audit_at_once(day.store).refused == {"too_large": 3}


def test_a_file_that_no_manifest_tells_of_is_not_read(day: Day) -> None:
    for name in ("data-0000000c-1.csv", "data-0a1b2c3d-7.parquet", "data-00112233445566778899aabb-1.jsonl"):
        shutil.copy(day.folder / "data.csv", day.folder / name)
    assert day.read() == [0, 1, 2, 3, 4, 5]
    (contents,) = (Catalog.of(day.store).read(one) for one in Catalog.of(day.store).listings.values())
    assert len(contents.uncommitted) == 3 and not contents.originals


def test_bytes_behind_the_last_line_are_not_read(day: Day) -> None:
    with (day.folder / "data.csv").open("ab") as file:
        file.write(b"2026-11-23T10:00:09.000000,,,99\n2026-11-23T10:0")
    assert day.read() == [0, 1, 2, 3, 4, 5]


def test_a_first_batch_without_its_line_is_not_taken_for_the_originals(day: Day) -> None:
    day.manifest.write_bytes(b"")
    (day.folder / "_manifest" / "data.csv.owner").stat()
    (contents,) = (Catalog.of(day.store).read(one) for one in Catalog.of(day.store).listings.values())
    assert contents.originals == [] and contents.uncommitted == [contents.listing.path + "/data.csv"]


def test_compaction_beside_a_reader_neither_loses_nor_doubles_rows(day: Day) -> None:
    """The files go away between the batches that a reader asks for; what replaced them has other boundaries."""
    other = day.shipped.archive.collector("m", "inputs")
    scan = day.shipped.archive.scan("m", "inputs")
    plan = scan._plan
    chunk = plan.pieces[0]
    pieces = [type(chunk)(chunk.folder, (batch,)) for batch in chunk.batches]  # type: ignore[union-attr, call-arg, arg-type]
    scan._plan = plan._replace(pieces=pieces)
    assert other is not None and len(pieces) == 3

    store = scan._store
    read = store.read
    asked: list[str] = []

    def compacting(path: str, start: int = 0, size: int | None = None) -> bytes:
        if path.endswith("/data.csv"):
            asked.append(path)
            if len(asked) == 2:
                day.replace("data-0000000c-1.csv", [0, 1, 2], [5, 4, 3, 2, 1, 0])
                (day.folder / "data.csv").unlink()
        return read(path, start, size)

    store.read = compacting  # type: ignore[method-assign]
    found = [value for batch in scan for value in batch["x"].to_pylist()]
    assert sorted(found) == [0, 1, 2, 3, 4, 5] and len(asked) >= 2


def test_a_damaged_line_of_a_manifest_is_reported_and_the_rest_can_be_read(day: Day) -> None:
    lines = day.manifest.read_bytes().splitlines(keepends=True)
    day.manifest.write_bytes(lines[0] + b"x" * (len(lines[1]) - 1) + b"\n" + lines[2])
    with pytest.raises(Damaged, match=r"data\.csv\.jsonl: line 2"):
        day.read()
    with pytest.warns(SkippedWarning, match="line 2"):
        assert day.read(errors="skip") == [0, 1, 4, 5]


def test_a_csv_damaged_in_the_middle_names_the_line_and_the_rest_can_be_read(day: Day) -> None:
    path = day.folder / "data.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3][:5] + b"," + lines[3][6:]
    path.write_bytes(b"".join(lines))
    with pytest.raises(Damaged, match=r"data\.csv: lines 4 to 5 are not what was archived .*line 4 is no row of 4 cells"):
        day.read()
    with pytest.warns(SkippedWarning, match="lines 4 to 5"):
        assert day.read(errors="skip") == [0, 1, 4, 5]


def test_a_changed_digit_is_damage_too(day: Day) -> None:
    path = day.folder / "data.csv"
    data = path.read_bytes()
    assert data.endswith(b",5\n")
    path.write_bytes(data[:-2] + b"7\n")
    with pytest.raises(Damaged, match="lines 6 to 7 are not what was archived"):
        day.read()


def test_a_file_cut_short_is_damage(day: Day) -> None:
    path = day.folder / "data.csv"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(Damaged, match="3 bytes are missing at its end"):
        day.read()


def test_a_file_that_is_gone_without_a_switch_is_damage(day: Day) -> None:
    day.shipped.collect("inputs", [{"x": 6}], at="2026-11-24T10:00:00")
    day.shipped.ship()
    (day.folder / "data.csv").unlink()
    with pytest.raises(Damaged, match=r"data\.csv: it is gone"):
        day.read()
    with pytest.raises(Damaged, match=r"data\.csv: it is gone"):
        day.shipped.archive.scan("m", "inputs").to_pylist()
    with pytest.warns(SkippedWarning, match="it is gone"):
        assert day.read(errors="skip") == [6]


def test_a_foreign_file_is_named_and_not_read(day: Day) -> None:
    (day.folder / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.warns(SkippedWarning, match=r"notes\.csv is not a file of this archive"):
        assert day.read() == [0, 1, 2, 3, 4, 5]


def test_a_damaged_parquet_part_is_reported_and_the_rest_can_be_read(tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    for number in range(3):
        shipped.collect("inputs", pa.table({"x": [number] * 3}))
        shipped.ship()
    part = sorted((tmp_path / "archive").rglob("*.parquet"))[1]
    part.write_bytes(part.read_bytes()[:-8] + b"\0" * 8)
    with pytest.raises(Damaged, match=part.name):
        shipped.archive.read("m", "inputs")
    with pytest.warns(SkippedWarning, match=part.name):
        assert sorted(shipped.archive.read("m", "inputs", errors="skip")["x"].to_pylist()) == [0] * 3 + [2] * 3


def test_a_line_that_is_not_valid_is_named_and_hides_no_other_batch(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "jsonl")
    for number in range(3):
        made.collect("inputs", {"x": number}, at="2026-11-01T10:00:00")
        made.ship()
    (manifest,) = (tmp_path / "archive").rglob("_manifest/*.jsonl")
    lines = manifest.read_bytes().splitlines()
    manifest.write_bytes(b"\n".join([lines[0].replace(b'"types"', b'"kinds_of"'), *lines[1:], b""]))
    with pytest.raises(Damaged, match="line 1 is not valid"):
        made.archive.read("m", "inputs")
    with pytest.warns(SkippedWarning, match="line 1 is not valid"):
        assert made.archive.read("m", "inputs", errors="skip")["x"].to_pylist() == [1, 2]
    assert any("line 1 is not valid" in problem for problem in made.archive.audit().problems)
    assert [held.total.rows for held in made.archive.collectors()] == [2]
