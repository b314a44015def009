"""Fault matrix, E: clocks that jump, midnight, and rows of last week."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from modeldata.errors import ModelDataError
from modeldata.spool.files import Files
from modeldata.testing import Died, Fault, FaultyFiles
from tests.support.archive import data_files
from tests.support.service import (
    DAY,
    NOON,
    Service,
    delivered_on_disk,
    new_pipeline,
    ship_all,
)
from tests.support.spools import copy_as_itself

HOUR = 3_600_000_000_000


def _days(archive: str) -> dict[str, list[int]]:
    """Day → numbers in its files, in the order of the file."""
    found: dict[str, list[int]] = {}
    for path in data_files(archive):
        with path.open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        found.setdefault("/".join(path.parts[-4:-1]), []).extend(int(row[3]) for row in rows)
    return found


@pytest.mark.parametrize("back", [HOUR, DAY, 40 * DAY])
def test_a_clock_that_goes_back_loses_doubles_and_reorders_nothing(tmp_path: Path, back: int) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    pipeline = new_pipeline(Files(), archive)
    for number in range(30):
        assert service.collect("inputs", number, NOON + number * 1_000_000 - (back if number >= 10 else 0))
        if number % 7 == 0:
            pipeline.step()
    service.kill()
    ship_all(Files(), archive)
    assert delivered_on_disk(archive) == service.accepted
    assert all(numbers == sorted(numbers) for numbers in _days(archive).values())
    assert sum(pipeline.state.drops.values()) == pipeline.state.gaps == 0


def test_a_clock_ten_years_ahead_or_in_1970_costs_one_file_a_day(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    times = [NOON, NOON + 3650 * DAY, DAY, NOON, NOON + 3650 * DAY, DAY]
    for number in range(60):
        assert service.collect("inputs", number, times[number % 6] + number)
    service.kill()
    ship_all(Files(), archive)
    assert {day: len(numbers) for day, numbers in _days(archive).items()} == {
        "2026/11/23": 20,
        "2036/11/20": 20,
        "1970/01/02": 20,
    }
    assert len(data_files(archive)) == 3


def test_rows_on_both_sides_of_midnight_go_to_their_own_days_whenever_the_shipper_dies(tmp_path: Path) -> None:
    """E3 and E4: also where the retry comes on the next day."""
    midnight = NOON // DAY * DAY + DAY
    archive = str(tmp_path / "a")
    source = str(tmp_path / "source")
    service = Service(Files(), source)
    for number in range(10):
        assert service.collect("inputs", number, midnight + (number - 5) * 1_000_000)
    service.kill()
    for at in range(1, 200):
        shutil.rmtree(archive, ignore_errors=True)
        copy_as_itself(source, archive)
        files = FaultyFiles(Fault(at))
        try:
            ship_all(files, archive)
        except (Died, ModelDataError):
            pass
        ship_all(Files(), archive)
        assert _days(archive) == {"2026/11/23": [0, 1, 2, 3, 4], "2026/11/24": [5, 6, 7, 8, 9]}, at
        if not files.dead:
            break
    else:
        raise AssertionError("the sweep never came to an end")


def test_rows_of_last_week_go_to_last_weeks_file(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 0, NOON - 7 * DAY)
    pipeline = new_pipeline(Files(), archive)
    pipeline.step()
    assert service.collect("inputs", 1, NOON)
    pipeline.step()
    assert service.collect("inputs", 2, NOON - 7 * DAY)
    pipeline.step()
    service.kill()
    assert _days(archive) == {"2026/11/16": [0, 2], "2026/11/23": [1]}
    assert [path.name for path in data_files(archive)] == ["data.csv", "data.csv"]
