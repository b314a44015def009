"""What the page counts, held against what was collected, and what the csv module and pyarrow find in the files."""

from __future__ import annotations

import datetime as dt
import json
import math
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.ui import kit
from tests.ui.kit import Asked, Row

Planted = tuple[Path, list[Row]]


def of(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (one,) = [each for each in found if name in (each.get("name"), each.get("day"), each.get("view"), each.get("version"))]
    return one


# Overview


@pytest.mark.parametrize("identifier", ["inputs", "predictions"])
def test_rows_by_day_and_hour_are_those_in_the_files(ask: Asked, planted: Planted, identifier: str) -> None:
    shown = of(ask("overview", hours=1)["collectors"], f"churn/{identifier}")
    there = kit.archived(planted[0], identifier)
    assert shown["rows"] == len(there) and shown["rows_without_hour"] == 0
    assert {each["day"]: each["rows"] for each in shown["days"]} == Counter(str(at.date()) for at, _ in there)
    hours = Counter(at.replace(minute=0, second=0, microsecond=0).isoformat() for at, _ in there)
    assert {each["hour"]: each["rows"] for each in shown["hours"]} == hours
    assert (shown["first"], shown["last"]) == (min(there)[0].isoformat(), max(there)[0].isoformat())


def test_hours_that_manifests_do_not_tell_are_not_guessed(ask: Asked, planted: Planted) -> None:
    shown = of(ask("overview")["collectors"], "churn/inputs")
    assert shown["rows_without_hour"] + sum(each["rows"] for each in shown["hours"]) == shown["rows"] == len(planted[1])
    assert shown["rows_without_hour"] > 0 and shown["quiet"] == []


def test_versions_are_counted_apart_and_together(ask: Asked, planted: Planted) -> None:
    shown = of(ask("overview")["collectors"], "churn/inputs")
    assert {each["version"]: each["rows"] for each in shown["versions"]} == Counter(row.version for row in planted[1])
    assert shown["days"][0]["versions"] == {"1": 144 - 2} and shown["days"][-1]["versions"] == {"2": 144}


def test_an_outage_of_eight_hours_is_named(ask: Asked) -> None:
    for each in ask("overview", hours=1)["collectors"]:
        outage = {"from": f"{kit.day(5)}T08:00:00+00:00", "to": f"{kit.day(5)}T16:00:00+00:00", "hours": 8}
        assert each["quiet"] == [outage]


def test_refused_and_erased_rows_are_reported_with_their_reason(ask: Asked) -> None:
    inputs, predictions = (of(ask("overview")["collectors"], f"churn/{name}") for name in ("inputs", "predictions"))
    assert inputs["lost"] == {"erased": len(kit.ERASED)} and inputs["refused"] == {}
    assert sum(predictions["refused"].values()) == kit.REFUSED


def test_the_overview_reads_no_file_of_data(planted: Planted, tmp_path: Path) -> None:
    from modeldata import Archive
    from modeldata.ui.cache import Cache
    from modeldata.ui.overview import overview
    from modeldata.ui.source import Source
    from tests.read.kit import Counting

    source = Source(Archive(planted[0] / "archive").settings, Cache("", None), pytest.fail)
    counting = source.reader.store = Counting(source.reader.store)  # type: ignore[assignment] # it has what is asked of it
    overview(source, None, 0)
    assert counting.reads and counting.files_read() == set()
    counting.reads.clear()
    overview(source, None, 0)
    assert counting.reads == []


# Proof, keeping, spool


def test_the_proof_is_the_audit_and_names_each_gap(ask: Asked, planted: Planted) -> None:
    proof = ask("proof", bytes=1)
    assert proof["verdict"] == "gaps, each with its reason" and proof["checked_bytes"]
    assert sum(gap["last"] - gap["first"] + 1 for gap in proof["missing"]) == len(kit.ERASED)
    assert {gap["reason"] for gap in proof["missing"]} == {"erased"}
    assert proof["rows"] == sum(len(kit.archived(planted[0], name)) for name in ("inputs", "predictions"))
    assert proof["proven"] and proof["not_known"]


def test_a_gap_without_a_reason_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeldata.catalog.audit.WAITS", ())  # nobody works on it
    shipped = kit.Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for at in ("2026-11-02T00:00", "2026-11-02T01:00", "2026-11-02T02:00"):
        shipped.collect("inputs", [1], at=at)
        shipped.ship()
    (manifest,) = (tmp_path / "archive").rglob("_manifest/*.jsonl")
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(lines[0] + lines[2])
    proof = Asked(tmp_path / "archive", tmp_path / "cache")("proof")
    assert proof["verdict"] == "broken"
    assert [(gap["first"], gap["last"], gap["reason"]) for gap in proof["missing"]] == [(1, 1, None)]


def test_what_housekeeping_did_is_reported(ask: Asked) -> None:
    kept = ask("keeping")
    assert kept["lost"] == {"erased": len(kit.ERASED)}
    erased = {each["day"]: each["lost"]["erased"] for each in kept["folders"] if each["view"] == "churn_inputs"}
    assert erased == {kit.day(0): 2, kit.day(10): 1}
    compacted = {each["day"] for each in kept["folders"] if each["view"] == "churn_predictions"}
    assert kit.day(kit.COMPACTED_DAY) in compacted
    assert len(kept["runs"]) == len(kept["folders"]) and all(run["replaced"] for run in kept["runs"])


def test_the_spool_says_what_waits(tmp_path: Path) -> None:
    shipped = kit.Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    shipped.collect("inputs", [1], [2])
    ask = Asked(shipped.archive, tmp_path / "cache")
    waiting = ask("spool")
    assert waiting["pending"] == 2 and waiting["lag_seconds"] > 0 and waiting["spool"].startswith(str(tmp_path / "spool"))
    shipped.ship()
    shipped_now = ask("spool")
    assert (shipped_now["pending"], shipped_now["archived"], shipped_now["last_error"]) == (0, 2, None)


# Columns


def test_columns_hold_what_was_collected(ask: Asked, planted: Planted) -> None:
    found = ask("columns", collector="churn_inputs")
    rows = [row.values for row in planted[1]]
    assert (found["rows"], found["days_left"], found["rows_not_read"]) == (len(rows), 0, 0)
    age, income = of(found["columns"], "age"), of(found["columns"], "income")
    ages = [row["age"] for row in rows if row["age"] is not None]
    incomes = [row["income"] for row in rows]
    assert (age["rows"], age["nulls"], age["low"], age["high"]) == (len(rows), len(rows) - len(ages), min(ages), max(ages))
    assert math.isclose(age["mean"], statistics.mean(ages)) and math.isclose(income["mean"], statistics.mean(incomes))
    plans = {each["value"]: each["rows"] for each in of(found["columns"], "plan")["values"]}
    counts = Counter(row["plan"] for row in rows)
    assert plans == {"basic": counts["basic"], "plus": counts["plus"], None: counts["pro"]}  # the first days had no "pro"
    active = {each["value"]: each["rows"] for each in of(found["columns"], "active")["values"]}
    assert active == {str(value).lower(): rows for value, rows in Counter(row["active"] for row in rows).items()}


def test_bars_count_each_value_once(ask: Asked, planted: Planted) -> None:
    bars = of(ask("columns", collector="churn_inputs")["columns"], "income")["bars"]
    incomes = [row.values["income"] for row in planted[1]]
    width = (bars["high"] - bars["low"]) / bars["parts"]
    inside = [income for income in incomes if bars["low"] <= income <= bars["high"]]
    assert bars["rows"] == [Counter(min(int((each - bars["low"]) / width), 19) for each in inside)[at] for at in range(20)]
    assert bars["below"] == sum(income < bars["low"] for income in incomes)
    assert bars["above"] == sum(income > bars["high"] for income in incomes)


def test_first_and_last_days_stand_beside_each_other(ask: Asked, planted: Planted) -> None:
    found = ask("columns", collector="churn_inputs")
    assert found["first"] == [kit.day(number) for number in range(6)] and found["last"] == [
        kit.day(number) for number in range(6, 12)
    ]
    income = of(found["columns"], "income")
    for part in ("first", "last"):
        values = [row.values["income"] for row in planted[1] if str(row.at.date()) in found[part]]
        assert income[part]["rows"] == len(values) and math.isclose(income[part]["mean"], statistics.mean(values))


def test_no_value_of_a_near_unique_column_is_shown_or_kept(ask: Asked, planted: Planted, tmp_path: Path) -> None:
    text = json.dumps([ask("columns", collector="churn_inputs"), ask("drift", collector="churn_inputs")])
    cache = "".join(path.read_text() for path in (tmp_path / "cache").rglob("*.json"))
    assert of(json.loads(text)[0]["columns"], "name")["kind"] == "near-unique"
    assert not [row for row in planted[1] if row.values["name"] in text or row.values["name"] in cache]


# Drift


def test_planted_shifts_are_found_on_their_days_and_none_else(ask: Asked) -> None:
    found = ask("drift", collector="churn_inputs")
    shifted = {each["name"]: [day["day"] for day in each["days"] if day["level"] == "shifted"] for each in found["columns"]}
    later = [kit.day(number) for number in range(kit.SHIFT_DAY, kit.DAYS)]
    assert shifted == {"age": [kit.day(kit.SHIFT_DAY)], "income": later, "plan": later, "name": [], "active": []}


def test_against_the_day_before_a_shift_is_found_where_it_begins_and_ends(ask: Asked) -> None:
    found = ask("drift", collector="churn_inputs")
    moved = {each["name"]: [day["day"] for day in each["days"] if (day["day_before"] or 0) > 1] for each in found["columns"]}
    first = kit.day(kit.SHIFT_DAY)
    assert moved == {"age": [first, kit.day(kit.SHIFT_DAY + 1)], "income": [first], "plan": [first], "name": [], "active": []}


def test_the_index_is_that_of_the_shares_by_hand(ask: Asked, planted: Planted) -> None:
    found = ask("drift", collector="churn_inputs")
    basis = found["reference"]
    assert basis["days"] == [kit.day(number) for number in range(7)] and not basis["sampled"]
    plan = of(found["columns"], "plan")
    day = of(plan["days"], kit.day(9))
    counts = [
        Counter(row.values["plan"] for row in planted[1] if str(row.at.date()) in days) for days in (basis["days"], [kit.day(9)])
    ]
    shares = [[(count[name] + 0.5) / (count.total() + 1.5) for name in ("basic", "plus", "pro")] for count in counts]
    expected = sum((b - a) * math.log(b / a) for a, b in zip(*shares, strict=True))
    assert math.isclose(day["psi"], expected, rel_tol=1e-9)


def test_each_day_is_counted_whole_in_the_bins_of_the_reference(ask: Asked, planted: Planted) -> None:
    rows = Counter(str(row.at.date()) for row in planted[1])
    for column in ask("drift", collector="churn_inputs")["columns"]:
        assert {day["day"]: sum(day["rows"]) for day in column["days"]} == rows
        assert {len(day["rows"]) for day in column["days"]} == {len(column["bins"])}


def test_another_reference_is_named_and_taken(ask: Asked) -> None:
    found = ask("drift", collector="churn_inputs", reference_start=kit.day(9), reference_end=kit.day(11))
    assert found["reference"]["days"] == [kit.day(9), kit.day(10), kit.day(11)] and found["reference"]["chosen"]
    levels = {day["day"]: day["level"] for day in of(found["columns"], "income")["days"]}
    assert levels[kit.day(0)] == levels[kit.day(7)] == "shifted" and levels[kit.day(10)] == "steady"


def test_a_version_alone_is_compared(ask: Asked, planted: Planted) -> None:
    found = ask("drift", collector="churn_inputs", version="2")
    assert found["versions"] == ["2"] and found["days"][0]["day"] == kit.day(kit.VERSION_DAY)
    assert found["rows"] == sum(row.version == "2" for row in planted[1])


def test_a_question_without_time_answers_with_what_it_has_and_ends_in_the_end(ask: Asked) -> None:
    left = [ask("drift", collector="churn_inputs", seconds=0)["days_left"] for _ in range(kit.DAYS)]
    assert left == [11, *range(10, -1, -1)]


def test_what_was_counted_once_is_not_read_again_until_its_day_changes(tmp_path: Path) -> None:
    shipped = kit.Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    for number in range(9):
        shipped.collect("inputs", *({"x": float(each)} for each in range(30)), at=f"2026-11-{number + 1:02}T05:00")
    shipped.ship()
    first = Asked(shipped.archive, tmp_path / "cache")("columns", collector="m_inputs")
    shipped.collect("inputs", {"x": 1000.0}, at="2026-11-09T06:00")
    shipped.ship()
    for path in (tmp_path / "archive").rglob("01/data.csv"):
        path.write_bytes(b"damaged" + path.read_bytes())
    second = Asked(shipped.archive, tmp_path / "cache")("columns", collector="m_inputs")
    assert (first["rows"], second["rows"], of(second["columns"], "x")["high"]) == (270, 271, 1000.0)


# Rows, cases


def test_the_newest_rows_come_first_and_pages_have_each_row_once(ask: Asked, planted: Planted) -> None:
    ids: list[str] = []
    after = ""
    while after is not None:
        page = ask("rows", collector="churn_inputs", rows=500, **({"after": after} if after else {}))
        at = [each["name"] for each in page["columns"]].index("$CorrelationId")
        ids += [row[at] for row in page["rows"]]
        after = page["next"]
    assert ids == [row.id for row in reversed(planted[1])]


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        (("age", "=", "30"), lambda row: row["age"] == 30),
        (("age", "is null", ""), lambda row: row["age"] is None),
        (("income", ">=", "60000.5"), lambda row: row["income"] >= 60000.5),
        (("plan", "!=", "basic"), lambda row: row["plan"] != "basic"),
        (("name", "contains", "FF"), lambda row: "ff" in row["name"]),
        (("active", "=", "true"), lambda row: row["active"]),
    ],
)
def test_rows_that_fit_a_condition_are_those_that_python_finds(
    ask: Asked, planted: Planted, condition: tuple[str, str, str], fits: Any
) -> None:
    column, op, value = condition
    page = ask("rows", collector="churn_inputs", rows=500, column=column, op=op, value=value)
    expected = [row.id for row in reversed(planted[1]) if fits(row.values)]
    assert [row[1] for row in page["rows"]] == expected[:500]
    assert (page["next"] is None) == (len(expected) <= 500)


def test_rows_of_a_time_are_those_between_its_ends(ask: Asked, planted: Planted) -> None:
    start, end = f"{kit.day(3)}T05:00", f"{kit.day(3)}T07:00"
    page = ask("rows", collector="churn_inputs", start=start, end=end)
    bounds = [dt.datetime.fromisoformat(each).replace(tzinfo=dt.UTC) for each in (start, end)]
    assert [row[1] for row in page["rows"]] == [row.id for row in reversed(planted[1]) if bounds[0] <= row.at < bounds[1]]


def test_a_case_has_its_rows_of_each_collector_and_when_they_came(ask: Asked, planted: Planted) -> None:
    row = planted[1][700]
    case = ask("case", id=row.id)
    assert [each["name"] for each in case["collectors"]] == ["churn/inputs", "churn/predictions"]
    inputs, predictions = case["collectors"]
    names = [each["name"] for each in inputs["columns"]]
    assert {name: inputs["rows"][0][names.index(name)] for name in row.values} == row.values
    assert (inputs["after_ms"], predictions["after_ms"], inputs["version"]) == (0.0, 40.0, row.version)
    assert ask("case", id="nobody")["collectors"] == []


# SQL


def test_a_query_gives_what_python_counts(ask: Asked, planted: Planted) -> None:
    found = ask("sql", sql="SELECT plan, count(*) AS n, sum(age) AS ages FROM churn_inputs GROUP BY plan ORDER BY plan")
    plans = sorted({row.values["plan"] for row in planted[1]})
    ages = {plan: sum(row.values["age"] or 0 for row in planted[1] if row.values["plan"] == plan) for plan in plans}
    assert [row[:2] for row in found["rows"]] == sorted(map(list, Counter(row.values["plan"] for row in planted[1]).items()))
    assert {row[0]: int(row[2]) for row in found["rows"]} == ages
    assert ask("sql", sql="SELECT * FROM churn_inputs", rows=5)["more"] and set(ask("sql")["views"]) == {
        "churn_inputs",
        "churn_predictions",
    }


def test_a_result_is_saved_as_csv_and_parquet(ask: Asked, planted: Planted) -> None:
    import csv
    import io

    import pyarrow.parquet as pq

    text = 'SELECT "$CorrelationId" AS id, age FROM churn_inputs ORDER BY "$Timestamp"'
    expected = [(row.id, row.values["age"]) for row in planted[1]]
    saved = ask.ask("POST", "/api/sql", content=json.dumps({"sql": text, "format": "csv"}))
    assert [(row["id"], int(row["age"]) if row["age"] else None) for row in csv.DictReader(io.StringIO(saved.text))] == expected
    saved = ask.ask("GET", "/api/sql", params={"sql": text, "format": "parquet"})
    assert [tuple(row.values()) for row in pq.read_table(io.BytesIO(saved.content)).to_pylist()] == expected
