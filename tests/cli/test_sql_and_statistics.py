"""`query` and `stats`, held against pandas over the files themselves; `ls` against what was collected."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from tests.read.kit import Shipped
from tests.support import archive

from .kit import CALLS, DAYS, run

TOTAL = len(DAYS) * CALLS


def inputs(here: Path) -> pd.DataFrame:
    return pd.concat(pd.read_csv(path) for path in archive.data_files(here / "modeldata", "inputs"))


def test_a_query_joins_the_collectors_by_their_views(here: Path) -> None:
    done = run(
        "query", 'select plan, count(*) as n, sum(age) as age from churn_inputs join churn_predictions using ("$CorrelationId") '
        "where plan is not null group by plan order by plan", "--json",
    )  # fmt: skip
    expected = inputs(here).groupby("plan")["age"].agg(["count", "sum"])
    assert (done.code, done.err) == (0, "")
    assert done.objects() == [{"plan": plan, "n": int(row["count"]), "age": int(row["sum"])} for plan, row in expected.iterrows()]


def test_without_a_query_the_views_are_listed(here: Path) -> None:
    rows = run("query").rows()
    assert rows[0] == {"view": "churn_inputs", "collector": "churn/inputs"} and len(rows) == 3


def test_a_query_is_read_from_stdin(here: Path) -> None:
    assert run("query", "-", typed="select count(*) as n from churn_labels").rows() == [{"n": "40"}]


def test_columns_of_one_name_and_odd_types_come_out(here: Path) -> None:
    done = run("query", "select 1 as a, 2 as a, interval 3 days as i, {'x': [1]} as s", "--json")
    assert done.objects() == [{"a": 1, "a_2": 2, "i": "3 days", "s": {"x": [1]}}]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select foo from churn_inputs", '"foo" not found'),
        ("select 1 from churn_input", "did you mean 'churn_inputs'"),
        ("selec 1", "syntax error"),
        ("select cast(plan as int) from churn_inputs", "Conversion Error"),
    ],
)
def test_what_is_wrong_with_a_query_is_said_in_one_line(here: Path, sql: str, said: str) -> None:
    done = run("query", sql)
    assert done.code == 1 and said in done.err
    assert done.err.count("\n") == 1 and "Traceback" not in done.err


def test_damage_is_reported_to_whoever_queries(here: Path) -> None:
    data = archive.data_files(here / "modeldata", "inputs")[0]
    data.write_bytes(data.read_bytes().replace(b"order-9,", b"order-X,"))
    done = run("query", "select sum(age) from churn_inputs")
    assert done.code == 1 and "data.csv" in done.err and "Traceback" not in done.err and done.out == ""


def test_statistics_are_those_of_pandas(here: Path) -> None:
    report = json.loads(run("stats", "churn/inputs", "--json").out)
    frame = inputs(here)
    columns = {one["name"]: one for one in report["columns"]}
    assert (report["collector"], report["rows"]) == ("churn/inputs", TOTAL)
    assert list(columns) == ["$Timestamp", "age", "income", "plan"]
    for name in ("age", "income"):
        one, values = columns[name], frame[name]
        assert (one["min"], one["max"], one["nulls"]) == (values.min(), values.max(), 0)
        assert one["mean"] == pytest.approx(values.mean())
        for quantile, value in one["quantiles"].items():
            assert value == pytest.approx(values.quantile(float(quantile)), rel=0.03)
        counts = pd.cut(values, 20, labels=False).value_counts()  # pandas closes its parts on the right
        assert sum(one["histogram"]) == TOTAL and max(abs(a - counts.get(at, 0)) for at, a in enumerate(one["histogram"])) <= 3
    assert columns["plan"]["nulls"] == frame["plan"].isna().sum()
    assert columns["plan"]["top"] == [{"value": value, "rows": int(rows)} for value, rows in frame["plan"].value_counts().items()]
    assert columns["$Timestamp"]["min"] == f"{DAYS[0]}T09:00:01" and columns["$Timestamp"]["type"] == "timestamp[us, tz=UTC]"


def test_statistics_of_odd_columns(here: Path) -> None:
    shipped = Shipped(str(here / "odd"), here / "spool", "parquet")
    frame = pd.DataFrame({
        "big": [2**62, 2**62 + 1, 2**62 + 3], "gap": [1.5, float("inf"), float("nan")], "same": [7, 7, 7], "none": [None, None, None],
        "list": [[1], None, [2, 3]], "it's": ["it's", 'a"b', "it's"], "on": [True, False, True],
    })  # fmt: skip
    shipped.collect("inputs", frame, at=f"{DAYS[0]}T12:00:00")
    shipped.ship()
    done = run("stats", "m", "--archive", "odd", "--json")
    assert done.code == 0, done.err
    columns = {one["name"]: one for one in json.loads(done.out)["columns"]}
    assert (columns["big"]["min"], columns["big"]["max"]) == (2**62, 2**62 + 3)
    assert columns["gap"]["min"] == columns["gap"]["max"] == 1.5 and columns["gap"]["not_finite"] + columns["gap"]["nulls"] == 2
    assert columns["same"]["histogram"] == [] and columns["none"]["nulls"] == 3 and columns["list"]["nulls"] == 1
    assert columns["it's"]["top"] == [{"value": "it's", "rows": 2}, {"value": 'a"b', "rows": 1}]
    assert columns["on"]["top"] == [{"value": "true", "rows": 2}, {"value": "false", "rows": 1}]
    assert not any(isinstance(value, float) and math.isnan(value) for one in columns.values() for value in one.values())


def test_statistics_that_no_double_holds_are_null(here: Path) -> None:
    shipped = Shipped(str(here / "odd"), here / "spool")
    shipped.collect("inputs", *[{"big": 1.7e308, "wide": 1.7e308 * sign, "whole": 10**37} for sign in (1, 1, -1, -1)])
    shipped.ship()
    done = run("stats", "m", "--archive", "odd", "--json")
    assert done.code == 0, done.err
    columns = {one["name"]: one for one in json.loads(done.out, parse_constant=pytest.fail)["columns"]}
    assert (columns["big"]["min"], columns["big"]["max"], columns["big"]["mean"]) == (1.7e308, 1.7e308, None)
    assert columns["whole"]["max"] == 10**37 and columns["wide"]["min"] == -1.7e308
    assert run("stats", "m", "--archive", "odd").code == 0


def test_statistics_of_no_rows_are_no_error(here: Path) -> None:
    done = run("stats", "churn/inputs", "--start", "2030-01-01", "--json")
    assert done.code == 0 and json.loads(done.out)["rows"] == 0
    assert run("stats", "churn/inputs", "--start", "2030-01-01").out.startswith("churn/inputs: 0 rows")


def test_ls_tells_rows_bytes_times_and_versions(here: Path) -> None:
    report = json.loads(run("ls", "--json").out)["collectors"]
    assert [one["collector"] for one in report] == ["churn/inputs", "churn/labels", "churn/predictions"]
    for one in report:
        files = archive.data_files(here / "modeldata", one["identifier"])
        assert one["bytes"] == sum(path.stat().st_size for path in files)
        assert one["rows"] == len(archive.rows(here / "modeldata", one["identifier"]))
        assert (one["files"], one["days"]) == (len(files), len(DAYS))
    assert (report[0]["first"], report[0]["last"]) == (f"{DAYS[0]}T09:00:01.250000", f"{DAYS[2]}T13:49:01.250000")
    assert [one["view"] for one in report] == ["churn_inputs", "churn_labels", "churn_predictions"]


def test_ls_reads_nothing_of_the_data(here: Path) -> None:
    before = run("ls").out
    for path in archive.data_files(here / "modeldata"):
        path.write_bytes(b"?" * path.stat().st_size)
    assert run("ls").out == before


def test_ls_has_versions_and_services_where_there_are_any(here: Path) -> None:
    shipped = Shipped(str(here / "two"), here / "spool")
    for version in ("1", "2"):
        collector = shipped.archive.collector("m", "inputs", model_version=version, webservice_name="shop")
        assert collector.collect({"n": 1})
    shipped.ship()
    (one,) = json.loads(run("ls", "--archive", "two", "--json").out)["collectors"]
    assert [(version["model_version"], version["rows"]) for version in one["versions"]] == [("1", 1), ("2", 1)]
    assert one["rows"] == 2
    assert "1, 2" in run("ls", "--archive", "two").out and "shop" in run("ls", "--archive", "two").out
    assert len(run("head", "m", "--archive", "two", "--model-version", "2").rows()) == 1


def test_ls_of_files_of_the_original_says_that_their_rows_are_not_counted(here: Path) -> None:
    day = here / "old/sub/group/name/svc/id-m-1/inputs/2017/11/20"
    day.mkdir(parents=True)
    (day / "data.csv").write_text("$Timestamp,$CorrelationId,$RequestId,a\n2017-11-20T10:00:00.000000,c,r,1\n")
    done = run("ls", "--archive", "old")
    assert done.code == 0 and "m/inputs" in done.out and "1 file has no manifest" in done.err
    assert run("tail", "m", "--archive", "old", "--columns", "$CorrelationId,a").rows() == [{"$CorrelationId": "c", "a": "1"}]


def test_ls_of_a_manifest_that_can_not_be_understood_is_broken(here: Path) -> None:
    manifest = next((here / "modeldata").rglob("inputs/**/_manifest/*.jsonl"))
    manifest.write_text("{}\nnot json\n" + manifest.read_text())
    done = run("ls")
    assert done.code == 1 and "problem: " in done.err and "churn/inputs" in done.out


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "arrow"])
def test_a_query_writes_a_whole_file_of_any_form(here: Path, form: str) -> None:
    sql = "SELECT plan, count(*) AS n FROM churn_inputs GROUP BY plan ORDER BY n, plan"
    done = run("query", sql, "-o", f"out.{form}")
    assert (done.code, done.out, done.err) == (0, "", f"modeldata: 4 rows: out.{form}\n")
    readers = {
        "csv": pd.read_csv,
        "jsonl": partial(pd.read_json, lines=True),
        "parquet": pd.read_parquet,
        "arrow": pd.read_feather,
    }
    assert readers[form](f"out.{form}")["n"].tolist() == [15, 15, 30, 60]
    assert run("query", sql, "-o", f"out.{form}").code == 1, "it is there already"
    assert run("query", sql, "-o", f"out.{form}", "--overwrite", "-n", "1").err.endswith(f"1 row: out.{form}\n")


def test_a_query_that_fails_leaves_no_file(here: Path) -> None:
    sql = "SELECT CASE WHEN age > 70 THEN error('too old') ELSE age END FROM churn_inputs"
    assert run("query", sql, "-o", "out.csv").code == 1
    assert [path.name for path in here.iterdir()] == ["modeldata"]


def test_statistics_say_what_they_read_where_stderr_is_a_terminal(here: Path) -> None:
    assert "reading 120 rows of churn/inputs" in run("stats", "churn/inputs", err_tty=True).err
    assert run("stats", "churn/inputs").err == ""
