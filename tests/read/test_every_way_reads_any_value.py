"""Any value of the table in docs/data-layout.md, in any format, by any way of reading: the same rows, and no error.

The oracle is what was collected, and what the other formats give for it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeldata import Archive
from modeldata.spool.files import Files
from modeldata.store import open_for
from tests.cli.kit import run
from tests.keep.kit import compacted
from tests.read.kit import FORMATS, Shipped

SPAN = dt.timedelta(microseconds=2**62)
zones = st.sampled_from(
    [
        None,
        dt.UTC,
        ZoneInfo("Europe/Berlin"),
        ZoneInfo("Asia/Kathmandu"),
        dt.timezone(dt.timedelta(hours=5, minutes=30, seconds=7)),
    ]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.binary(max_size=4),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12),
    st.datetimes(timezones=zones),
    st.dates(),
    st.times(),
    st.timedeltas(-SPAN, SPAN),
    st.uuids(),
    st.complex_numbers(allow_nan=False),
)
keys = st.one_of(st.text("ab1", max_size=2), st.integers(0, 3), st.none(), st.dates())
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6)
_numbers = itertools.count(1)

WAYS: dict[str, Callable[[Archive, str], int]] = {
    "read": lambda archive, name: archive.read("m", name).num_rows,
    "iterate": lambda archive, name: sum(batch.num_rows for batch in archive.scan("m", name)),
    "pandas": lambda archive, name: len(archive.scan("m", name).to_pandas()),
    "polars": lambda archive, name: archive.scan("m", name).to_polars().height,
    "sql": lambda archive, name: len(archive.sql(f"from m_{name}").to_arrow_table()),
    "follow": lambda archive, name: sum(table.num_rows for table in archive.follow("m", name, newest=9, timeout=0)),
    "join": lambda archive, name: archive.join("m", name, "other").table.num_rows,
}


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "sync", lambda self, fd: None)
        yield


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Shipped]:
    """One in each format."""
    folder = tmp_path_factory.mktemp("any")
    made = [Shipped(str(folder / name), folder / f"{name}.spool", name) for name in FORMATS]
    for each in made:
        each.collect("other", {"x": 1})
    return made


@settings(max_examples=15, deadline=None)
@given(column=st.lists(values, min_size=1, max_size=3))
def test_any_value_comes_back_alike_from_every_format_by_every_way(archives: list[Shipped], column: list[Any]) -> None:
    name = f"x{next(_numbers)}"
    forms = []
    for shipped in archives:
        shipped.collect(name, [{"n": number, "v": value} for number, value in enumerate(column)])
        shipped.ship()
        rows = sorted(shipped.archive.scan("m", name).to_pylist(), key=lambda row: int(str(row["n"])))
        forms.append([repr(row["v"]) for row in rows])
        for way, count in WAYS.items():
            assert count(shipped.archive, name) == len(column), way
    assert forms[0] == forms[1] == forms[2]


SINGLE = [
    True, 2**70, -1.5, float("inf"), "a", b"\xff", Decimal("1E+30"), Decimal("1E+300"), UUID(int=1), 1 + 2j,
    dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-12))), dt.datetime(1, 1, 1), dt.date.max, dt.time.max,
    dt.timedelta(microseconds=1), {"a": [1, None]}, {1: 2, "x": 3}, [1, "a"], np.float16(1.5), np.int8(1),
]  # fmt: skip


@pytest.mark.parametrize("value", SINGLE, ids=[repr(value)[:30] for value in SINGLE])
def test_a_value_alone_is_the_one_that_was_collected(archives: list[Shipped], value: object) -> None:
    name = f"x{next(_numbers)}"
    for shipped in archives:
        shipped.collect(name, [{"n": 0, "v": value}])
        shipped.ship()
        (row,) = shipped.archive.scan("m", name).to_pylist()
        assert row["v"] == value, shipped.archive.settings.format


@pytest.mark.parametrize("file_format", FORMATS)
def test_nanoseconds_of_durations_and_far_ones_outlive_compaction(tmp_path: Path, file_format: str) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    counts = {"ns": [5, None, 2**62 + 1], "s": [2**45, 0, None]}
    for unit, column in counts.items():
        made.collect(
            unit, pa.table({"n": [0, 1, 2], "v": pa.array(column, pa.int64()).cast(pa.duration(unit))}), at="2026-11-20T10:00:00"
        )
    made.collect("pandas", [{"n": 0, "v": pd.Timedelta(5)}, {"n": 1, "v": pd.Timestamp(7)}], at="2026-11-20T10:00:00")
    made.ship()
    for _ in range(2):
        for unit, column in counts.items():
            found = made.archive.read("m", unit).sort_by("n")["v"]
            assert found.type == pa.duration(unit) and found.cast(pa.int64()).to_pylist() == column
            assert sum(batch.num_rows for batch in made.archive.scan("m", unit)) == 3
            assert len(made.archive.sql(f"from m_{unit}").to_arrow_table()) == 3
        span, moment = (row["v"] for row in made.archive.scan("m", "pandas").to_pylist())
        assert (pd.Timedelta(span).value, pd.Timestamp(moment).value) == (5, 7)  # type: ignore[call-overload] # either form
        assert not [done.problem for done in compacted(open_for(made.archive.settings, Files())) if done.problem]


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_map_with_a_key_twice_is_one_with_the_last_to_duckdb(tmp_path: Path, file_format: str) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    maps = [[("a", 1), ("a", 2)], None, [("b", 3)]]
    made.collect("x", pa.table({"n": [0, 1, 2], "v": pa.array(maps, pa.map_(pa.string(), pa.int64()))}))
    made.ship()
    assert made.archive.sql("select v from m_x order by n").fetchall() == [({"a": 2},), (None,), ({"b": 3},)]
    assert [row["v"] for row in made.archive.scan("m", "x").to_pylist()] == maps
    assert run("stats", "m/x", "--archive", made.archive.settings.archive).code == 0


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_duration_beyond_arrow_is_text_where_it_is_asked_for(tmp_path: Path, file_format: str) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    made.collect("x", [{"n": 0, "v": dt.timedelta.max}, {"n": 1, "v": dt.timedelta(1)}])
    made.ship()
    url = made.archive.settings.archive
    assert [row["v"] for row in made.archive.scan("m", "x").to_pylist()] == [dt.timedelta.max, dt.timedelta(1)]
    assert made.archive.read("m", "x")["v"].to_pylist() == ["P999999999DT23H59M59.999999S", "P1DT0H0M0S"]
    assert len(made.archive.sql("from m_x", types={"v": "string"}).fetchall()) == 2
    refused = run("query", "from m_x", "--archive", url)
    assert refused.code == 1 and "--text reads columns as text" in refused.err
    assert len(run("query", "from m_x", "--archive", url, "--text", "v").rows()) == 2


def test_a_far_date_is_pandas_own_type(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    made.collect("x", pa.table({"v": pa.array([2**31 - 1, 0], pa.int32()).view(pa.date32())}))
    made.ship()
    assert made.archive.scan("m", "x").to_pandas()["v"].to_numpy().astype("M8[D]").astype(int).tolist() == [2**31 - 1, 0]


def test_what_a_file_can_not_hold_is_an_error_that_says_what_helps(tmp_path: Path) -> None:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    made.collect("x", pa.table({"v": pa.array([2**62], pa.int64()).cast(pa.timestamp("s"))}))
    made.ship()
    out, url = tmp_path / "x.parquet", made.archive.settings.archive
    done = run("export", "m/x", "-o", str(out), "--archive", url)
    assert done.code == 1 and "--text" in done.err and "Traceback" not in done.err and not out.exists()
    assert run("export", "m/x", "-o", str(out), "--text", "v", "--archive", url).code == 0
    assert pq.read_table(out)["v"].to_pylist() == [str(np.datetime64(2**62, "s"))]
