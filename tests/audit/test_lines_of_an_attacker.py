"""A line of a manifest may say anything: the audit stays inside the archive, takes little, and believes only what it counts."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from modeldata.catalog.audit import BROKEN, COMPLETE
from tests.audit.kit import Harmed, audited, store_at

FORMATS = ("csv", "jsonl", "parquet")


class Watched:
    """A local archive; which of its paths were asked for."""

    def __init__(self, root: Path) -> None:
        self._store = store_at(root)
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        def ask(path: str = "", *rest: Any) -> Any:
            self.asked.add(path)
            return getattr(self._store, name)(path, *rest)

        return ask


@pytest.mark.parametrize(
    "fields",
    [
        {"file": "../data.csv"},
        {"file": "/etc/passwd"},
        {"file": "..\\data.csv"},
        {"file": ".."},
        {"file": "_manifest/data.csv.jsonl"},
        {"offset": -1},
        {"bytes": -5},
        {"row_bytes": 10**12},
        {"rows": -3},
        {"rows": 10**11},
        {"rows": 2**70},
        {"crc32": -1},
        {"sequences": [["0" * 32, 3, 10**11]], "rows": 10**11 - 2},
        {"sequences": [["0" * 32, 5, 3]]},
        {"sequences": [["0" * 32, -4, -2]]},
        {"offset": 0},
        {"bytes": 10**15, "row_bytes": 10**15},
        {"rows": 1e999},
        {"sequences": [["0" * 32, 0, 2]] * 1000},
    ],
    ids=lambda fields: str(fields)[:50],
)
def test_a_line_that_says_what_can_not_be_is_a_problem_and_nothing_outside_is_read(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    harmed = Harmed(tmp_path)
    harmed.forge(**fields)
    store = Watched(harmed.root)
    found = audited(store)  # type: ignore[arg-type] # it answers all that a store does
    assert found.verdict == BROKEN
    assert not [path for path in store.asked if ".." in path or path.startswith("/")]


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("more", [-1, 1, 10**11])
def test_rows_are_counted_in_the_file_and_not_only_in_its_line(tmp_path: Path, file_format: str, more: int) -> None:
    harmed = Harmed(tmp_path, file_format)
    harmed.make_old()
    line = harmed.lines(harmed.last_log)[-1]
    ((writer, first, last),) = line["sequences"]
    harmed.forge(rows=line["rows"] + more, sequences=[[writer, first, last + more]])
    found = audited(harmed.root)
    assert found.verdict == BROKEN
    assert any(f"its line says {line['rows'] + more:,}" in problem for problem in found.problems)
    assert audited(harmed.root, check_bytes=False).verdict == COMPLETE, "the switch for those who trust their manifests"


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_archive_as_it_was_shipped_has_as_many_rows_as_its_lines_say(tmp_path: Path, file_format: str) -> None:
    """With quotes and line breaks inside cells."""
    found = audited(Harmed(tmp_path, file_format).root)
    assert (found.verdict, found.rows, found.problems) == (COMPLETE, 6, [])


def test_many_lines_over_the_same_bytes_are_not_read_again_and_again(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    log = harmed.last_log
    line = harmed.lines(log)[-1]
    log.write_text(log.read_text() + "".join(json.dumps({**line, "batch": str(number)}) + "\n" for number in range(2000)))
    reads: list[int] = []
    store = store_at(harmed.root)
    plain = store.read
    store.read = lambda path, start=0, size=None: reads.append(1) or plain(path, start, size)  # type: ignore[method-assign,func-returns-value]
    assert audited(store).verdict == BROKEN
    assert len(reads) < 100


def test_a_line_of_deep_json_is_one_problem(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    with harmed.last_log.open("ab") as file:
        file.write(b"[" * 200_000 + b"\n")
    assert any("not a JSON object" in problem for problem in audited(harmed.root).problems)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    harmed = Harmed(tmp_path)
    harmed.shipped.collect("inputs", *({"n": 0, "text": "x" * 2_000_000} for _ in range(20)))
    harmed.shipped.ship()
    audited(harmed.root)
    tracemalloc.start()
    assert audited(harmed.root).verdict == COMPLETE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000 < harmed.files[0].stat().st_size
