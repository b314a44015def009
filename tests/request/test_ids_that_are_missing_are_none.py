"""Promise 4: a correlation id that is missing ties nobody together; one that is no text is taken as it prints."""

from __future__ import annotations

import decimal
import enum
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modeldata import Archive
from modeldata.request_id import encoded_id
from modeldata.spool.files import Files
from tests.support.archive import rows
from tests.support.service import ship_all

MISSING = [
    None, "", float("nan"), np.float64("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), np.timedelta64("NaT"),
    decimal.Decimal("NaN"), decimal.Decimal("sNaN"), np.ma.masked, pa.scalar(None), pa.scalar(None, pa.int64()), np.array(np.nan),
]  # fmt: skip


class Kind(enum.StrEnum):
    ORDER = "order-1"


class OwnEncode(str):
    def encode(self, *_: object) -> bytes:  # type: ignore[override] # it lies
        return b"lie"


GIVEN = [
    ("k1", "k1"), (b"k1", "k1"), (bytearray("ä", "utf-8"), "ä"), (memoryview(b"k2"), "k2"), (b"\xff", "\\xff"), (17, "17"),
    (uuid.UUID(int=5), str(uuid.UUID(int=5))), (np.int64(3), "3"), (np.str_("n"), "n"), (np.bytes_(b"n"), "n"), (0, "0"),
    (False, "False"), (Kind.ORDER, "order-1"), (OwnEncode("true"), "true"), (decimal.Decimal("1.50"), "1.50"),
    (pa.scalar(34), "34"),
]  # fmt: skip


def test_what_a_library_puts_where_a_value_is_missing_is_no_id() -> None:
    assert [encoded_id(one) for one in MISSING] == [b""] * len(MISSING)


@pytest.mark.parametrize(("given", "expected"), GIVEN, ids=lambda one: repr(one).partition(" at 0x")[0][:20])
def test_any_other_id_is_kept_as_text(given: object, expected: str) -> None:
    assert encoded_id(given) == expected.encode()


def test_rows_with_a_missing_id_are_archived_without_one(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m", "inputs", ["n"])
    assert all(collector.collect([number], one) for number, one in enumerate(MISSING))  # type: ignore[arg-type] # users do
    assert collector.collect([99], b"k1")  # type: ignore[arg-type] # likewise
    archive.close(0)
    ship_all(Files(), str(tmp_path))
    assert [row["$CorrelationId"] for row in rows(tmp_path)] == [""] * len(MISSING) + ["k1"]
