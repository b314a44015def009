"""design.md §5: the path of the 2017 original, its days in UTC from the row's own time, its file names."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modeldata.format import names, paths
from modeldata.format.paths import data_file, day_folder
from tests.support.scripts import environment

UNHURRIED = settings(deadline=None)  # a busy machine proves nothing
NS = 1_000_000_000
DAY = 24 * 3600 * NS
CHURN = {
    "account": "sub/group/account",
    "service": "svc",
    "model_id": "17",
    "model_name": "churn.pkl",
    "model_version": "3",
    "identifier": "inputs",
}


def nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def test_the_path_is_the_seeds() -> None:
    moment = nanoseconds(datetime(2026, 11, 23, 6, 4, 38, 123456, tzinfo=UTC))
    stem = "sub/group/account/svc/17-churn.pkl-3/inputs/2026/11/23"
    assert day_folder(CHURN, moment, hour_folders=False) == stem
    assert day_folder(CHURN, moment, hour_folders=True) == f"{stem}/06"


@pytest.mark.parametrize(
    ("model_id", "name", "version", "folder"),
    [
        ("unknown", "churn-model", "unknown", "unknown-churn-model-unknown"),
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "churn-model", "1", "3f2504e0-4f89-11d3-9a0c-0305e82c3301-churn-model-1"),
        ("my-id", "churn", "1", "my~2Did-churn-1"),
        ("unknown", "churn", "2026-11-23", "unknown-churn-2026~2D11~2D23"),
    ],
)
def test_a_model_keeps_the_seeds_plain_folder_unless_another_model_would_share_it(
    model_id: str, name: str, version: str, folder: str
) -> None:
    other = {**CHURN, "model_id": model_id, "model_name": name, "model_version": version}
    assert day_folder(other, 0, hour_folders=False).split("/")[4] == folder


def test_an_account_gives_up_to_three_levels_and_never_more() -> None:
    def account(text: str) -> str:
        return day_folder({**CHURN, "account": text}, 0, hour_folders=False).removesuffix("/svc/17-churn.pkl-3/inputs/1970/01/01")

    assert account("unknown") == "unknown"
    assert account("sub/group") == "sub/group"
    assert account("a/b/c/d/../e") == "a/b/c~2Fd~2F..~2Fe"
    assert account("../..//") == "~2E~2E/~2E~2E/~2F"


@UNHURRIED
@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)), st.integers(0, 999))
@example(datetime(1970, 1, 1, tzinfo=UTC), 0)
@example(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 999)
@example(datetime(2000, 2, 29, 23, 59, 59, 999999, tzinfo=UTC), 999)
@example(datetime(2100, 3, 1, tzinfo=UTC), 0)
@example(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 999)
def test_the_day_and_hour_are_those_of_the_calendar_in_utc(moment: datetime, below_a_microsecond: int) -> None:
    made = paths.moment(nanoseconds(moment) + below_a_microsecond, hour_folders=True)
    assert made == f"{moment.year:04d}/{moment.month:02d}/{moment.day:02d}/{moment.hour:02d}"


@UNHURRIED
@given(st.integers(-(2**62), 2**62))
def test_days_have_24_hours_and_hours_fold_into_days(time_ns: int) -> None:
    day = paths.moment(time_ns, hour_folders=False)
    hours = {paths.moment(time_ns - time_ns % DAY + hour * 3600 * NS, hour_folders=True) for hour in range(24)}
    assert hours == {f"{day}/{hour:02d}" for hour in range(24)}


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="time zones are set by environment on POSIX only")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_time_zone_of_the_machine_has_no_say(zone: str) -> None:
    code = "from modeldata.format.paths import moment; print(moment(1763855999999999999, True), moment(0, True))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(TZ=zone), capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2025/11/22/23", "1970/01/01/00"]


def test_the_first_file_is_data_csv_and_others_name_their_spool() -> None:
    assert data_file("csv", "0a1b2c3d", 0) == "data.csv"
    assert data_file("csv", "0a1b2c3d", 1) == "data-0a1b2c3d-1.csv"
    assert data_file("jsonl", "0a1b2c3d", 12) == "data-0a1b2c3d-12.jsonl"


def test_what_is_ours_beside_the_data_is_skipped_by_spark_and_hive() -> None:
    assert names.MANIFEST.startswith(("_", "."))


def test_the_columns_of_the_seed_keep_their_names() -> None:
    assert (names.TIMESTAMP, names.CORRELATION, names.REQUEST) == ("$Timestamp", "$CorrelationId", "$RequestId")
    assert names.OWN_COLUMNS[3:] == ("$Writer", "$Sequence", "$Row")
    assert names.ZERO_GUID == "00000000-0000-0000-0000-000000000000"


def test_an_identity_of_the_longest_names_still_fits_into_a_file_system(tmp_path: Path) -> None:
    longest = dict.fromkeys(CHURN, "é" * 1000)
    folder = os.path.join(tmp_path, day_folder({**longest, "account": "é" * 500 + "/" + "x" * 500}, 0, True))
    os.makedirs(folder)
    assert max(len(part) for part in folder.removeprefix(str(tmp_path)).split("/")) <= names.LONGEST
