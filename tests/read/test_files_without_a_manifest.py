"""Files without a manifest: the original's of 2017, as ten years may have left them, and ours in a copy that left manifests out."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from modeldata import Archive, ModelDataError
from modeldata.catalog.audit import BROKEN, audit
from modeldata.catalog.errors import Damaged, SkippedWarning
from modeldata.read.plain_csv import sections, utf8
from tests.keep.kit import compacted, erased, local, pruned
from tests.read.kit import FORMATS, Shipped

HEADER = "$Timestamp,$CorrelationId,$RequestId,"
ZERO = "00000000-0000-0000-0000-000000000000"


def row(number: int, *cells: object) -> str:
    return f"2017-10-05T12:00:00.{number:06},c{number},{ZERO}," + ",".join(map(str, cells)) + "\n"


@pytest.fixture
def old(tmp_path: Path) -> Callable[..., Archive]:
    def write(content: str | bytes) -> Archive:
        path = tmp_path / "archive/s/g/a/svc/1-m-2/inputs/2017/10/05/data.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Archive(tmp_path / "archive", ship="off")

    return write


def ages(archive: Archive, **question: Any) -> list[object]:
    found = archive.read("m", "inputs", **question)
    return list(found["age"].to_pylist())


def skipped(archive: Archive, said: str) -> list[object]:
    """With errors="skip": what is left, and what is said of the rest. With "raise", the same is an error of ours."""
    with pytest.raises(Damaged, match=said):
        ages(archive)
    with pytest.warns(SkippedWarning, match=said):
        return ages(archive, errors="skip")


# The original's


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_any_encoding_that_tools_of_its_time_wrote_is_read(old: Callable[..., Archive], encoding: str) -> None:
    archive = old((HEADER + "age,name\n" + row(1, 3, "Zoë") + row(2, 4, "日本")).encode(encoding))
    found = archive.read("m", "inputs")
    assert found["age"].to_pylist() == [3, 4] and found["name"].to_pylist() == ["Zoë", "日本"]
    assert found["$CorrelationId"].to_pylist() == ["c1", "c2"]


@pytest.mark.parametrize("content", ["", HEADER + "age\n", HEADER + "age"])
def test_a_file_without_a_row_has_no_rows(old: Callable[..., Archive], content: str) -> None:
    assert old(content).read("m", "inputs").num_rows == 0


def test_a_second_header_in_the_middle_is_no_row(old: Callable[..., Archive]) -> None:
    assert ages(old(HEADER + "age\n" + row(1, 3) + HEADER + "age\n" + row(2, 4))) == [3, 4]


def test_rows_below_a_second_header_have_its_columns(old: Callable[..., Archive]) -> None:
    archive = old(HEADER + "age,plan\n" + row(1, 3, "a") + HEADER + "plan,income\n" + row(2, "b", 1.5))
    found = archive.read("m", "inputs").select(["age", "plan", "income"])
    assert found.to_pydict() == {"age": [3, None], "plan": ["a", "b"], "income": [None, 1.5]}


def test_text_in_a_cell_that_looks_like_a_header_is_text(old: Callable[..., Archive]) -> None:
    note = f'"see\n{HEADER}age"'
    found = old(HEADER + "age,note\n" + row(1, 3, note) + row(2, 4, "x")).read("m", "inputs")
    assert found["note"].to_pylist() == [f"see\n{HEADER}age", "x"]


@pytest.mark.parametrize("time", ["10/5/2017 12:00", "2017-13-05T12:00:00", "NaT"])
def test_a_time_that_is_none_leaves_out_this_row_only(old: Callable[..., Archive], time: str) -> None:
    archive = old(HEADER + "age,note\n" + row(1, 3, '"two\nlines"') + f"{time},c,{ZERO},9,x\n" + row(2, 4, "y"))
    assert skipped(archive, r"data\.csv: line 4 has no time") == [3, 4]


def test_which_rows_are_left_out_does_not_depend_on_the_columns(old: Callable[..., Archive]) -> None:
    archive = old(HEADER + "age\n" + row(1, 3) + f"never,c,{ZERO},9\n")
    with pytest.warns(SkippedWarning):
        assert ages(archive, columns=["age"], errors="skip") == [3]
    with pytest.warns(SkippedWarning):
        assert archive.read("m", "inputs", columns=["$Writer"], errors="skip").num_rows == 1


def test_a_row_with_other_cells_leaves_out_this_row_only(old: Callable[..., Archive]) -> None:
    archive = old(HEADER + "age,note\n" + row(1, 3, '"two\nlines"') + row(2, 9) + row(3, 4, "x") + f"never,c,{ZERO},9,x\n")
    assert skipped(archive, r"line (4 has 4 cells where the header has 5|6 has no time)") == [3, 4]


def test_a_row_that_is_not_utf8_leaves_out_this_row_only(old: Callable[..., Archive]) -> None:
    content = (HEADER + "age,name\n" + row(1, 3, "a") + row(2, 9, "Zoë") + row(3, 4, "b")).encode("latin-1")
    assert skipped(old(content), r"data\.csv: line 3 is not UTF-8") == [3, 4]


def test_columns_with_one_name_are_kept_apart_by_a_number(old: Callable[..., Archive]) -> None:
    found = old(HEADER + "age,age,age.1,age\n" + row(1, 1, 2, 3, 4)).read("m", "inputs")
    assert {name: found[name].to_pylist() for name in found.column_names[6:]} == {
        "age": [1],
        "age.2": [2],
        "age.1": [3],
        "age.3": [4],
    }


@pytest.mark.parametrize("content", [b"\0" * 40, b"\xff" * 40, b"\xff\xfe\x00", b'"', b'a,"b\n1,2\n', b"\n\n", b",\n1,2\n"])
def test_any_bytes_are_rows_or_a_public_error(old: Callable[..., Archive], content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            old(content).read("m", "inputs", errors="skip")
        except ModelDataError:
            pass


def test_sections_end_where_the_csv_module_finds_the_next_header() -> None:
    text = HEADER + 'a\n1,2,3,"x\ny"\n' + HEADER + "b\n1,2,3,4\n" + HEADER + 'c\n1,2,3,"' + HEADER + '"\n'
    expected: list[list[list[str]]] = []
    for cells in csv.reader(text.splitlines(keepends=True)):
        if cells[:3] == HEADER.split(",")[:3]:
            expected.append([])
        expected[-1].append(cells)
    found = [[section.names, *csv.reader(section.rows.decode().splitlines(keepends=True))] for section in sections(text.encode())]
    assert found == expected and utf8(text.encode("utf-16")) == text.encode()


# Ours


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("whole", [False, True])
def test_a_copy_without_manifests_is_read_and_said_to_be_unproven(tmp_path: Path, file_format: str, whole: bool) -> None:
    """Without the folder's manifests; or without all names that begin with an underscore."""
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    shipped.collect("inputs", *({"n": n, "text": f"a,{n}", "list": [n, 1]} for n in range(3)))
    shipped.ship()
    shipped.collect("inputs", *({"n": n, "other": n / 2} for n in range(3, 6)))
    shipped.ship()
    for path in list((tmp_path / "archive").rglob("_*")):
        if whole or "2026" in str(path.parent) or (path.name == "_manifest" and path.parent.name != "_modeldata"):
            shutil.rmtree(path, ignore_errors=True)
    with pytest.warns(SkippedWarning, match="unproven: .* has no manifests"):
        found = shipped.archive.read("m", "inputs").sort_by("n")
    assert found["n"].to_pylist() == list(range(6)) and found["text"].to_pylist() == ["a,0", "a,1", "a,2", None, None, None]
    assert found["other"].to_pylist() == [None, None, None, 1.5, 2.0, 2.5]
    if file_format != "csv":
        assert found["$Sequence"].to_pylist() == list(range(6)) and found["list"].to_pylist()[1] in ([1, 1], "[1,1]", "[1, 1]")
    with pytest.warns(SkippedWarning, match="unproven"):
        assert shipped.archive.scan("m", "inputs").count() == 6
    assert audit(local(tmp_path), wait=lambda seconds: None).verdict == BROKEN


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_prune_leaves_files_of_ours_without_a_manifest_and_erase_names_their_rows(tmp_path: Path) -> None:
    """A shipper may be about to put the manifest."""
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    shipped.collect("inputs", {"customer": 17}, {"customer": 18}, at="2026-11-20T10:00:00")
    shipped.ship()
    (path,) = (tmp_path / "archive").rglob("data-*.parquet")
    shutil.rmtree(path.parent / "_manifest")
    assert [
        done.problem.endswith("its files have no manifest, and stay: `modeldata audit` names them")
        for done in pruned(local(tmp_path))
    ] == [True]
    assert [done.problem.endswith("1 rows in a file without a manifest: edit it") for done in erased(local(tmp_path))] == [True]
    assert path.exists() and shipped.archive.read("m", "inputs")["customer"].to_pylist() == [17, 18]


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
def test_rows_that_are_in_two_such_files_are_read_once(tmp_path: Path, file_format: str) -> None:
    """A copy that was made while compaction was between its switch and its clean-up."""
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    for n in range(3):
        shipped.collect("inputs", {"n": n}, at=f"2026-11-20T10:00:0{n}")
        shipped.ship()
    before = {path: path.read_bytes() for path in (tmp_path / "archive").rglob("data*") if path.parent.name == "20"}
    compacted(local(tmp_path))
    for path, content in before.items():
        path.write_bytes(content)
        shutil.rmtree(path.parent / "_manifest", ignore_errors=True)
    assert sorted(shipped.archive.read("m", "inputs")["n"].to_pylist()) == [0, 1, 2]


@pytest.mark.filterwarnings("ignore::modeldata.SkippedWarning")
def test_odd_lines_of_json_are_left_out_one_by_one(tmp_path: Path) -> None:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "jsonl")
    shipped.collect("inputs", *({"age": n} for n in range(3)), at="2026-11-20T10:00:00")
    shipped.ship()
    (path,) = (tmp_path / "archive").rglob("data.jsonl")
    shutil.rmtree(path.parent / "_manifest")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", "[1]", "null", json.dumps({"age": 1}), lines[2]]) + "\n")
    with pytest.raises(Damaged, match="line 2 is no row"):
        shipped.archive.read("m", "inputs")
    assert shipped.archive.read("m", "inputs", errors="skip")["age"].to_pylist() == [0, 2]


def test_a_call_of_spark_that_is_not_archived_yet_is_not_read(tmp_path: Path) -> None:
    """Its files get their names before the one manifest that makes them count. The archive itself is whole."""
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", "parquet")
    shipped.collect("inputs", {"n": 1}, at="2026-11-20T10:00:00")
    shipped.ship()
    (part,) = (tmp_path / "archive").rglob("data-*.parquet")
    call = part.parent.parent / "21" / f"data-{'0a' * 12}-1.parquet"
    call.parent.mkdir()
    shutil.copy(part, call)
    assert pq.read_table(call).num_rows == 1
    assert shipped.archive.read("m", "inputs")["n"].to_pylist() == [1]
