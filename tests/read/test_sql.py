"""SQL over an archive: views named as a person would guess, and only what a query needs is read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from modeldata.catalog.errors import NotThere
from modeldata.read.reader import Reader
from modeldata.read.sql import view_names
from modeldata.spool.files import Files
from modeldata.store import open_store
from tests.read.kit import FORMATS, Counting, Shipped

DAYS = [f"2026-11-{day:02d}" for day in range(1, 6)]
BASE = {"account": "unknown", "service": "unknown", "model_id": "unknown", "model_version": "1"}


@pytest.fixture(params=FORMATS)
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool", request.param)
    for number, day in enumerate(DAYS):
        made.collect(
            "inputs", [{"x": number, "plan": "ab"[number % 2]}], ids=f"id{number}", at=f"{day}T12:00:00", model="Churn.pkl"
        )
        made.collect("predictions", [{"score": number / 4}], ids=f"id{number}", at=f"{day}T12:00:00", model="Churn.pkl")
    made.ship()
    return made


def test_a_collector_is_a_view_named_by_model_and_identifier(shipped: Shipped) -> None:
    found = shipped.archive.sql("select plan, count(*) n, sum(x) s from churn_pkl_inputs group by plan order by plan")
    assert found.fetchall() == [("a", 3, 6), ("b", 2, 4)]
    joined = shipped.archive.sql(
        'select i.x, p.score from churn_pkl_inputs i join Churn_pkl_predictions p using ("$CorrelationId") where p.score > 0.5 order by x'
    )
    assert joined.fetchall() == [(3, 0.75), (4, 1.0)]


def test_a_query_reads_only_its_days_collectors_and_columns(shipped: Shipped, tmp_path: Path) -> None:
    counting = Counting(open_store(str(tmp_path / "archive"), Files()))
    query = """select x from churn_pkl_inputs where "$Timestamp" >= '2026-11-02' and "$Timestamp" < '2026-11-04' order by x"""
    relation = Reader(counting, "here").sql(query)
    counting.reads.clear()
    assert relation.fetchall() == [(1,), (2,)]
    assert {"-".join(path.split("/")[-4:-1]) for path in counting.files_read()} == {"2026-11-02", "2026-11-03"}
    assert all("/inputs/" in path for path in counting.files_read())


@pytest.mark.parametrize(
    "condition",
    ["plan = 'a'", "x in (1, 3)", "x > 1 and plan <> 'a'", "plan like 'a%'", "x is null", "x between 1 and 2 or plan = 'b'",
     "\"$Timestamp\"::date = date '2026-11-03'", "\"$CorrelationId\" = 'id2'"],
)  # fmt: skip
def test_conditions_select_what_duckdb_itself_selects_of_the_whole_table(shipped: Shipped, condition: str) -> None:
    everything = shipped.archive.read("Churn.pkl", "inputs")
    connection = duckdb.connect()
    connection.register("everything", everything.cast(everything.schema.set(0, pa.field("$Timestamp", pa.timestamp("us")))))
    expected = connection.sql(f"select x, plan from everything where {condition} order by x").fetchall()
    assert shipped.archive.sql(f"select x, plan from churn_pkl_inputs where {condition} order by x").fetchall() == expected


def test_a_relation_reads_again_each_time(shipped: Shipped) -> None:
    relation = shipped.archive.sql("select count(*) n from churn_pkl_inputs")
    assert relation.fetchall() == [(5,)]
    assert pa.table(shipped.archive.sql("select * from churn_pkl_inputs").to_arrow_table()).num_rows == 5


def test_tables_of_ones_own_connection_join_in(shipped: Shipped) -> None:
    connection = duckdb.connect()
    connection.execute("create table plans as select 'a' plan, 10 price")
    found = shipped.archive.sql("select sum(price) from churn_pkl_inputs join plans using (plan)", connection)
    assert found.fetchall() == [(30,)]


def test_a_misspelt_view_is_answered_with_near_ones(shipped: Shipped) -> None:
    with pytest.raises(NotThere, match=r"no collector 'churn_inputs' \(did you mean 'churn_pkl_inputs'"):
        shipped.archive.sql("select * from churn_inputs")


def test_errors_of_the_query_itself_are_duckdbs(shipped: Shipped) -> None:
    with pytest.raises(duckdb.Error):
        shipped.archive.sql("select nothing from churn_pkl_inputs")


@pytest.mark.parametrize(
    ("identities", "views"),
    [
        ([{"model_name": "Churn (v2)", "identifier": "in-puts"}], ["churn_v2_in_puts"]),
        ([{"model_name": "2fast", "identifier": "a"}], ["_2fast_a"]),
        ([{"model_name": "m", "identifier": "a"}, {"model_name": "m", "identifier": "a", "model_version": "2"}], ["m_a"]),
        ([{"model_name": "m", "identifier": "a", "service": one} for one in ("x", "y")], ["x_m_a", "y_m_a"]),
        ([{"model_name": "m", "identifier": "a", "account": one} for one in ("x", "y")],
         ["x_unknown_unknown_m_a", "y_unknown_unknown_m_a"]),
        ([{"model_name": one, "identifier": "a"} for one in ("m!", "m?")], ["unknown_unknown_unknown_m_a_1", "unknown_unknown_unknown_m_a_2"]),
        ([{"model_name": "größe", "identifier": "Ein/Aus"}], ["größe_ein_aus"]),
    ],
)  # fmt: skip
def test_views_are_named_alike_and_never_two_alike(identities: list[dict[str, str]], views: list[str]) -> None:
    assert sorted(view_names([{**BASE, **one} for one in identities])) == views
