"""Where rows land, end to end: the seed's path, name and columns, UTC days, a second file for a second schema (design.md §5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modeldata import Archive, ModelDataCollector
from tests.e2e.kit import DAY, HEADER, MIDNIGHT, SECOND, Clock, day_of, features_of, listed, ship, spool8
from tests.support.archive import assert_complete, data_files, features, manifest_lines, rows
from tests.support.scripts import drain, modeldata, run

ZERO = "00000000-0000-0000-0000-000000000000"


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


def test_whoever_ships_without_the_services_environment_writes_the_layout_that_the_service_wanted(root: Path) -> None:
    archive = Archive(root, ship="off", min_free_bytes=0, hour_folders=True, excel_safe=True)
    assert archive.collector("m", "inputs", ["x"]).collect(["=1+1"])
    archive.close(0)

    drain(root)

    (file,) = data_files(root)
    assert len(file.relative_to(day_of(root, "")).parts) == 5, "year, month, day, hour, file"
    assert features(root) == [("'=1+1",)]
