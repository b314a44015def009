"""`head`, `tail`, `query`, `join`, `export`: the rows that csv, json and pyarrow find in what is written."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Ran, Run
from tests.support.scripts import environment


def table(ran: Ran) -> list[dict[str, str]]:
    assert (ran.code, ran.err) == (0, ""), ran
    return list(csv.DictReader(io.StringIO(ran.out, newline="")))


def objects(ran: Ran) -> list[dict[str, object]]:
    assert ran.code == 0, ran
    return [json.loads(line) for line in ran.out.split("\n") if line]


def test_head_gives_the_first_rows(run: Run) -> None:
    rows = table(run("head", "churn/inputs", "-n", "7"))
    assert [(row["$CorrelationId"], row["$Row"], row["age"]) for row in rows] == [
        *(("order-0", str(at), str(20 + at)) for at in range(5)),
        *(("order-1", str(at), str(21 + at)) for at in range(2)),
    ]
    assert rows[0]["note"] == "a,\nb" and rows[0]["$Timestamp"] == "2026-11-20T10:00:00.000000"


def test_rows_as_json_have_their_types(run: Run) -> None:
    (row,) = objects(run("head", "churn/inputs", "-n", "1", "--json"))
    assert {name: row[name] for name in ("age", "income", "region", "note")} == {
        "age": 20, "income": 1000.5, "region": "north", "note": "a,\nb",
    }  # fmt: skip


def test_days_and_columns_are_chosen(run: Run) -> None:
    rows = table(
        run("head", "churn/inputs", "-n", "99", "--start", "2026-11-21", "--end", "2026-11-22", "--columns", "age, region")
    )
    assert list(rows[0]) == ["age", "region"] and len(rows) == 20
    assert rows[0]["age"] == "24"


def test_tail_gives_the_last_rows_in_the_order_of_time(run: Run) -> None:
    rows = table(run("tail", "churn/inputs", "-n", "6"))
    assert [(row["$CorrelationId"], row["$Row"]) for row in rows] == [
        ("order-10", "4"),
        *(("order-11", str(at)) for at in range(5)),
    ]
    assert len(table(run("tail", "churn/inputs", "-n", "1000"))) == 60
    assert table(run("tail", "churn/inputs", "-n", "0")) == []


def test_a_query_reads_a_view_of_each_collector(run: Run) -> None:
    assert run("query").out.splitlines() == [
        "churn_inputs\tchurn/inputs", "churn_labels\tchurn/labels", "churn_predictions\tchurn/predictions",
    ]  # fmt: skip
    assert objects(run("query", "--json"))[0] == {"view": "churn_inputs", "collector": "churn/inputs"}
    found = table(run("query", "select region, count(*) n from churn_inputs group by region order by region"))
    assert found == [{"region": word, "n": "15"} for word in sorted(["north", "south", "east", "west"])]


@pytest.mark.parametrize(
    ("sql", "said"),
    [("select * from churn_input", "churn_inputs"), ("selec 1", "syntax"), ("select agee from churn_inputs", "age")],
)
def test_a_query_that_can_not_be_run_says_why(run: Run, sql: str, said: str) -> None:
    ran = run("query", sql)
    assert ran.code == 1 and ran.out == "" and said in ran.err and "Traceback" not in ran.err


def test_a_join_tells_its_coverage_beside_its_rows(run: Run) -> None:
    ran = run("join", "churn", "inputs", "predictions", "labels", "--columns", "age,score,label", "--look-ahead", "7d")
    assert ran.code == 0
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) == 60
    assert sum(row["predictions.score"] != "" for row in rows) == 50 and sum(row["labels.label"] != "" for row in rows) == 20
    assert {(row["inputs.age"], row["predictions.score"], row["labels.label"]) for row in rows[:2]} == {
        ("20", "0.0", "0"),
        ("21", "0.2", "1"),
    }
    assert ran.err == "83.3 % of inputs have predictions, 33.3 % labels\n"


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.arrow"])
def test_an_export_is_one_whole_file(run: Run, tmp_path: Path, name: str) -> None:
    ran = run("export", "churn/inputs", name)
    assert (ran.code, ran.out) == (0, "") and "60 rows" in ran.err
    path = tmp_path / name
    if name.endswith("csv"):
        rows: list[dict[str, object]] = [dict(row) for row in csv.DictReader(path.open(newline=""))]
    elif name.endswith("jsonl"):
        rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    else:
        rows = (pq.read_table(path) if name.endswith("parquet") else pa.ipc.open_file(path).read_all()).to_pylist()
    assert [int(str(row["age"])) for row in rows] == [20 + call + at for call in range(12) for at in range(5)]
    assert os.listdir(tmp_path) == [name], "nothing else is left"


def test_an_export_replaces_nothing_unasked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("mine")
    ran = run("export", "churn/inputs", "rows.csv")
    assert ran.code == 1 and "--force" in ran.err and (tmp_path / "rows.csv").read_text() == "mine"
    told = json.loads(run("export", "churn/inputs", "rows.csv", "--force", "--json").out)
    assert told == {"path": "rows.csv", "format": "csv", "rows": 60, "bytes": (tmp_path / "rows.csv").stat().st_size}


def test_an_export_that_fails_leaves_what_was_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text("mine")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("modeldata.cli.export._TextWriter.write_batch", full)
    ran = run("export", "churn/inputs", "rows.csv", "--force")
    assert ran.code == 1 and "No space left" in ran.err
    assert os.listdir(tmp_path) == ["rows.csv"] and (tmp_path / "rows.csv").read_text() == "mine"


def test_an_export_of_a_column_that_becomes_wider_begins_anew(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.read.kit import Shipped

    shipped = Shipped(str(tmp_path / "other"), tmp_path / "spool")
    shipped.collect("inputs", {"x": 1}, {"x": 2})
    shipped.ship()
    shipped.collect("inputs", {"x": 2.5})
    shipped.collect("inputs", {"x": "none"})
    shipped.ship()
    assert run("export", "m/inputs", "rows.parquet", "--archive", str(tmp_path / "other")).code == 0
    assert pq.read_table(tmp_path / "rows.parquet")["x"].to_pylist() in (["1", "2", "2.5", "none"], ["1", "2", "none", "2.5"])


def test_whoever_stops_reading_hears_no_complaint(archive: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m modeldata query 'select * from range(1000000)' | head -2"
    done = subprocess.run(
        ["bash", "-c", command], env=environment(MODELDATA_ARCHIVE=str(archive)), cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("range\n0\n", "")


def test_a_terminal_gets_a_table_that_fits(archive: Path, tmp_path: Path) -> None:
    lines, err = in_terminal(["head", "churn/inputs", "-n", "2"], archive, tmp_path)
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert lines[0].split() == ["$Timestamp", "$CorrelationId", "age", "income", "region", "note"]
    assert lines[1].split()[:5] == ["2026-11-20", "10:00:00.000", "order-0", "20", "1000.5"]
    assert "not shown: $RequestId, $Writer, $Sequence, $Row" in err


def in_terminal(arguments: list[str], archive: Path, folder: Path) -> tuple[list[str], str]:
    """What a terminal of 80 columns shows, line by line, and stderr."""
    ours, theirs = pty.openpty()
    env = environment(MODELDATA_ARCHIVE=str(archive), COLUMNS="80", TERM="dumb")
    with subprocess.Popen(
        [sys.executable, "-m", "modeldata", *arguments], env=env, cwd=folder, stdout=theirs, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
        assert process.stderr is not None
        err = process.stderr.read()
    assert process.returncode == 0, err
    return [line.rstrip() for line in shown.decode().replace("\r\n", "\n").splitlines()], err
