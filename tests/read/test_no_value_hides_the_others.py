"""One value that Python has no form for never hides a row: it comes back as numpy's or as text, and all others as they were.

The oracle is the numbers that went in, numpy's own text for them, and pyarrow's reader of what was exported.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata.columns.python import python_values
from modeldata.encode.restore import restore
from modeldata.read.convert import from_values
from modeldata.spool.files import Files
from modeldata.store import Store, open_for
from tests.cli.kit import run
from tests.keep.kit import compacted, erased
from tests.read.kit import FORMATS, Shipped

FAR = 2**45
"""Seconds: the year 1116918."""
COUNTS = st.integers(-(2**62), 2**62)
UNITS = st.sampled_from(["s", "ms", "us"])
_names = (f"c{number}" for number in itertools.count(1))


def times(counts: list[int | None], unit: str = "s", zone: str | None = None) -> pa.Array:
    return pa.array(counts, pa.int64()).cast(pa.timestamp(unit, zone))


def dates(days: list[int | None]) -> pa.Array:
    return pa.array(days, pa.int32()).cast(pa.date32())


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "sync", lambda self, fd: None)
        yield


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    return Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)


@pytest.fixture(scope="module", params=FORMATS)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    folder = tmp_path_factory.mktemp("shared")
    return Shipped(str(folder / "archive"), folder / "spool", request.param)


def collected(shipped: Shipped, values: pa.Array, name: str = "x") -> str:
    shipped.collect(name, pa.table({"n": list(range(len(values))), "v": values}))
    shipped.ship()
    return name


def values_of(shipped: Shipped, name: str) -> list[object]:
    rows = sorted(shipped.archive.scan("m", name).to_pylist(), key=lambda row: int(str(row["n"])))
    return [row["v"] for row in rows]


def column_of(shipped: Shipped, name: str) -> pa.Array:
    return shipped.archive.read("m", name).sort_by("n")["v"].combine_chunks()


EPOCH = dt.datetime(1970, 1, 1)
CASES = {
    "seconds": (times([FAR, 0, None, -FAR]), [np.datetime64(FAR, "s"), EPOCH, None, np.datetime64(-FAR, "s")]),
    "microseconds": (times([2**62, 0], "us"), [np.datetime64(2**62, "us"), EPOCH]),
    "zoned": (times([FAR, 0], "s", "UTC"), [np.datetime64(FAR, "s"), EPOCH.replace(tzinfo=ZoneInfo("UTC"))]),
    "elsewhere": (
        times([FAR, 0], "s", "Europe/Berlin"),
        [np.datetime64(FAR, "s"), dt.datetime(1970, 1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))],
    ),
    "dates": (
        dates([2**31 - 1, 0, None, -(2**31)]),
        [np.datetime64(2**31 - 1, "D"), EPOCH.date(), None, np.datetime64(-(2**31), "D")],
    ),
    "durations": (
        pa.array([2**62, 5, None], pa.int64()).cast(pa.duration("s")),
        [np.timedelta64(2**62, "s"), dt.timedelta(seconds=5), None],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_time_beyond_the_calendar_comes_back_beside_all_others(shipped: Shipped, case: str) -> None:
    values, expected = CASES[case]
    name = collected(shipped, values)
    assert values_of(shipped, name) == expected
    assert column_of(shipped, name).equals(values), "Arrow has room for it, so read() keeps the type"


@settings(max_examples=12, deadline=None)
@given(counts=st.lists(st.none() | COUNTS, min_size=1, max_size=5), unit=UNITS, zone=st.sampled_from([None, "UTC", "Asia/Tokyo"]))
def test_any_count_of_any_unit_comes_back(shared: Shipped, counts: list[int | None], unit: str, zone: str | None) -> None:
    name = collected(shared, times(counts, unit, zone), next(_names))
    if any(count is not None for count in counts):
        assert column_of(shared, name).cast(pa.int64()).to_pylist() == counts
    moments = [None if value is None else _count(value, unit) for value in values_of(shared, name)]
    assert moments == counts


def _count(value: object, unit: str) -> int:
    if isinstance(value, dt.datetime):
        value = np.datetime64(value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value, "us")
    assert isinstance(value, np.datetime64)
    return int(value.astype(f"M8[{unit}]").astype(np.int64))


@settings(max_examples=12, deadline=None)
@given(
    days=st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=5),
    spans=st.lists(COUNTS, min_size=1, max_size=5),
    unit=UNITS,
)
def test_any_date_and_duration_comes_back(shared: Shipped, days: list[int | None], spans: list[int], unit: str) -> None:
    name = collected(shared, dates(days), next(_names))
    found = [None if value is None else int(np.datetime64(value, "D").astype(np.int64)) for value in values_of(shared, name)]  # type: ignore[call-overload] # a date or numpy's
    assert found == days
    name = collected(shared, pa.array(spans, pa.int64()).cast(pa.duration(unit)), next(_names))
    assert column_of(shared, name).cast(pa.int64()).to_pylist() == spans


SECONDS = [2**62, -(2**62), None, 5]
INSIDE: dict[str, Callable[[pa.DataType], pa.Array]] = {
    "list": lambda kind: pa.array([SECONDS, None, []], pa.list_(kind)),
    "list of one size": lambda kind: pa.array([SECONDS, None], pa.list_(kind, len(SECONDS))),
    "struct": lambda kind: pa.array([{"a": number} for number in SECONDS], pa.struct([("a", kind)])),
    "map": lambda kind: pa.array([[("k", number)] for number in SECONDS] + [None], pa.map_(pa.string(), kind)),
    "struct of lists": lambda kind: pa.array([{"a": SECONDS}, None], pa.struct([("a", pa.list_(kind))])),
}
FAR_TYPES = {
    "zone": pa.timestamp("s", tz="Europe/Berlin"),
    "no zone": pa.timestamp("s"),
    "duration": pa.duration("s"),
}


@pytest.mark.parametrize("kind", FAR_TYPES)
@pytest.mark.parametrize("form", INSIDE)
def test_a_time_beyond_all_counts_inside_another_value_leaves_every_way_of_reading_open(
    shipped: Shipped, form: str, kind: str
) -> None:
    values = INSIDE[form](FAR_TYPES[kind])
    name = collected(shipped, values)
    if kind == "duration" or shipped.archive.settings.format != "parquet":  # which has no room for such times: they are text
        assert values_of(shipped, name) == python_values(values)
        assert python_values(column_of(shipped, name)) == python_values(values)
    assert sum(len(batch) for batch in shipped.archive.scan("m", name)) == len(values)
    rows = shipped.archive.sql(f'select * from "m_{name}"').to_arrow_table()["v"]
    assert rows.null_count == values.null_count and len(rows) == len(values)


@pytest.mark.parametrize("form", ["list", "struct", "map"])
def test_a_time_beyond_the_calendar_inside_another_value_comes_back(shipped: Shipped, form: str) -> None:
    far, near = np.datetime64(FAR, "s"), dt.datetime(1970, 1, 1)
    inner = times([FAR, 0])
    made, expected = {
        "list": (pa.ListArray.from_arrays([0, 1, 2], inner), [[far], [near]]),
        "struct": (pa.StructArray.from_arrays([inner], ["a"]), [{"a": far}, {"a": near}]),
        "map": (pa.MapArray.from_arrays([0, 1, 2], pa.array(["k", "k"]), inner), [[("k", far)], [("k", near)]]),
    }[form]
    name = collected(shipped, made)
    assert values_of(shipped, name) == expected
    assert len(column_of(shipped, name)) == 2


def test_a_time_at_the_edge_of_the_calendar_keeps_its_zone(shipped: Shipped) -> None:
    """Its wall clock is of the year 9999, or 1; in UTC it is another year, which Python has no form for."""
    edges = [
        dt.datetime(9999, 12, 31, 23, tzinfo=ZoneInfo("America/New_York")),
        dt.datetime(1, 1, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")),
        dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
    ]
    for number, edge in enumerate(edges):
        shipped.collect("edges", [{"n": number, "v": edge}])
        shipped.ship()
    assert values_of(shipped, "edges") == edges
    assert shipped.archive.read("m", "edges").num_rows == 3


@pytest.fixture(scope="module", params=FORMATS)
def cases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An archive that has them all."""
    folder = tmp_path_factory.mktemp("cases")
    made = Shipped(str(folder / "archive"), folder / "spool", request.param)
    for name, (values, _) in CASES.items():
        collected(made, values, name)
    return made.archive.settings.archive


@pytest.mark.parametrize("case", CASES)
def test_head_and_tail_show_it(cases: str, case: str) -> None:
    values = CASES[case][1]
    for command in ("head", "tail"):
        done = run(command, f"m/{case}", "--archive", cases, "--csv")
        assert done.code == 0, done.err
        cells = [row["v"] for row in done.rows()]
        assert len(cells) == len(values) and "out of range" not in done.out
        if case in ("seconds", "microseconds"):
            assert sorted(cells) == sorted("" if one is None else _text(one, cells) for one in values)
        assert run(command, f"m/{case}", "--archive", cases, "--table").code == 0


@pytest.mark.parametrize("case", CASES)
def test_stats_count_it(cases: str, case: str) -> None:
    done = run("stats", f"m/{case}", "--archive", cases, "--json")
    assert done.code == 0, done.err
    (column,) = [one for one in json.loads(done.out)["columns"] if one["name"] == "v"]
    assert (column["rows"], column["nulls"]) == (len(CASES[case][1]), CASES[case][1].count(None))
    assert run("stats", f"m/{case}", "--archive", cases, tty=True).code == 0


@pytest.mark.parametrize("case", CASES)
def test_query_and_export_have_it(cases: str, case: str, tmp_path: Path) -> None:
    values = CASES[case][0]
    done = run("query", f"select n, cast(v as varchar) as v from m_{case} order by n", "--archive", cases, "--csv")
    assert done.code == 0 and len(done.rows()) == len(values), done.err
    out = tmp_path / "out.parquet"
    assert run("export", f"m/{case}", "-o", str(out), "--archive", cases).code == 0
    assert pq.read_table(out).sort_by("n")["v"].combine_chunks().cast(values.type).equals(values)


def _text(value: object, cells: list[str]) -> str:
    """numpy's own text, with as many digits as the cells have."""
    digits = max(len(cell.partition(".")[2]) for cell in cells)
    return str(np.datetime64(value, "us" if digits else "s"))  # type: ignore[call-overload] # a datetime or numpy's


def test_a_condition_and_statistics_take_such_times_for_later_than_all_others(shipped: Shipped) -> None:
    collected(shipped, times([FAR, 0, None, -FAR]))
    rows = shipped.archive.sql("select n from m_x where v > timestamp '2030-01-01' or v < timestamp '1900-01-01' order by n")
    assert rows.fetchall() == [(0,), (3,)]


@pytest.mark.parametrize("case", CASES)
def test_other_rows_of_its_collector_can_be_erased_and_compacted(shipped: Shipped, case: str) -> None:
    values, expected = CASES[case]
    at = "2026-11-20T10:00:00"
    for number in range(2):
        shipped.collect("x", pa.table({"n": [at_ + 10 * number for at_ in range(len(values))], "v": values}), at=at)
        shipped.ship()
    store = _store(shipped)
    assert not [done.problem for done in erased(store, "n = 1") if done.problem]
    left = [value for number, value in enumerate(expected * 2) if number != 1]
    assert values_of(shipped, "x") == left
    assert not [done.problem for done in compacted(store) if done.problem]
    assert values_of(shipped, "x") == left
    assert column_of(shipped, "x").to_numpy(zero_copy_only=False).size == len(left)


def _store(shipped: Shipped) -> Store:
    return open_for(shipped.archive.settings, Files())


def test_keys_of_one_text_leave_a_dict_with_keys_that_are_text(shipped: Shipped) -> None:
    shipped.collect("keys", [{"n": 0, "v": {1: "a", "1": "b", (1, 2): "c", None: "d"}}, {"n": 1, "v": {1: "a", 2.5: "b"}}])
    shipped.ship()
    collided, apart = values_of(shipped, "keys")
    assert collided == {"1": "b", "[1,2]": "c", "None": "d"}
    assert apart == {1: "a", 2.5: "b"}
    assert json.loads(column_of(shipped, "keys").to_pylist()[0]) == collided


@pytest.mark.parametrize("shipped", ["csv", "jsonl"], indirect=True)
def test_a_zone_that_this_machine_does_not_know_is_read_in_utc(shipped: Shipped, tmp_path: Path) -> None:
    collected(shipped, times([0, 60], "us", "Europe/Berlin"))
    shipped.collect("own", [{"n": 0, "v": dt.datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))}])
    shipped.ship()
    for manifest in tmp_path.rglob("_manifest/*.jsonl"):
        manifest.write_text(manifest.read_text().replace("Europe/Berlin", "Mars/Olympus"))
    assert column_of(shipped, "x").equals(times([0, 60], "us", "UTC"))
    assert values_of(shipped, "x") == [dt.datetime(1970, 1, 1, 0, 0, 0, at, tzinfo=dt.UTC) for at in (0, 60)]
    assert column_of(shipped, "own").to_pylist() == [dt.datetime(2025, 12, 31, 23, tzinfo=dt.UTC)]
    assert values_of(shipped, "own") == [dt.datetime(2025, 12, 31, 23, tzinfo=dt.UTC)]
    assert shipped.archive.scan("m", "x").to_pandas()["v"].dt.year.tolist() == [1970, 1970]


@pytest.mark.parametrize(("text", "day"), [("<value out of range: 2147483647>", 2**31 - 1), ("-0044-03-15", -735_525)])
def test_dates_as_older_versions_stored_them_are_read(text: str, day: int) -> None:
    assert restore(text, "date") == np.datetime64(day, "D")
    assert from_values([restore(text, "date"), None, dt.date(1970, 1, 2)], pa.date32()).cast(pa.int32()).to_pylist() == [
        day,
        None,
        1,
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.datetime64("10000-01-01T00:00:00.5"), pa.timestamp("s")),
        (np.datetime64("10000-01-01T00:00:00"), pa.timestamp("ns")),
        (np.datetime64("10000-01-01T12"), pa.date32()),
        (np.datetime64("10000-01-01"), pa.duration("s")),
        (np.timedelta64(1, "s"), pa.timestamp("s")),
        (np.timedelta64(2**62, "s"), pa.duration("ns")),
    ],
)
def test_a_type_that_would_change_a_value_does_not_take_it(value: object, kind: pa.DataType) -> None:
    with pytest.raises((ValueError, OverflowError)):
        from_values([value], kind)
