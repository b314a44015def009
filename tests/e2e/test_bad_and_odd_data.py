"""Bad and odd data, end to end (fault matrix F): what is refused is counted, what is taken has one form."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modeldata import Archive
from tests.e2e.kit import HEADER, MIB, Clock, day_of, features_of, ship
from tests.support.archive import assert_complete, data_files, features, manifest_lines, rows
from tests.support.scripts import drain, modeldata


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
    "None": (None, "unsupported_type"),
    "set": ({1, 2}, "unsupported_type"),
    "function": (print, "unsupported_type"),
    "str() raises": ([Raises()], "unserializable"),
    "recursive dict": (recursive(), "unserializable"),
    "generator in a row": ([1, (number for number in range(3))], "unserializable"),
    "function in a row": ({"f": print}, "unserializable"),
}


def test_bad_data_is_refused_counted_and_reported_and_harms_no_neighbour(
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
    report = json.loads(modeldata("status", "--json", "--archive", str(root)).stdout)
    assert report["refused"] == counts, "the archive's own status says so too"
    assert len(caplog.records) == len(counts), "one warning for each reason, not for each row"
    assert assert_complete(root) == len(REFUSED)


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
