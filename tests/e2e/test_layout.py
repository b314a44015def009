"""Where rows land and in which form, end to end: design.md §5, and the fault matrix's bad inputs (F) and path tricks (G1)."""

from __future__ import annotations

import csv
import datetime as dt
import json
import logging
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modeldata import Archive, ModelDataCollector
from modeldata.ship.worker import Worker
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.lock import Leadership
from tests.support.archive import assert_complete, data_files, features, manifest_lines, rows
from tests.support.scripts import drain, modeldata, run

SECOND = 10**9
DAY = 86_400 * SECOND
MIDNIGHT = 1_795_392_000 * SECOND
"""2026-11-23 00:00 UTC."""
HEADER = "$Timestamp,$CorrelationId,$RequestId"
ZERO = "00000000-0000-0000-0000-000000000000"
MIB = 1 << 20

Clock = Callable[[int], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "a"


@pytest.fixture
def archive(root: Path) -> Iterator[Archive]:
    """Collects in this process; only `drain` ships."""
    made = Archive(root, ship="off", min_free_bytes=0)
    yield made
    made.close(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets the time of the calls that follow."""

    def at(time_ns: int) -> None:
        monkeypatch.setattr("modeldata.collector.time_ns", lambda: time_ns)

    at(MIDNIGHT + DAY // 2)
    return at


def ship(archive: Archive, warn: Callable[[str], None] = pytest.fail) -> None:
    """As `modeldata ship --drain`, in this process: an interpreter for each look would be most of these tests' time."""
    files = Files()
    place = open_place(archive.settings.spool_folder(), files, bytes(16), 0)
    leadership = Leadership.take(place.leader_lock, files)
    assert leadership is not None
    try:
        Worker(
            place, archive.settings, leadership, files=files, warn=warn, monotonic=time.monotonic, wall_ns=time.time_ns,
            wait=lambda seconds: False, dice=lambda: 0.5,
        ).drain()  # fmt: skip
    finally:
        leadership.release()


def day_of(root: Path, day: str = "2026/11/23", identifier: str = "inputs") -> Path:
    return root / "unknown" / "unknown" / "unknown-m-unknown" / identifier / day


def spool8(root: Path) -> str:
    (note,) = root.glob(".modeldata-spool-*/spool.json")
    return str(json.loads(note.read_text())["spool"])[:8]


def listed(folder: Path) -> list[str]:
    """The day's files, as Spark and Hive see them."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(("_", ".")))


# ---- path, name, columns


def test_the_path_the_name_and_the_columns_are_the_seeds(root: Path, archive: Archive, clock: Clock) -> None:
    clock(MIDNIGHT + 7 * SECOND + 1_999)
    collector = ModelDataCollector("m.pkl", "inputs", ["x", "a b,c"], "sub/group/acc", "svc", "id1", "3", archive=archive)
    assert collector.collect([1, "t"], "order 1")

    drain(root)

    folder = root / "sub" / "group" / "acc" / "svc" / "id1-m.pkl-3" / "inputs" / "2026" / "11" / "23"
    assert listed(folder) == ["data.csv"] and data_files(root) == [folder / "data.csv"]
    assert (folder / "data.csv").read_bytes() == (f'{HEADER},x,"a b,c"\n2026-11-23T00:00:07.000001,order 1,{ZERO},1,t\n'.encode())
    assert sorted(path.name for path in (folder / "_manifest").iterdir()) == ["data.csv.jsonl", "data.csv.owner"]
    (line,) = [line for _, line in manifest_lines(root)]
    assert (line["file"], line["rows"], line["columns"]) == ("data.csv", 1, ["x", "a b,c"])
    assert assert_complete(root) == 1


def test_the_defaults_are_spelt_unknown_and_default(root: Path, archive: Archive, clock: Clock) -> None:
    assert archive.collector("m").collect([1])
    ship(archive)
    assert data_files(root) == [day_of(root, identifier="default") / "data.csv"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_a_row_goes_to_its_own_utc_day_wherever_the_service_and_the_shipper_are(tmp_path: Path, zone: str) -> None:
    run(
        f"""
    import modeldata.collector
    dc = modeldata.ModelDataCollector("m", "inputs", ["n"])
    for number, moment in enumerate([{MIDNIGHT - 1}, {MIDNIGHT}, {MIDNIGHT - SECOND}, {MIDNIGHT + DAY - 1}, {MIDNIGHT + DAY}]):
        modeldata.collector.time_ns = lambda: moment
        assert dc.collect([number])
    """,
        tmp_path,
        {"TZ": zone, "MODELDATA_SHIP": "off"},
    )
    root = tmp_path / "modeldata"
    done = modeldata("ship", "--drain", "--archive", str(root), env={"TZ": zone})
    assert done.returncode == 0, done.stderr

    found = {
        day: [(row["n"], row["$Timestamp"]) for row in rows(day_of(root, day))]
        for day in ("2026/11/22", "2026/11/23", "2026/11/24")
    }
    assert found == {
        "2026/11/22": [("0", "2026-11-22T23:59:59.999999"), ("2", "2026-11-22T23:59:59.000000")],
        "2026/11/23": [("1", "2026-11-23T00:00:00.000000"), ("3", "2026-11-23T23:59:59.999999")],
        "2026/11/24": [("4", "2026-11-24T00:00:00.000000")],
    }
    assert len(data_files(root)) == 3 and assert_complete(root) == 5


def test_rows_of_last_week_go_to_last_weeks_file_also_when_it_is_there_already(
    root: Path, archive: Archive, clock: Clock
) -> None:
    collector = archive.collector("m", "inputs", ["n"])
    clock(MIDNIGHT - 7 * DAY)
    assert collector.collect(["then"])
    ship(archive)
    clock(MIDNIGHT)
    assert collector.collect(["now"])
    clock(MIDNIGHT - 7 * DAY + 1)
    assert collector.collect(["late"])
    ship(archive)

    assert features(day_of(root, "2026/11/16")) == [("then",), ("late",)]
    assert features(day_of(root)) == [("now",)]
    assert [path.name for path in data_files(root)] == ["data.csv", "data.csv"] and assert_complete(root) == 3


# ---- F6 and the second file


def test_a_second_schema_of_the_day_goes_to_a_second_file_and_the_first_is_untouched(
    root: Path, archive: Archive, clock: Clock
) -> None:
    collector = archive.collector("m", "inputs")
    assert collector.collect({"a": 1, "b": 2})
    ship(archive)
    first = day_of(root) / "data.csv"
    before = first.read_bytes()

    assert collector.collect({"a": 3, "b": 4, "c": 5})
    ship(archive)

    second = day_of(root) / f"data-{spool8(root)}-1.csv"
    assert listed(day_of(root)) == [second.name, "data.csv"]
    assert first.read_bytes() == before and before.startswith(f"{HEADER},a,b\n".encode())
    assert second.read_bytes().startswith(f"{HEADER},a,b,c\n".encode()) and second.read_bytes().count(b"$Timestamp") == 1

    assert collector.collect({"a": 6, "b": 7})
    assert collector.collect({"a": 8, "b": 9, "c": 10})
    ship(archive)
    assert len(listed(day_of(root))) == 2, "each goes on in its own file"
    assert first.read_bytes().startswith(before) and assert_complete(root) == 4


def test_rows_with_new_missing_or_reordered_columns_are_never_shifted(root: Path, archive: Archive, clock: Clock) -> None:
    collector = archive.collector("m", "inputs")
    shapes = [["a", "b"], ["a", "b", "c"], ["a"], ["c", "a"], ["b", "a"], ["a", "b"], ["A", "b"]]
    for number, columns in enumerate(shapes):
        assert collector.collect(pd.DataFrame({name: [f"{name}{number}.{row}" for row in range(3)] for name in columns}))
    ship(archive)

    found = rows(root)
    assert len(found) == 3 * len(shapes)
    assert all(value.startswith(name) for row in found for name, value in row.items() if not name.startswith("$"))
    headers = [path.open().readline().strip() for path in data_files(root)]
    assert len(headers) == len(set(headers)) == 6 and assert_complete(root) == len(found)


def test_a_data_frame_column_that_changes_its_type_goes_to_another_file_and_numbers_may_flip(
    root: Path, archive: Archive, clock: Clock
) -> None:
    collector = archive.collector("m", "inputs")
    for values in ([1, 2], [1.5, None], np.array([7], dtype="uint8"), [True], ["text"], [pd.Timestamp("2020-01-01")], [3]):
        assert collector.collect(pd.DataFrame({"x": values}))
    ship(archive)

    by_file = {path.name: [cell for (cell,) in features_of(path)] for path in data_files(root)}
    assert sorted(by_file.pop("data.csv")) == ["1", "1.5", "2", "3", "7", "NaN"], "whole numbers and fractions share a file"
    assert sorted(by_file.values()) == [["2020-01-01T00:00:00.000000"], ["True"], ["text"]]
    assert set(by_file) == {f"data-{spool8(root)}-{number}.csv" for number in (1, 2, 3)}


def features_of(path: Path) -> list[tuple[str, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [tuple(row[3:]) for row in list(csv.reader(file))[1:]]


# ---- files of others


def test_a_data_csv_of_somebody_else_is_never_touched(root: Path, archive: Archive, clock: Clock) -> None:
    theirs = day_of(root) / "data.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"their,own\n1,2\n")
    before = theirs.stat()

    assert archive.collector("m", "inputs", ["n"]).collect([1])
    ship(archive)

    assert theirs.read_bytes() == b"their,own\n1,2\n"
    assert (theirs.stat().st_mtime_ns, theirs.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert features_of(day_of(root) / f"data-{spool8(root)}-1.csv") == [("1",)]
    assert listed(day_of(root)) == [f"data-{spool8(root)}-1.csv", "data.csv"]


@pytest.mark.parametrize("change", ["grown", "removed", "replaced"])
def test_a_file_of_ours_that_somebody_changed_is_left_as_it_is_and_we_go_on_beside_it(
    root: Path, archive: Archive, clock: Clock, change: str
) -> None:
    collector = archive.collector("m", "inputs", ["n"])
    assert collector.collect([1])
    ship(archive)
    first = day_of(root) / "data.csv"
    if change == "grown":
        first.write_bytes(first.read_bytes() + b"a line of theirs\n")
    elif change == "replaced":
        first.write_bytes(b"theirs\n")
    else:
        first.unlink()
    left = first.read_bytes() if first.exists() else None

    assert collector.collect([2]) and collector.collect([3])
    told: list[str] = []
    ship(archive, told.append)

    assert (first.read_bytes() if first.exists() else None) == left
    assert features_of(day_of(root) / f"data-{spool8(root)}-1.csv") == [("2",), ("3",)]
    assert len(told) == 1 and "foreign_change" in told[0] and str(first) in told[0]


def test_two_spools_on_one_archive_never_share_a_file(root: Path, tmp_path: Path, clock: Clock) -> None:
    archives = [Archive(root, spool=tmp_path / name, ship="off", min_free_bytes=0) for name in ("one", "two")]
    for number, archive in enumerate(archives * 2):
        assert archive.collector("m", "inputs", ["n"]).collect([number])
        drain(root, "--spool", str(tmp_path / "one" if archive is archives[0] else tmp_path / "two"))
    for archive in archives:
        archive.close(0)

    assert {tuple(features_of(path)) for path in data_files(root)} == {(("0",), ("2",)), (("1",), ("3",))}
    assert "data.csv" in listed(day_of(root)) and len(listed(day_of(root))) == 2


# ---- F1: what has no value


class Raises:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def recursive() -> dict[str, object]:
    made: dict[str, object] = {}
    made["again"] = made
    return made


REFUSED: dict[str, tuple[object, str]] = {
    "generator": ((number for number in range(3)), "unsupported_type"),
    "text": ("a text", "unsupported_type"),
    "number": (5, "unsupported_type"),
    "None": (None, "unsupported_type"),
    "set": ({1, 2}, "unsupported_type"),
    "function": (print, "unsupported_type"),
    "str() raises": ([Raises()], "unserializable"),
    "recursive dict": (recursive(), "unserializable"),
    "generator in a row": ([1, (number for number in range(3))], "unserializable"),
    "function in a row": ({"f": print}, "unserializable"),
}


def test_bad_data_is_refused_counted_and_told_and_harms_no_neighbour(
    root: Path, archive: Archive, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    collector = archive.collector("m", "inputs", ["n"])
    with caplog.at_level(logging.WARNING, "modeldata"):
        for number, (name, (data, reason)) in enumerate(REFUSED.items()):
            before = archive.stats().dropped.get(reason, 0)
            assert collector.collect(data) is False, name
            assert archive.stats().dropped.get(reason, 0) == before + 1, name
            assert collector.collect([number]) is True, f"after {name}"
    drain(root)

    assert features(root) == [(str(number),) for number in range(len(REFUSED))]
    counts = Counter(reason for _, reason in REFUSED.values())
    assert archive.stats().dropped == counts
    told = json.loads(modeldata("status", "--json", "--archive", str(root)).stdout)
    assert told["refused"] == counts, "the archive's own status says so too"
    assert len(caplog.records) == len(counts), "one warning for each reason, not for each row"
    assert assert_complete(root) == len(REFUSED)


# ---- F2, F3: values and text


TEXTS = [
    "a,b", 'say "x"', '"', "LF\nLF", "CR\rCR", "CR\r\nLF", "NUL\0NUL", "line\u2028sep", "\ufeffBOM", "\u202ertl", "\U0001f600",
    "e\u0301", "\u00e9", "", " ", " x ", "\t", "#", "\\", "\\n", "'", "NULL", "NaN", "None", "NA", "0012", "1e5", "-", ",",
]  # fmt: skip


def test_any_text_comes_back_through_the_csv_module_pandas_and_duckdb(root: Path, archive: Archive, clock: Clock) -> None:
    import duckdb

    collector = archive.collector("m", "inputs")
    for number, text in enumerate(TEXTS):
        assert collector.collect({"number": number, "value": text, "mirror": f"<{text}>"})
    ship(archive)

    expected = [(str(number), text, f"<{text}>") for number, text in enumerate(TEXTS)]
    assert features(root) == expected
    (path,) = data_files(root)
    read = pd.read_csv(path, dtype=str, keep_default_na=False, lineterminator=None)
    assert [tuple(row[3:]) for row in read.itertuples(index=False)] == expected
    relation = duckdb.sql(
        f"select number, value, mirror from read_csv('{path}', header=true, all_varchar=true, delim=',', quote='\"', escape='\"')"
    )
    assert [
        (number, value or "", mirror) for number, value, mirror in (relation.fetchall() if relation is not None else [])
    ] == expected


def test_any_text_may_be_the_name_of_a_column(root: Path, archive: Archive, clock: Clock) -> None:
    columns = [text for text in TEXTS if text]
    assert archive.collector("m", "inputs").collect({name: f"<{name}>" for name in columns})
    ship(archive)
    (row,) = rows(root)
    assert list(row) == [*HEADER.split(","), *columns]
    assert [row[name] for name in columns] == [f"<{name}>" for name in columns]


def test_lone_surrogates_become_the_replacement_mark_and_are_counted(root: Path, archive: Archive, clock: Clock) -> None:
    assert archive.collector("m", "inputs", ["n", "t"]).collect([["a\ud800b", "fine"], ["x", "\udfff"]])
    ship(archive)
    assert features(root) == [("a\ufffdb", "fine"), ("x", "\ufffd")]
    assert [line["surrogates_replaced"] for _, line in manifest_lines(root)] == [2]


def test_each_kind_of_value_has_its_one_form(root: Path, archive: Archive, clock: Clock) -> None:
    import decimal
    import uuid

    forms: list[tuple[object, str]] = [
        (None, ""), ("", ""), (float("nan"), "NaN"), (float("inf"), "Inf"), (-float("inf"), "-Inf"), (True, "True"), (1, "1"),
        (1.0, "1.0"), (2**63, "9223372036854775808"), (-(2**200), str(-(2**200))), (decimal.Decimal("1E+3"), "1000"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02T03:04:05.000006"), (b"\0\xff", "AP8="),
        (dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1))), "2026-01-02T00:00:00.000000+01:00"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"), (np.float32(0.1), "0.1"), (np.int8(-3), "-3"),
        (pd.NA, ""), (pd.NaT, ""), (np.bool_(False), "False"), ([1, None, "x"], '[1,null,"x"]'), ({"k": float("nan")}, '{"k":"NaN"}'),
    ]  # fmt: skip
    assert archive.collector("m", "inputs").collect([value for value, _ in forms])
    ship(archive)
    assert features(root) == [tuple(form for _, form in forms)]
    assert b',"",NaN,' in data_files(root)[0].read_bytes(), "an empty text is quoted, a missing value is not"


# ---- F4, F5: size


def test_rows_above_the_limit_are_refused_with_size_and_limit_and_smaller_ones_are_kept(
    root: Path, archive: Archive, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    collector = archive.collector("m", "inputs", ["n", "text"])
    with caplog.at_level(logging.WARNING, "modeldata"):
        said = [collector.collect([number, "x" * (size * MIB)]) for number, size in enumerate([0, 1, 5, 0, 64, 1, 0])]
    assert said == [True, True, False, True, False, True, True]
    assert archive.stats().dropped == {"too_large": 2}
    assert len(caplog.records) == 1
    assert "5,242," in caplog.text and "4,194,304" in caplog.text and "MODELDATA_MAX_ROW_BYTES" in caplog.text
    assert collector.collect([[7, "y" * (3 * MIB)], [8, "z" * (3 * MIB)]]), "the limit is for a row, not for a call"
    ship(archive)

    assert [(number, len(text)) for number, text in features(root)] == [
        ("0", 0), ("1", MIB), ("3", 0), ("5", MIB), ("6", 0), ("7", 3 * MIB), ("8", 3 * MIB),
    ]  # fmt: skip
    assert assert_complete(root) == 7


def test_a_limit_that_was_raised_lets_a_large_row_through(root: Path, clock: Clock) -> None:
    archive = Archive(root, ship="off", min_free_bytes=0, max_row_bytes="8MiB")
    assert archive.collector("m", "inputs", ["text"]).collect(["x" * (5 * MIB)])
    ship(archive)
    archive.close(0)
    assert [len(text) for (text,) in features(root)] == [5 * MIB]


def test_nothing_to_keep_leaves_nothing_behind_and_ten_thousand_columns_are_kept(
    root: Path, archive: Archive, clock: Clock
) -> None:
    empty = archive.collector("m", "empty")
    nothing = [
        [],
        {},
        [[]],
        [{}],
        np.empty((0, 3)),
        np.empty(0),
        pd.DataFrame(),
        pd.DataFrame({"x": []}),
        pd.Series([], dtype=float),
    ]
    assert [empty.collect(data) for data in nothing] == [True] * len(nothing)
    wide = archive.collector("m", "wide")
    width = 10_000
    assert wide.collect(list(range(width)))
    assert wide.collect(np.arange(2.0 * width).reshape(2, width))
    assert wide.collect({f"c{number}": number for number in range(width)})
    ship(archive)

    assert archive.stats().dropped == {} and data_files(root, "empty") == []
    found = rows(root, "wide")
    assert sorted(len(row) for row in found) == [width + 3] * 4
    assert sorted(row["9999"] for row in found if "9999" in row) == ["19999.0", "9999", "9999.0"]
    assert [row["c9999"] for row in found if "c9999" in row] == ["9999"]
    assert assert_complete(root) == 4


# ---- F7: names that collide


def test_colliding_and_unusual_names_get_a_documented_suffix_or_form(root: Path, archive: Archive, clock: Clock) -> None:
    collector = archive.collector("m", "inputs", ["n", "n", "$Sequence"])
    assert collector.collect([1, 2, 3, 4])
    assert collector.collect(pd.DataFrame([[1, 2, 3]], columns=["x", "x", "x.1"]))
    assert collector.collect(pd.DataFrame([[1, 2]], columns=[("a", "b"), 7]))
    assert collector.collect(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])))
    assert collector.collect({"$Timestamp": "mine", "$RequestId": "mine too", 3: "three", None: "none"})
    ship(archive)

    found = [{name: value for name, value in row.items() if name not in HEADER.split(",")} for row in rows(root)]
    assert {"n": "1", "n.1": "2", "$Sequence.1": "3", "3": "4"} in found
    assert {"x": "1", "x.2": "2", "x.1": "3"} in found
    assert {"('a', 'b')": "1", "7": "2"} in found
    assert {"a.b": "1", "a.c": "2"} in found
    assert {"$Timestamp.1": "mine", "$RequestId.1": "mine too", "3": "three", "None": "none"} in found
    assert {row["$Timestamp"] for row in rows(root)} == {"2026-11-23T12:00:00.000000"}, "ours keep their place"


# ---- F8: what happens after the call


def test_what_the_caller_changes_after_the_call_changes_nothing(root: Path, archive: Archive, clock: Clock) -> None:
    collector = archive.collector("m", "inputs")
    row, table, record, frame = [1, [2, 3]], np.array([[4.0, 5.0]]), {"k": {"deep": 6}}, pd.DataFrame({"f": [7, 8]})
    for data in (row, table, record, frame):
        assert collector.collect(data)
    row[0], row[1][1] = "changed", "changed"  # type: ignore[index]  # a list in a list
    table[:] = -1
    record["k"]["deep"] = -1
    record["new"] = {}
    frame.loc[:, "f"] = -1
    ship(archive)

    assert sorted(features(root)) == sorted([("1", "[2,3]"), ("4.0", "5.0"), ('{"deep":6}',), ("7",), ("8",)])


# ---- F9: formulas


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "-5", "fine", "a=b"]


def test_formulas_keep_their_bytes_unless_excel_safe_is_set_and_numbers_always_do(root: Path, clock: Clock) -> None:
    archive = Archive(root, ship="off", min_free_bytes=0)
    collector = archive.collector("m", "inputs")
    assert collector.collect([*FORMULAS, -5, -1.5])
    ship(archive)
    assert features(root) == [(*FORMULAS, "-5", "-1.5")]

    careful = Archive(root, ship="off", min_free_bytes=0, excel_safe=True)
    collector = careful.collector("m", "inputs")
    assert collector.collect([*FORMULAS, -5, -1.5])
    assert collector.collect(pd.DataFrame({"text": FORMULAS, "number": np.arange(len(FORMULAS)) - 5}))
    careful.close(0)
    archive.close(0)
    drain(root)

    safe = ["'" + text if text not in ("fine", "a=b") else text for text in FORMULAS]
    assert features_of(day_of(root) / "data.csv")[1:] == [(*safe, "-5", "-1.5")]
    (other,) = [path for path in data_files(root) if path.name != "data.csv"]
    assert features_of(other) == [(text, str(number - 5)) for number, text in enumerate(safe)]


# ---- F10: garbage in the spool


def test_what_is_no_segment_is_ignored_never_deleted_and_hangs_nobody(root: Path, archive: Archive, clock: Clock) -> None:
    assert archive.collector("m", "inputs", ["n"]).collect([1])
    (segments,) = root.glob(".modeldata-spool-*/segments")
    like_one = "0" * 32 + "-000001.seg"
    garbage = {
        ".DS_Store": b"mac",
        "x.seg~": b"backup",
        "half.tmp": b"half",
        "4913": b"vim",
        like_one + ".swp": b"",
        "notes.txt": b"n",
    }
    for name, content in garbage.items():
        (segments / name).write_bytes(content)
    (segments / "folder").mkdir()
    (segments / ("1" * 32 + "-000001.seg")).mkdir()
    os.mkfifo(segments / "pipe")
    os.mkfifo(segments / ("2" * 32 + "-000001.seg"))
    outside = root.parent / "outside"
    outside.write_bytes(b"not ours")
    (segments / ("3" * 32 + "-000001.seg")).symlink_to(outside)
    names = {path.name for path in segments.iterdir()}

    for _ in range(2):
        done = modeldata("ship", "--drain", "--archive", str(root), timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        assert archive.collector("m", "inputs", ["n"]).collect([2])

    assert [cell for (cell,) in features(root)] == ["1", "2"]
    assert names <= {path.name for path in segments.iterdir()}, "nothing of it was deleted"
    assert {name: (segments / name).read_bytes() for name in garbage} == garbage and outside.read_bytes() == b"not ours"
    assert stat.S_ISFIFO((segments / "pipe").stat().st_mode)
    archive.close(0)
    assert json.loads(modeldata("status", "--json", "--archive", str(root), timeout=60).stdout)["pending"] == 1


# ---- G1: names that want to leave


FIELDS = ["model_name", "identifier", "model_management_account_id", "webservice_name", "model_id", "model_version"]
TRICKS = [
    "../../etc/x", "/abs", "//abs", "a/b", "..", ".", "...", "a/../../b", "\0", "a\0b", "x" * 300, "é" * 300, "CON", "nul.txt", "~", "~root",
    "ünï☃", "a\\b", "..\\..\\b", "C:\\x", "%2e%2e%2f", "a\nb", " ", "_x", ".hidden", "e\u0301", "\u00e9", "\ud800", "$HOME", "A", "a",
]  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_no_name_leaves_the_archive_and_no_two_names_share_a_file(
    tmp_path: Path, root: Path, archive: Archive, field: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    for number, name in enumerate(TRICKS):
        fields = {"model_name": "m", field: name}
        assert archive.collector(**fields, feature_names=["n"]).collect([number]), name
    ship(archive)

    real = os.path.realpath(root)
    found = [path for path in root.rglob("*") if ".modeldata-spool" not in str(path)]
    assert all(os.path.realpath(path).startswith(real + os.sep) for path in found)
    assert all(len(part.encode()) <= 255 for path in found for part in path.relative_to(root).parts)
    files = data_files(root)
    assert sorted(int(cell) for path in files for (cell,) in features_of(path)) == list(range(len(TRICKS)))
    assert [len(features_of(path)) for path in files] == [1] * len(TRICKS), "two names never share a file"
    assert len({str(path).lower() for path in files}) >= len(TRICKS) - 1, "but for A and a, not even where case does not count"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*before, "a"})
    assert assert_complete(root) == len(TRICKS)


# ---- constructor arguments


@pytest.mark.parametrize("field", FIELDS)
def test_an_empty_name_or_one_that_is_no_text_raises_at_once_and_names_the_argument(archive: Archive, field: str) -> None:
    good = {"model_name": "m"}
    with pytest.raises(ValueError, match=field):
        archive.collector(**{**good, field: ""})
    for wrong in (None, b"m", 1.5, ["m"], True, object()):
        with pytest.raises(TypeError, match=field):
            archive.collector(**{**good, field: wrong})  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("wrong", ["one text", 5, {"a", "b"}, [1, 2], [None], [["a"]], b"ab"])
def test_feature_names_that_are_no_list_of_names_raise_at_once(archive: Archive, wrong: object) -> None:
    with pytest.raises(TypeError, match="feature_names"):
        archive.collector("m", feature_names=wrong)  # type: ignore[arg-type]  # that is the point


def test_an_archive_that_is_none_and_unknown_settings_raise_at_once(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="archive"):
        ModelDataCollector("m", archive=str(tmp_path))  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError):
        ModelDataCollector()  # type: ignore[call-arg]  # that is the point
    with pytest.raises(ValueError, match="speed"):
        Archive(tmp_path, speed="high")
    with pytest.raises(ValueError, match="ship"):
        Archive(tmp_path, ship="sometimes")
    with pytest.raises(ValueError, match="spool_max_bytes"):
        Archive(tmp_path, spool_max_bytes=-1)


def test_whoever_ships_without_the_services_environment_writes_the_layout_that_the_service_wanted(root: Path) -> None:
    archive = Archive(root, ship="off", min_free_bytes=0, hour_folders=True, excel_safe=True)
    assert archive.collector("m", "inputs", ["x"]).collect(["=1+1"])
    archive.close(0)

    drain(root)

    (file,) = data_files(root)
    assert len(file.relative_to(day_of(root, "")).parts) == 5, "year, month, day, hour, file"
    assert features(root) == [("'=1+1",)]
