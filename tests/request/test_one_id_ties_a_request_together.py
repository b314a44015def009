"""`modeldata.request`, and Flask's id as in the seed: what ends up in `$RequestId`."""

from __future__ import annotations

import asyncio
import threading
import uuid
from pathlib import Path

import pytest

import modeldata
from modeldata import Archive
from modeldata.spool.files import Files
from tests.support.archive import rows
from tests.support.service import ship_all

ZERO = "00000000-0000-0000-0000-000000000000"


def _ids(archive: Archive, folder: Path) -> list[tuple[str, str]]:
    archive.close(0)
    ship_all(Files(), str(folder))
    return [(row["n"], row["$RequestId"]) for row in rows(folder)]


def test_everything_inside_carries_one_id_and_outside_there_is_none(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off")
    dc = archive.collector("m", "inputs", ["n"])
    dc.collect([1])
    with modeldata.request("abc"):
        dc.collect([2])
        with modeldata.request("inner"):
            dc.collect([3])
        dc.collect([4])
    with modeldata.request() as made:
        dc.collect([5])
    dc.collect([6])

    assert uuid.UUID(made)
    assert _ids(archive, tmp_path) == [("1", ZERO), ("2", "abc"), ("3", "inner"), ("4", "abc"), ("5", made), ("6", ZERO)]


def test_tasks_and_threads_keep_their_own(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ship="off")
    dc = archive.collector("m", "inputs", ["n"])

    async def serve(number: int) -> None:
        with modeldata.request(f"task-{number}"):
            await asyncio.sleep(0)
            dc.collect([number])
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(serve(number) for number in range(5)))

    asyncio.run(main())
    with modeldata.request("outer"):
        thread = threading.Thread(target=lambda: dc.collect([99]))
        thread.start()
        thread.join()

    assert sorted(_ids(archive, tmp_path)) == [*((str(n), f"task-{n}") for n in range(5)), ("99", ZERO)]


def test_flasks_request_id_is_taken_as_in_the_original(tmp_path: Path) -> None:
    from flask import Flask

    archive = Archive(tmp_path, ship="off")
    dc = archive.collector("m", "inputs", ["n"])
    app = Flask(__name__)
    with app.test_request_context(environ_base={"REQUEST_ID": "from-flask"}):
        dc.collect([1])
        with modeldata.request("ours wins"):
            dc.collect([2])
    with app.test_request_context():
        dc.collect([3])

    assert _ids(archive, tmp_path) == [("1", "from-flask"), ("2", "ours wins"), ("3", ZERO)]


@pytest.mark.parametrize("wrong", [5, b"x", object()])
def test_an_id_that_is_no_text_is_said(wrong: object) -> None:
    with pytest.raises(TypeError, match="request_id must be str"):
        modeldata.request(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "stored"), [("order", "order"), ("", ""), (17, "17"), (None, ""), ("ü,\n", "ü,\n")])
def test_correlation_ids_are_stored_as_text(tmp_path: Path, given: object, stored: str) -> None:
    archive = Archive(tmp_path, ship="off")
    assert archive.collector("m").collect([1], given)  # type: ignore[arg-type]
    archive.close(0)
    ship_all(Files(), str(tmp_path))
    assert [row["$CorrelationId"] for row in rows(tmp_path)] == [stored]
