"""`head`, `tail`, `export` and `join`: what others read from stdout, or from the file, is what was collected."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata.cli.formats import plain_names
from tests.read.kit import Shipped
from tests.support import archive

from .kit import CALLS, DAYS, PLANS, age, run, score

TOTAL = len(DAYS) * CALLS


def collected() -> list[tuple[str, int, str | None]]:
    return [(f"order-{number}", age(number), PLANS[number % len(PLANS)]) for number in range(TOTAL)]


def test_head_prints_the_first_rows_as_csv(here: Path) -> None:
    done = run("head", "churn/inputs", "-n", "5")
    assert (done.code, done.err) == (0, "")
    assert [(row["$CorrelationId"], int(row["age"]), row["plan"]) for row in done.rows()] == collected()[:5]
    assert done.rows()[0]["$Timestamp"] == f"{DAYS[0]}T09:00:01.250000"


def test_head_as_json_has_types_and_nulls(here: Path) -> None:
    rows = run("head", "churn/inputs", "--json").objects()
    assert [(row["$CorrelationId"], row["age"], row["plan"]) for row in rows] == collected()[:10]
    assert rows[7]["plan"] is None


def test_tail_prints_the_newest_rows_oldest_first(here: Path) -> None:
    rows = run("tail", "churn/inputs", "-n", "50", "--json").objects()
    assert [(row["$CorrelationId"], row["age"], row["plan"]) for row in rows] == collected()[-50:]


@pytest.mark.parametrize("rows", [0, 1, TOTAL, TOTAL + 7])
@pytest.mark.parametrize("command", ["head", "tail"])
def test_as_many_rows_as_asked_for_or_as_there_are(here: Path, command: str, rows: int) -> None:
    done = run(command, "churn/inputs", "-n", str(rows), "--csv")
    assert done.code == 0 and len(done.rows()) == min(rows, TOTAL)


def test_tail_within_a_range_has_the_newest_of_the_range(here: Path) -> None:
    rows = run("tail", "churn/inputs", "-n", "3", "--end", DAYS[1], "--json").objects()
    assert [row["$CorrelationId"] for row in rows] == [f"order-{number}" for number in range(CALLS - 3, CALLS)]
    half = run("tail", "churn/inputs", "-n", "2", "--end", f"{DAYS[1]}T10:00:00", "--columns", "$CorrelationId").rows()
    assert half == [{"$CorrelationId": "order-46"}, {"$CorrelationId": "order-47"}]


def test_tail_reads_rows_that_came_late_in_their_place(here: Path) -> None:
    shipped = Shipped(str(here / "late"), here / "spool")
    for at in ("12:00:00", "11:00:00", "13:00:00", "10:00:00"):
        shipped.collect("inputs", {"n": at}, at=f"{DAYS[0]}T{at}")
        shipped.ship()
    report = [row["n"] for row in run("tail", "m", "-n", "3", "--archive", "late").rows()]
    assert report == ["11:00:00", "12:00:00", "13:00:00"]


def test_a_range_and_columns_are_as_asked_for(here: Path) -> None:
    done = run("export", "churn/inputs", "--start", DAYS[1], "--end", DAYS[2], "--columns", "plan,$CorrelationId")
    rows = list(csv.reader(io.StringIO(done.out)))
    assert rows[0] == ["plan", "$CorrelationId"]
    assert rows[1:] == [[plan or "", name] for name, _, plan in collected()[CALLS : 2 * CALLS]]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "arrow"])
def test_an_exported_file_holds_every_row(here: Path, ending: str) -> None:
    done = run("export", "churn/inputs", "-o", f"inputs.{ending}", "--json")
    report = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert report == {
        "file": f"inputs.{ending}", "format": ending, "rows": TOTAL, "bytes": (here / f"inputs.{ending}").stat().st_size,
    }  # fmt: skip
    readers = {
        "csv": lambda: pd.read_csv(f"inputs.{ending}"),
        "jsonl": lambda: pd.read_json(f"inputs.{ending}", lines=True),
        "parquet": lambda: pq.read_table(f"inputs.{ending}").to_pandas(),
        "arrow": lambda: pa.ipc.open_file(f"inputs.{ending}").read_all().to_pandas(),
    }
    found = readers[ending]()
    plans = [None if pd.isna(plan) else plan for plan in found["plan"]]
    assert list(zip(found["$CorrelationId"], found["age"], plans, strict=True)) == collected()
    assert sorted(path.name for path in here.iterdir()) == [f"inputs.{ending}", "modeldata"]


@pytest.mark.parametrize(
    ("file_format", "read"),
    [
        ("csv", lambda data: pd.read_csv(io.BytesIO(data)).shape[0]),
        ("jsonl", lambda data: len([json.loads(line) for line in data.splitlines()])),
        ("parquet", lambda data: pq.read_table(pa.BufferReader(data)).num_rows),
        ("arrow", lambda data: pa.ipc.open_stream(data).read_all().num_rows),
    ],
)
def test_an_export_to_stdout_is_that_format_and_nothing_else(here: Path, file_format: str, read: object) -> None:
    done = run("export", "churn/predictions", "--format", file_format)
    assert (done.code, done.err) == (0, "")
    assert read(done.data) == TOTAL  # type: ignore[operator] # a function of the list above


def test_parquet_keeps_the_types(here: Path) -> None:
    run("export", "churn/inputs", "-o", "inputs.parquet")
    types = dict(duckdb.sql("select column_name, column_type from (describe select * from 'inputs.parquet')").fetchall())
    assert (types["age"], types["income"], types["plan"]) == ("BIGINT", "DOUBLE", "VARCHAR")
    assert types["$Timestamp"] == "TIMESTAMP WITH TIME ZONE"


def test_a_file_that_is_there_is_only_replaced_when_asked_for(here: Path) -> None:
    (here / "out.csv").write_text("mine")
    done = run("export", "churn/inputs", "-o", "out.csv")
    assert done.code == 1 and "--overwrite" in done.err and (here / "out.csv").read_text() == "mine"
    assert run("export", "churn/inputs", "-o", "out.csv", "--overwrite").code == 0
    assert len(pd.read_csv("out.csv")) == TOTAL


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(path.name)  # the path from here: a whole one may be too long for a socket


def _link_to_a_fifo(path: Path) -> None:
    os.mkfifo("pipe")
    path.symlink_to("pipe")


def _link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/null")


def _link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.skipif(os.name == "nt", reason="kinds of files that Windows has not")
@pytest.mark.parametrize("make", [_fifo, _socket, Path.mkdir, _link_to_a_fifo, _link_to_a_device, _link_to_nothing])
@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_what_is_no_regular_file_is_never_replaced(here: Path, make: Callable[[Path], None], more: list[str]) -> None:
    make(here / "out.csv")
    before = os.lstat("out.csv")[:2], sorted(os.listdir())  # its kind and its number
    done = run("export", "churn/inputs", "-o", "out.csv", *more)
    assert (done.code, done.err.count("\n")) == (1, 1) and "not a regular file" in done.err
    assert (os.lstat("out.csv")[:2], sorted(os.listdir())) == before


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_stays_and_its_file_is_replaced(here: Path) -> None:
    (here / "kept").mkdir()
    (here / "kept" / "rows.csv").write_text("mine")
    (here / "out.csv").symlink_to("kept/rows.csv")
    assert run("export", "churn/inputs", "-o", "out.csv", "--overwrite").code == 0
    assert (here / "out.csv").is_symlink() and len(pd.read_csv(here / "kept" / "rows.csv")) == TOTAL
    assert os.listdir(here / "kept") == ["rows.csv"]


def test_an_export_that_fails_leaves_no_file(here: Path) -> None:
    (data,) = (here / "modeldata").rglob(f"inputs/{DAYS[2].replace('-', '/')}/data.csv")
    data.write_bytes(data.read_bytes().replace(b"order-119", b"order-999"))
    done = run("export", "churn/inputs", "-o", "out.csv")
    assert done.code == 1 and "--skip-damaged" in done.err
    assert [path.name for path in here.iterdir()] == ["modeldata"]
    done = run("export", "churn/inputs", "-o", "out.csv", "--skip-damaged")
    assert done.code == 0 and "left out" in done.err
    assert len(pd.read_csv("out.csv")) < TOTAL


def test_an_interrupted_export_leaves_no_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(batches: Iterable[object], *others: object) -> Iterator[object]:
        yield next(iter(batches))
        assert [path.name for path in here.iterdir() if path.name.endswith(".part")]
        raise KeyboardInterrupt

    monkeypatch.setattr("modeldata.cli.commands.export.watched", interrupted)
    done = run("export", "churn/inputs", "-o", "out.csv")
    assert (done.code, done.out) == (130, "")
    assert [path.name for path in here.iterdir()] == ["modeldata"]


def test_a_bar_counts_the_rows_where_stderr_is_a_terminal(here: Path) -> None:
    done = run("export", "churn/inputs", "--start", DAYS[1], err_tty=True)
    assert len(done.rows()) == 2 * CALLS
    assert f"{2 * CALLS}/{2 * CALLS}" in done.err


def test_a_join_has_each_prediction_beside_its_input(here: Path) -> None:
    done = run("join", "churn", "predictions", "inputs", "labels")
    assert done.code == 0 and done.err == "modeldata: 100 % of predictions have inputs, 33.3 % labels\n"
    found = [(row["$CorrelationId"], float(row["predictions.score"]), int(row["inputs.age"])) for row in done.rows()]
    assert found == [(f"order-{number}", score(number), age(number)) for number in range(TOTAL)]
    labels = [row["labels.left"] for row in done.rows()]
    assert labels == ["" if number % 3 else str(score(number) > 0.5) for number in range(TOTAL)]


def test_the_columns_of_a_join_are_those_asked_for_in_their_order(here: Path) -> None:
    done = run("join", "churn", "predictions", "inputs", "--columns", "age,predictions.score", "-n", "2")
    assert list(done.rows()[0]) == ["$CorrelationId", "inputs.age", "predictions.score"]
    done = run("join", "churn", "predictions", "inputs", "--columns", "agee")
    assert done.code == 1 and "did you mean 'age'?" in done.err


def test_coverage_alone_is_one_object(here: Path) -> None:
    done = run("join", "churn", "predictions", "labels", "--coverage", "--json")
    assert json.loads(done.out)["others"] == [{"identifier": "labels", "matched": 40, "unmatched": 0, "elsewhere": 0}]
    assert json.loads(done.out)["reused"] == {"predictions": 0, "labels": 0} and done.err == ""


def test_a_join_takes_the_call_that_is_meant_and_labels_of_another_version(here: Path) -> None:
    shipped = Shipped(str(here / "versions"), here / "spool", "csv")
    for minute in (0, 5):
        shipped.collect("inputs", {"n": minute}, ids="a", at=f"{DAYS[0]}T12:0{minute}:00", model_version="2")
    shipped.collect("predictions", {"p": 1}, ids="a", at=f"{DAYS[0]}T12:03:00", model_version="2")
    shipped.collect("labels", {"z": 1}, ids="a", at=f"{DAYS[0]}T12:04:00")
    shipped.ship()
    asked = ("join", "churn", "predictions", "inputs", "labels", "--archive", "versions", "--columns", "n,z")

    def rows(*more: str) -> tuple[str, str]:
        (row,) = run(*(word if word != "churn" else "m" for word in asked), *more).rows()
        return row["inputs.n"], row["labels.z"]

    assert rows() == ("0", "")
    assert rows("--match", "last") == ("5", "")
    assert rows("--match", "last", "--match", "inputs=asof", "--across", "labels") == ("0", "1")
    assert rows("--match", "asof", "--tolerance", "1m") == ("", "")
    assert rows("--match", "labels=last", "--model-version", "2", "--across", "labels") == ("0", "1")


@pytest.fixture
def mixed(here: Path) -> str:
    """A column that begins and ends with whole numbers, and has others between them."""
    shipped = Shipped(str(here / "mixed"), here / "spool", "jsonl")
    for value in (1, 2.5, 3):
        shipped.collect("inputs", {"n": value}, at=f"{DAYS[0]}T12:00:00")
        shipped.ship()
    return "mixed"


@pytest.mark.parametrize("command", ["head", "tail"])
def test_values_that_do_not_fit_what_a_column_began_with_are_shown(mixed: str, command: str) -> None:
    assert run(command, "m", "--archive", mixed, "--columns", "n").out == "n\n1.0\n2.5\n3.0\n"


def test_a_file_is_begun_again_where_a_column_needs_a_wider_type(mixed: str) -> None:
    assert run("export", "m", "--archive", mixed, "--columns", "n", "-o", "n.parquet").code == 0
    assert pq.read_table("n.parquet")["n"].to_pylist() == [1.0, 2.5, 3.0]


def test_statistics_have_the_wider_type(mixed: str) -> None:
    (_, column) = json.loads(run("stats", "m", "--archive", mixed, "--json").out)["columns"]
    assert (column["type"], column["min"], column["max"]) == ("double", 1.0, 3.0)


def test_on_stdout_such_a_column_is_an_error_unless_it_is_read_as_text(mixed: str) -> None:
    done = run("export", "m", "--archive", mixed, "--columns", "n")
    assert done.code == 1 and "column 'n'" in done.err and "--text" in done.err
    done = run("export", "m", "--archive", mixed, "--columns", "n", "--text", "n")
    assert (done.code, done.out) == (0, "n\n1\n2.5\n3\n")


def test_columns_whose_name_has_a_comma_are_quoted_as_in_csv(here: Path) -> None:
    shipped = Shipped(str(here / "odd"), here / "spool")
    shipped.collect("inputs", {"a,b": 1, "c": 2}, at=f"{DAYS[0]}T12:00:00")
    shipped.ship()
    done = run("head", "m", "--archive", "odd", "--columns", '"a,b", c', "--json")
    assert done.objects() == [{"a,b": 1, "c": 2}]


ODD = {"=cmd()": "=1+1", "a b": 1, "A_b": 2, "a-b": 3, "7": 4, "Timestamp": 5, "naïve": 6, "nested": {"x y": 1}}


@pytest.fixture
def odd(here: Path) -> Path:
    shipped = Shipped(str(here / "odd"), here / "odd-spool")
    shipped.collect("in", ODD, at="2026-11-20T10:00:00", ids="a")
    shipped.ship()
    return here


@pytest.mark.parametrize("how", ["option", "setting"])
def test_an_export_that_is_excel_safe_covers_names_and_text(odd: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "setting":
        monkeypatch.setenv("MODELDATA_EXCEL_SAFE", "true")
    done = run("export", "m", "--archive", "odd", *(["--excel-safe"] if how == "option" else []))
    (row,) = done.rows()
    assert row["'=cmd()"] == "'=1+1" and row["a b"] == "1" and "=cmd()" not in row


def test_an_archive_that_is_excel_safe_covers_names_and_reads_back_as_collected(here: Path) -> None:
    shipped = Shipped(str(here / "safe"), here / "safe-spool", excel_safe=True)
    shipped.collect("in", {"=cmd()": 1, "-x": 2}, at="2026-11-20T10:00:00")
    shipped.ship()
    (data,) = (here / "safe").rglob("data.csv")
    assert next(csv.reader(data.read_text().splitlines()))[3:] == ["'=cmd()", "'-x"]
    assert run("head", "m", "--archive", "safe", "--columns", "=cmd(),-x").rows() == [{"=cmd()": "1", "-x": "2"}]
    assert run("audit", "safe").code == 0


PLAIN = [
    "Timestamp", "CorrelationId", "RequestId", "Writer", "Sequence", "Row", "_cmd_", "a_b_2", "A_b", "a_b_3", "_7", "Timestamp_2",
    "na_ve", "nested",
]  # fmt: skip


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet", "arrow"])
def test_plain_names_change_nothing_but_names(odd: Path, file_format: str) -> None:
    command = ["export", "m", "--archive", "odd", "--format", file_format]
    plain, usual = run(*command, "--plain-names").data, run(*command).data
    names, columns = _table(file_format, plain)
    assert columns == _table(file_format, usual)[1]
    assert names == PLAIN


@given(st.lists(st.text("aA_ $.1é", max_size=4) | st.sampled_from(["$Timestamp", "Timestamp", "a_2"]), unique=True, max_size=8))
def test_no_two_plain_names_are_the_same_whatever_their_case(columns: list[str]) -> None:
    plain = plain_names(columns)
    assert len({name.lower() for name in plain}) == len(columns)
    assert all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) for name in plain)


def _table(file_format: str, data: bytes) -> tuple[list[str], list[list[object]]]:
    """Names and rows, as others read them."""
    if file_format == "csv":
        header, *rows = csv.reader(io.StringIO(data.decode()))
        return header, [list(row) for row in rows]
    if file_format == "jsonl":
        objects = [json.loads(line) for line in data.splitlines()]
        return list(objects[0]), [list(each.values()) for each in objects]
    table = pq.read_table(pa.BufferReader(data)) if file_format == "parquet" else pa.ipc.open_stream(data).read_all()
    return table.column_names, [
        list(row.values()) for row in table.rename_columns([str(at) for at in range(table.num_columns)]).to_pylist()
    ]


def test_where_gives_the_rows_that_fit_and_the_columns_that_are_asked_for(here: Path) -> None:
    everyone = pd.concat(pd.read_csv(path) for path in archive.data_files(here / "modeldata", "inputs"))
    fitting = everyone[(everyone["age"] > 40) & (everyone["plan"] == "plus")]
    done = run("head", "churn/inputs", "-n", "1000", "--where", "age > 40 AND plan = 'plus'", "--columns", "income")
    assert [float(row["income"]) for row in done.rows()] == fitting["income"].tolist()
    assert run("export", "churn/inputs", "--where", "age > 40 AND plan = 'plus'", "-o", "some.parquet").code == 0
    assert pd.read_parquet("some.parquet")["income"].tolist() == fitting["income"].tolist()
    day = run("export", "churn/inputs", "--where", f"\"$Timestamp\" >= '{DAYS[2]}'").rows()
    assert len(day) == CALLS and {row["$Timestamp"][:10] for row in day} == {DAYS[2]}


def test_tail_where_gives_the_newest_rows_that_fit_however_old(here: Path) -> None:
    first_days = f"\"$Timestamp\" < '{DAYS[1]}' AND age > 40"
    wanted = run("head", "churn/inputs", "-n", "1000", "--where", first_days, "--columns", "$CorrelationId").out.splitlines()
    done = run("tail", "churn/inputs", "-n", "3", "--where", first_days, "--columns", "$CorrelationId")
    assert (done.code, done.out.splitlines()) == (0, [wanted[0], *wanted[-3:]])
    assert "did you mean 'age'?" in run("tail", "churn/inputs", "--where", "agee > 40").err


def test_where_names_a_column_that_is_not_there_and_a_condition_that_is_none(here: Path) -> None:
    assert "did you mean 'age'?" in run("head", "churn/inputs", "--where", "agee > 40").err
    assert run("head", "churn/inputs", "--where", "age >").code == 1
    assert run("head", "churn/inputs", "--where", "count(*) > 1").code == 1
