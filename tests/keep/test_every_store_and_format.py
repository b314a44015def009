"""Compacted, erased and pruned in every kind of store and every format: what others than we find in the files afterwards."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modeldata.catalog.audit import COMPLETE, EXPLAINED
from modeldata.read.reader import Reader
from modeldata.spool.files import Files
from modeldata.store import Store, open_store
from tests.read.kit import FORMATS, Shipped
from tests.stores.backends import Backend

from .kit import DAY, checked, compacted, erased, pruned

NOON = dt.datetime(2026, 11, 20, 12, 0, 0, 123456)
CALLS: list[dict[str, object]] = [
    {"customer": 17, "text": "Sesame", "x": 0.1},
    {"customer": 18, "text": "a,\n\"b\"", "x": float("inf"), "when": NOON, "money": Decimal("1.50"), "list": [1, None, 3]},
    {"customer": 19, "text": "", "x": None, "flag": True, "big": 2**70, "raw": b"\x00\xff"},
    {"customer": 17, "text": "Sesame oil", "x": 2.0, "when": NOON + dt.timedelta(days=1)},
    {"customer": 20, "text": "ünï\u2028", "x": -0.0, "nested": {"a": [1, {"b": None}]}},
]  # fmt: skip


OFTEN = [*(("local", form) for form in FORMATS), ("append blob", "csv"), ("s3", "parquet"), ("gcs", "jsonl")]
PLACES = [
    pytest.param(name, form, marks=[] if (name, form) in OFTEN else pytest.mark.faults)
    for name in ("local", "append blob", "s3", "gcs", "s3 plain", "block blob")
    for form in FORMATS
]
EVERYWHERE = pytest.mark.parametrize(("backend", "form"), PLACES, indirect=["backend"])


def collected(backend: Backend, folder: Path, file_format: str) -> Store:
    """Three rounds of a day that is over: each call alone, in rows of several, and again with another shape."""
    settings = {name: value for name, value in backend.settings.items() if name != "format"}
    shipped = Shipped(backend.url, folder / "spool", file_format, **settings)
    for hour in range(3):
        for number, call in enumerate(CALLS):
            shipped.collect("inputs", call, at=f"{DAY}T{hour:02d}:00:0{number}", ids=f"order-{hour}-{number}")
        shipped.collect("inputs", [[1.5, 2], [2.5, 3]], at=f"{DAY}T{hour:02d}:30:00")
        shipped.ship()
    return open_store(backend.url, Files())


def seen(store: Store) -> pa.Table:
    """What a reader gets, in one order."""
    table = Reader(store, "archive").scan("m", "inputs").to_arrow()
    return table.sort_by([("$Writer", "ascending"), ("$Sequence", "ascending")])


def report(table: pa.Table) -> list[str]:
    """Every value, NaN and -0.0 too; columns in one order: that of files is another after a rewrite."""
    return [repr(sorted((name, _plain(value)) for name, value in row.items())) for row in table.to_pylist()]


def _plain(value: object) -> object:
    """Text files hold nested values as JSON, and do not tell how many digits a decimal has; Parquet does."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    return value.normalize() if isinstance(value, Decimal) else value


FINER = ("money", "list", "big")
"""Columns whose type only Parquet tells in full."""


def types(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema if field.name not in FINER}


def data_of(backend: Backend) -> Mapping[str, bytes]:
    return {path: data for path, data in backend.files().items() if "/_manifest/" not in path and path in backend.data_files()}


def values(path: str, data: bytes) -> list[dict[str, Any]]:
    """The rows of a file, by readers that are not ours."""
    if path.endswith(".parquet"):
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(data)).to_pylist()
        return rows
    if path.endswith(".jsonl"):
        return [json.loads(line) for line in data.decode().split("\n") if line]
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@pytest.mark.sampled(2)
@EVERYWHERE
def test_compaction_keeps_every_value_and_its_type(backend: Backend, tmp_path: Path, form: str) -> None:
    store = collected(backend, tmp_path, form)
    before = seen(store)
    (done,) = compacted(store)
    assert (done.rows, done.problem) == (before.num_rows, "")
    after = seen(store)
    assert types(after) == types(before)
    assert report(after) == report(before)
    assert (checked(store).verdict, checked(store).rows) == (COMPLETE, before.num_rows)
    files = data_of(backend)
    assert all(path.endswith(".parquet") for path in files)
    rows = [row for path, data in files.items() for row in values(path, data)]
    assert sorted((row["$Writer"], row["$Sequence"]) for row in rows) == [
        (row["$Writer"], row["$Sequence"]) for row in before.select(["$Writer", "$Sequence"]).to_pylist()
    ]
    assert sorted(row["x"] for row in rows if row.get("x") is not None) == sorted(3 * [0.1, float("inf"), 2.0, -0.0])
    for path, data in files.items():
        found = values(path, data)
        assert found == sorted(found, key=lambda row: (row["$Timestamp"], row["$Writer"], row["$Sequence"])), path
    assert compacted(store) == [], "there is nothing left to do"


@pytest.mark.sampled(2)
@EVERYWHERE
def test_nothing_of_an_erased_subject_stays_anywhere(backend: Backend, tmp_path: Path, form: str) -> None:
    store = collected(backend, tmp_path, form)
    before = seen(store)
    (done,) = erased(store, "customer = 17 or text like 'Sesame%'")
    assert (done.rows, done.problem) == (6, "")
    kept = [row for row in report(before) if "('customer', 17)" not in row]
    assert report(seen(store)) == kept
    found = checked(store)
    assert (found.verdict, found.rows) == (EXPLAINED, len(kept))
    assert {gap.reason for writer in found.writers for gap in writer.missing} == {"erased"}
    files = backend.files()
    assert not [path for path, data in files.items() if b"Sesame" in data]
    rows = [row for path, data in data_of(backend).items() for row in values(path, data)]
    assert len(rows) == len(kept) and not [row for row in rows if "Sesame" in repr(row)]
    assert {path.rpartition(".")[2] for path in data_of(backend)} == {form}
    assert erased(store, "customer = 17") == [], "there is nobody left"


@pytest.mark.parametrize("backend", ["local", "append blob", "s3"], indirect=True)
def test_a_pruned_day_leaves_its_numbers_and_no_value(backend: Backend, tmp_path: Path) -> None:
    store = collected(backend, tmp_path, "csv")
    rows = seen(store).num_rows
    (done,) = pruned(store)
    assert (done.rows, done.problem) == (rows, "")
    assert data_of(backend) == {}
    found = checked(store)
    assert (found.verdict, found.rows) == (EXPLAINED, 0)
    missing = [gap for writer in found.writers for gap in writer.missing]
    assert {gap.reason for gap in missing} == {"pruned"}
    assert sum(gap.last - gap.first + 1 for gap in missing) == rows
    assert not [path for path, data in backend.files().items() if b"Sesame" in data]
    assert pruned(store) == []
