"""Where neither the system nor a package has a database of zones, as on Windows and in small containers, all rows are read."""

from __future__ import annotations

import datetime as dt
import sys
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from modeldata import Archive, SkippedWarning
from modeldata.read import forms
from tests.read.kit import FORMATS, Shipped

WHEN = "2026-03-01T12:00:00"
OURS = dt.datetime.fromisoformat(WHEN).replace(tzinfo=dt.UTC)
COUNTS = [0, 1_700_000_000_000_000]
TIMES = [dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)]


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    """Written where zones are known."""
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)
    columns = {zone: pa.array(COUNTS, pa.timestamp("us", zone)) for zone in ("UTC", "Europe/Berlin")}
    lists = pa.array([COUNTS, []], pa.list_(pa.timestamp("us", "UTC")))
    made.collect("x", pa.table({**columns, "list": lists, "day": pa.array([0, 1], pa.date32())}), at=WHEN)
    made.ship()
    return made


@pytest.fixture
def no_zones(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for package in ("pytz", "tzdata", "tzdata.zoneinfo"):
        monkeypatch.setitem(sys.modules, package, None)
    zoneinfo.reset_tzpath([])
    _forget()
    try:
        with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
            zoneinfo.ZoneInfo("UTC")
        yield
    finally:
        zoneinfo.reset_tzpath()
        _forget()


def _forget() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    forms._known.cache_clear()


@pytest.mark.usefixtures("no_zones")
def test_all_rows_are_read(shipped: Shipped) -> None:
    table = shipped.archive.read("m", "x")
    assert table["UTC"].cast(pa.int64()).to_pylist() == table["Europe/Berlin"].cast(pa.int64()).to_pylist() == COUNTS
    assert shipped.archive.scan("m", "x", start=OURS).count() == 2
    assert shipped.archive.read("m", "x", end=OURS).num_rows == 0


@pytest.mark.usefixtures("no_zones")
def test_times_are_datetimes_in_utc(shipped: Shipped) -> None:
    rows = shipped.archive.scan("m", "x").to_pylist()
    assert [row["$Timestamp"] for row in rows] == [OURS, OURS]
    assert [row["UTC"] for row in rows] == [row["Europe/Berlin"] for row in rows] == TIMES
    assert [row["list"] for row in rows] == [TIMES, []]
    assert {value.utcoffset() for row in rows for value in row.values() if isinstance(value, dt.datetime)} == {dt.timedelta()}


@pytest.mark.usefixtures("no_zones")
def test_a_data_frame_has_its_times_in_utc(shipped: Shipped) -> None:
    frame = shipped.archive.scan("m", "x").to_pandas()
    for name in ("UTC", "Europe/Berlin"):
        assert str(frame[name].dtype) == "datetime64[us, UTC]" and frame[name].tolist() == list(map(pd.Timestamp, TIMES))
    assert frame["day"].tolist() == [dt.date(1970, 1, 1), dt.date(1970, 1, 2)]
    assert [cell.astype("int64").tolist() for cell in frame["list"]] == [COUNTS, []]


@pytest.mark.usefixtures("no_zones")
@pytest.mark.parametrize("shipped", ["csv"], indirect=True)
def test_a_file_without_a_manifest_is_read_past_a_bad_time(shipped: Shipped, tmp_path: Path) -> None:
    folder = tmp_path / "old/unknown/unknown/unknown-m-unknown/x/2026/03/01"
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text(f"$Timestamp,$CorrelationId,$RequestId,n\n{WHEN},c,r,1\nnever,c,r,2\n")
    with pytest.warns(SkippedWarning, match="line 3 has no time"):
        table = Archive(tmp_path / "old", ship="off").read("m", "x", errors="skip")
    assert table["n"].to_pylist() == [1] and table["$Timestamp"].cast(pa.int64()).to_pylist() == [1_772_366_400_000_000]
