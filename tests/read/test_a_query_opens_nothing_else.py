"""A query reads the archive and nothing else, unless it is allowed to. Tables of the user's own keep their names."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from modeldata import ModelDataError, NotThere
from tests.cli.kit import run
from tests.read.kit import Shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    made = Shipped(str(tmp_path / "archive"), tmp_path / "spool")
    made.collect("inputs", [{"x": 1, "at": dt.datetime(2026, 1, 1, 5, tzinfo=dt.UTC)}])
    made.ship()
    (tmp_path / "other.csv").write_text("a\n5\n")
    return made


@pytest.mark.parametrize(
    "query",
    [
        "from read_csv('{other}')",
        "from read_text('{other}')",
        "from glob('{folder}/*')",
        "copy (select 1) to '{folder}/new.csv'",
        "attach '{folder}/new.db'",
        "export database '{folder}/new'",
        "install httpfs from '{folder}'",
        "load httpfs",
        "from 'http://127.0.0.1:9/other.csv'",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set allowed_directories = ['/']",
        "reset autoload_known_extensions",
        "from '{other}'",
        "from m_inputs, '{other}'",
    ],
)
def test_a_query_opens_no_other_file(shipped: Shipped, tmp_path: Path, query: str) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises((ModelDataError, duckdb.Error)) as caught:
        relation = shipped.archive.sql(query.format(other=tmp_path / "other.csv", folder=tmp_path))
        relation.fetchall()
    assert "5" not in str(caught.value).split("\n") and sorted(tmp_path.iterdir()) == before


def test_no_variable_of_the_program_is_a_table(shipped: Shipped) -> None:
    secret = pa.table({"a": [5]})
    with pytest.raises(NotThere, match="no collector 'secret'"):
        shipped.archive.sql("from secret")
    assert secret.num_rows == 1


def test_what_only_external_allows_is_said_with_what_allows_it(shipped: Shipped, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    for query in (f"from read_csv('{other}')", f"from '{other}'"):
        with pytest.raises(ModelDataError, match="external=True lets a query open other files"):
            shipped.archive.sql(query)
        assert shipped.archive.sql(query, external=True).fetchall() == [(5,)]
        refused = run("query", query, "--archive", shipped.archive.settings.archive)
        assert refused.code == 1 and "--allow-files lets a query open other files" in refused.err and refused.out == ""
        allowed = run("query", query, "--allow-files", "--archive", shipped.archive.settings.archive)
        assert (allowed.code, allowed.out) == (0, "a\n5\n")


def test_a_connection_of_the_users_has_its_own_rights(shipped: Shipped, tmp_path: Path) -> None:
    query = f"select x, a from m_inputs, read_csv('{tmp_path / 'other.csv'}')"
    assert shipped.archive.sql(query, duckdb.connect()).fetchall() == [(1, 5)]


@pytest.mark.parametrize(
    "mine",
    ["create table m_inputs as select 7 x", "create view M_Inputs as select 7 x", "create temp view m_inputs as select 7 x",
     "create temp table m_inputs as select 7 x"],
)  # fmt: skip
def test_a_table_of_the_users_is_not_hidden_by_a_view(shipped: Shipped, mine: str) -> None:
    connection = duckdb.connect()
    connection.execute(mine)
    assert shipped.archive.sql("select x from m_inputs", connection).fetchall() == [(7,)]
    assert connection.sql("select x from m_inputs").fetchall() == [(7,)]


def test_a_view_of_ours_is_made_again_for_each_query(shipped: Shipped) -> None:
    connection = duckdb.connect()
    connection.execute("create schema elsewhere; create table elsewhere.m_inputs as select 7 x")
    assert shipped.archive.sql("select count(*) from m_inputs", connection).fetchall() == [(1,)]
    shipped.collect("inputs", [{"x": 2}])
    shipped.ship()
    assert shipped.archive.sql("select count(*) from m_inputs", connection).fetchall() == [(2,)]


def test_times_are_utc_wherever_the_machine_is(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    for external in (True, False):
        found = shipped.archive.sql('select cast("at" as timestamp) t from m_inputs', external=external)
        assert found.fetchall() == [(dt.datetime(2026, 1, 1, 5),)]


def test_a_time_with_a_zone_is_fetched_with_what_the_extra_installs(shipped: Shipped) -> None:
    """DuckDB itself does not ask for pytz, but needs it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(needed.startswith("pytz") for needed in extras["sql"])
    assert shipped.archive.sql('select "at" from m_inputs').fetchall() == [(dt.datetime(2026, 1, 1, 5, tzinfo=dt.UTC),)]
