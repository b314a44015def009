"""An archive with planted facts, and the page's questions asked of it."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import random
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pyarrow.parquet as pq

from modeldata.keep.jobs import compact, erase
from modeldata.spool.files import Files
from modeldata.store.local import LocalStore
from modeldata.ui import app
from tests.keep.kit import SMALL, job
from tests.read.kit import Shipped

FIRST_DAY = dt.date(2026, 11, 2)
DAYS = 12
SHIFT_DAY = 8
"""From this day on, incomes are higher, and plans are others; on this day alone, ages are null more often."""
OUTAGE = (5, range(8, 16))
"""A day, and its hours without any row: eight of them."""
VERSION_DAY = 6
"""From here on, version 2 answers."""
PER_HOUR = 6
ERASED = ("order-100", "order-101", "order-1500")
"""Ids whose rows of `inputs` were erased afterwards."""
COMPACTED_DAY = 0
REFUSED = 3
"""Rows that were too large."""


class Row(NamedTuple):
    """A row as it was collected."""

    at: dt.datetime
    id: str
    version: str
    values: dict[str, Any]


def day(number: int) -> str:
    return str(FIRST_DAY + dt.timedelta(days=number))


def planted() -> list[Row]:
    """Rows of `churn/inputs`: six an hour, but for an outage."""
    dice = random.Random(18)
    rows = []
    for number in range(DAYS):
        for hour in range(24):
            for call in range(0 if number == OUTAGE[0] and hour in OUTAGE[1] else PER_HOUR):
                shifted = number >= SHIFT_DAY
                values = {
                    "age": None if number == SHIFT_DAY and call % 2 else dice.randint(18, 80),
                    "income": round(dice.gauss(62_000.0 if shifted else 40_000.0, 6_000.0), 2),
                    "plan": dice.choice(["pro", "pro", "plus"] if shifted else ["basic", "basic", "plus"]),
                    "name": f"customer {dice.getrandbits(48):x}",
                    "active": dice.random() < 0.7,
                }
                at = dt.datetime.combine(FIRST_DAY + dt.timedelta(days=number), dt.time(hour, call * 9, call), dt.UTC)
                rows.append(Row(at, f"order-{len(rows)}", "2" if number >= VERSION_DAY else "1", values))
    return rows


def fill(folder: Path, file_format: str = "csv") -> tuple[Shipped, list[Row]]:
    """The planted rows and a prediction for each, shipped day by day, and hour by hour on the day of the outage."""
    shipped, rows = Shipped(str(folder / "archive"), folder / "spool", file_format, max_row_bytes=100_000), planted()
    last = None
    for number, row in enumerate(rows):
        if number == len(rows) - 10:
            large = shipped.archive.collector("churn", "predictions", model_version="2")
            assert not any(large.collect({"score": "x" * 200_000}) for _ in range(REFUSED))
        now = (row.at.date(), row.at.hour if row.at.date() == dt.date.fromisoformat(day(OUTAGE[0])) else 0)
        if last not in (None, now):
            shipped.ship()
        last = now
        at, later = f"{row.at:%Y-%m-%dT%H:%M:%S}", f"{row.at + dt.timedelta(milliseconds=40):%Y-%m-%dT%H:%M:%S.%f}"
        shipped.collect("inputs", row.values, ids=row.id, at=at, model="churn", model_version=row.version)
        score = {"score": round(row.values["income"] / 100_000, 4)}
        shipped.collect("predictions", score, ids=row.id, at=later, model="churn", model_version=row.version)
    shipped.ship()
    return shipped, rows


def kept(folder: Path, rows: list[Row]) -> list[Row]:
    """Erases what `ERASED` names, and compacts the first day. The rows of `inputs` that are left."""
    ids = " OR ".join(f"\"$CorrelationId\" = '{each}'" for each in ERASED)
    store = LocalStore(str(folder / "archive"), Files())
    done = list(erase(job(store, identifier="inputs"), ids, dry=False))
    assert sum(each.rows for each in done) == len(ERASED) and not any(each.problem for each in done)
    first = job(store, identifier="predictions", model_version="1")
    assert list(compact(first, SMALL))
    return [row for row in rows if row.id not in ERASED]


def archived(folder: Path, identifier: str) -> list[tuple[dt.datetime, str]]:
    """Time and id of each row that lies in the files, by the csv module and pyarrow."""
    found = []
    for path in (folder / "archive").rglob(f"*/{identifier}/*/*/*/data*"):
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                found += [(dt.datetime.fromisoformat(row["$Timestamp"]), row["$CorrelationId"]) for row in csv.DictReader(file)]
        else:
            table = pq.read_table(path)
            found += zip(table["$Timestamp"].to_pylist(), table["$CorrelationId"].to_pylist(), strict=True)
    return [(at if at.tzinfo else at.replace(tzinfo=dt.UTC), name) for at, name in found]


class Asked:
    """The page's questions, by an HTTP client."""

    def __init__(self, archive: object, cache: Path, **options: Any) -> None:
        self._app = app(archive, cache=str(cache), **options)  # type: ignore[arg-type]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **options)

        return asyncio.run(answer())

    def __call__(self, question: str, **arguments: Any) -> dict[str, Any]:
        answer = self.ask("GET", f"/api/{question}", params=arguments)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found
