"""Each name in a condition is a column or nothing, each row alone decides, and all collectors are asked before a file changes."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from modeldata.catalog.errors import NotThere
from modeldata.errors import SettingsError
from modeldata.keep.jobs import erase
from modeldata.testing import Died
from tests.read.kit import Shipped

from .kit import DAY, job, local

AT = f"{DAY}T10:00:00"
FUNCTIONS = [
    "user", "current_user", "session_user", "current_date", "current_timestamp", "current_time", "localtime", "localtimestamp",
    "current_schema", "current_catalog", "current_role",
]  # fmt: skip


@pytest.fixture
def archive(tmp_path: Path) -> Shipped:
    return Shipped(str(tmp_path / "archive"), tmp_path / "spool", "csv")


def shipped(archive: Shipped, **rows: list[object]) -> Shipped:
    """Rows of each collector, in one round."""
    for identifier, calls in rows.items():
        for call in calls:
            archive.collect(identifier, call, at=AT)
    archive.ship()
    return archive


def left(archive: Shipped, identifier: str, column: str) -> list[object]:
    try:
        found: list[object] = archive.archive.read("m", identifier)[column].to_pylist()
    except LookupError:
        return []
    return found


def run(folder: Path, where: str, *, dry: bool = False) -> list[str]:
    """Erase; what was said of collectors and folders."""
    return [one.note or one.problem for one in erase(job(local(folder)), where, dry=dry)]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("written", ["{}", '"{}"'])
def test_a_name_is_a_column_and_never_a_function_of_the_engine(archive: Shipped, tmp_path: Path, name: str, written: str) -> None:
    shipped(archive, inputs=[{name: "ann", "n": 1}, {name: "bob", "n": 2}], predictions=[{"n": 7}])
    report = run(tmp_path, f"{written.format(name)} <> 'bob' AND n > 0")
    assert left(archive, "inputs", "n") == [2]
    assert left(archive, "predictions", "n") == [7]
    assert [text for text in report if text] == [f"left alone: it has no column {name!r}"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("1 = 1", "no column"),
        ("current_user() = 'duckdb'", "no column"),
        ("n = (SELECT 1)", "a query inside"),
        ("EXISTS (FROM rows)", "a query inside"),
        ("n = ANY ([1, 2])", "a query inside"),
        ("n = count(*)", "each row is asked alone"),
        ("n = sum(n) OVER ()", "a window function"),
        ("n = unnest([1, 2])", "each row is asked alone"),
        ("n > random()", "write the value"),
        ("text > now()", "write the value"),
        ("ago(INTERVAL 1 DAY) > text", "write the value"),
        ("age(text::TIMESTAMP) > INTERVAL 1 DAY", "write the value"),
        ("COLUMNS(*) = 1", "* or COLUMNS"),
        ("n = 1) OR (n = 1); SELECT (1", "more than one condition"),
        ("n = 1) ORDER BY (n", "more than one condition"),
        ("n = 1) UNION SELECT (n", "more than one condition"),
        ("n = 1) LIMIT (1", "more than one condition"),
        ("n = $1", "a parameter"),
        ("n = #1", "by its number"),
        ("text.upper() = 'A'", "write upper(column"),
        ("nothing_such(n) = 1", "no function"),
        ("text -> '$.a' = 'b'", "json_extract"),
        ("n", "neither true nor false"),
        ("n = 'a", "unterminated"),
        ("text = 17", "text is compared with INTEGER"),
        ("text IN ('a', 17)", "text is compared with"),
        ("text BETWEEN 1 AND 2", "Cannot mix values"),
        ("n.field = 1", "Cannot extract field"),
        ("n = 'seventeen'", "seventeen"),
    ],
)
def test_what_no_row_can_answer_alone_is_refused_and_changes_nothing(
    archive: Shipped, tmp_path: Path, where: str, said: str
) -> None:
    shipped(archive, inputs=[{"n": 1, "text": "a"}, {"n": 2, "text": "b"}])
    with pytest.raises(SettingsError, match=re.escape(said)):
        run(tmp_path, where)
    assert left(archive, "inputs", "n") == [1, 2]


def test_types_that_do_not_fit_in_one_collector_are_named_before_any_row_goes(archive: Shipped, tmp_path: Path) -> None:
    shipped(archive, first=[{"customer": 17}], second=[{"customer": "17"}, {"customer": "x"}], third=[{"customer": 17}])
    for dry in (True, False):
        with pytest.raises(SettingsError, match=r"/second: text is compared with INTEGER") as error:
            run(tmp_path, "customer = 17", dry=dry)
        assert "/first" not in str(error.value)
    assert [left(archive, name, "customer") for name in ("first", "second", "third")] == [[17], ["17", "x"], [17]]
    run(tmp_path, "customer::VARCHAR = '17'")
    assert [left(archive, name, "customer") for name in ("first", "second", "third")] == [[], ["x"], []]


def test_a_value_that_can_not_be_converted_in_the_last_collector_is_found_before_any_row_goes(
    archive: Shipped, tmp_path: Path
) -> None:
    shipped(archive, first=[{"day": "2026-01-01"}], second=[{"day": "no day"}])
    with pytest.raises(SettingsError, match="/second: Conversion Error"):
        run(tmp_path, "day::DATE = DATE '2026-01-01'")
    assert left(archive, "first", "day") == ["2026-01-01"]


def test_a_condition_means_the_same_in_every_batch_of_a_column_whose_type_changes(archive: Shipped, tmp_path: Path) -> None:
    """In one batch all values are numbers, in a later one they are text: `read()` gives text for both."""
    shipped(archive, inputs=[{"v": [1]}, {"v": [17]}])
    archive.collect("inputs", {"n": 1, "v": 17}, at=AT)
    archive.ship()
    archive.collect("inputs", {"n": 2, "v": "17"}, at=f"{DAY}T11:00:00")
    archive.ship()
    with pytest.raises(SettingsError, match="text is compared with"):
        run(tmp_path, "n > 0 AND v = 17")
    run(tmp_path, "n > 0 AND v = '17'")
    assert left(archive, "inputs", "v") == ["[1]", "[17]"]


def test_text_without_a_zone_is_utc_on_every_machine(archive: Shipped, tmp_path: Path) -> None:
    shipped(archive, inputs=[{"n": hour, "t": dt.datetime(2026, 1, 1, hour, tzinfo=dt.UTC)} for hour in (0, 9)])
    command = [
        sys.executable,
        "-m",
        "modeldata",
        "erase",
        str(tmp_path / "archive"),
        "--where",
        "t = '2026-01-01 09:00'",
        "--yes",
    ]
    subprocess.run(command, env={**os.environ, "TZ": "Asia/Tokyo"}, capture_output=True)
    assert left(archive, "inputs", "n") == [0]


def test_a_column_whose_name_has_the_text_of_the_condition_is_named_where_it_stays(archive: Shipped, tmp_path: Path) -> None:
    name = "of ann@example.com"
    shipped(archive, inputs=[{"who": "ann@example.com", "n": 1}, {"who": "bob", "n": 2, name: 1}, {"who": "eve", "n": 3}])
    (report,) = run(tmp_path, "who LIKE '%ann@example.com'", dry=True)
    assert run(tmp_path, "who LIKE '%ann@example.com'") == [report] and report.endswith(f"which stays: {name}")
    assert run(tmp_path, "who = 'bob' OR who = 'ann@example.com'") == [""], "it went with its last row"


def test_columns_that_differ_only_in_case_are_kept_apart(archive: Shipped, tmp_path: Path) -> None:
    shipped(archive, inputs=[{"User": "ann", "user": "bob"}, {"User": "bob", "user": "ann"}], other=[{"USER": "ann"}])
    with pytest.raises(SettingsError, match="USER may be 'User' or 'user'"):
        run(tmp_path, "USER = 'ann'")
    run(tmp_path, "\"user\" = 'ann'")
    assert left(archive, "inputs", "user") == ["bob"]
    assert left(archive, "other", "USER") == []


@pytest.mark.parametrize("name", ["a.b", 'quo"te', "place", "c0", "rows", "select", "$own", "it's", "ünï", "a b", "$At", "-- x"])
def test_a_column_may_have_any_name(archive: Shipped, tmp_path: Path, name: str) -> None:
    quoted = name.replace('"', '""')
    shipped(archive, inputs=[{name: "ann", "c0": 1}, {name: "bob", "c0": 2}] if name != "c0" else [{name: "ann"}, {name: "bob"}])
    run(tmp_path, f"\"{quoted}\" = 'ann'")
    assert left(archive, "inputs", name) == ["bob"]


@pytest.mark.skipif(duckdb.__version__ < "2", reason="an older DuckDB does not tell a lambda from ->, so both are refused")
def test_the_parameter_of_a_lambda_is_no_column(archive: Shipped, tmp_path: Path) -> None:
    import pyarrow as pa

    table = pa.table({"tags": pa.array([["a", "b"], ["c"]]), "who": ["b", "x"], "s": [{"f": 1, "user": 2}, {"f": 3, "user": 4}]})
    shipped(archive, inputs=[table])
    with pytest.raises(NotThere, match="'missing'"):
        run(tmp_path, "len(list_filter(tags, lambda who: who = missing)) > 0")
    assert run(tmp_path, "len(list_filter(tags, lambda x: x = who)) > 0 AND s.user = 2") == [""]
    assert left(archive, "inputs", "who") == ["x"]


def _die(*_: object) -> None:
    raise Died


def test_a_misspelt_column_names_the_near_one_of_any_collector(archive: Shipped, tmp_path: Path) -> None:
    shipped(archive, inputs=[{"customer": 1}], other=[{"n": 1}])
    with pytest.raises(NotThere, match=r"no collector has every column of it; one has no 'custommer' .*'customer'"):
        run(tmp_path, "custommer = 1")


def test_a_column_that_only_a_dead_run_left_in_its_files_is_still_found(
    archive: Shipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row with the column was erased, and the run died before it removed the old file."""
    shipped(archive, inputs=[{"user": "ann"}])
    archive.collect("inputs", {"n": 1}, at=AT)
    archive.ship()

    with monkeypatch.context() as patch:
        patch.setattr("modeldata.keep.rewrite.clean", _die)
        with pytest.raises(Died):
            run(tmp_path, "user = 'ann'")
    assert b"ann" in b"".join(path.read_bytes() for path in (tmp_path / "archive").rglob("*.csv"))
    run(tmp_path, "user = 'ann'")
    assert b"ann" not in b"".join(path.read_bytes() for path in (tmp_path / "archive").rglob("*.csv"))
    assert left(archive, "inputs", "n") == [1]
