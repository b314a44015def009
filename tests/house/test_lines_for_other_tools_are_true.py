"""What docs/reading.md says of other tools is run as it stands, on days that are not simple."""

from __future__ import annotations

import glob
import re
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pytest

from tests.house.test_the_pages_are_true import ROOT
from tests.read.kit import Shipped

READING = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
LINES = re.search(r"Read a day with anything:\n\n((?: {4}.+\n)+)", READING)
TWO_SHAPES = [{"age": 30, "income": 5000}, {"height": 170, "weight": 70}]
LATE_FRACTION = [*({"x": number} for number in range(25_000)), {"x": 1.5}]
"""Later than any tool looks by itself."""


def line_of(tool: str) -> str:
    assert LINES
    return next(line.strip() for line in LINES[1].splitlines() if line.strip().startswith(tool))


def day_of(tmp_path: Path, calls: list[dict[str, object]], file_format: str = "csv") -> Path:
    shipped = Shipped(str(tmp_path / "archive"), tmp_path / "spool", file_format)
    shipped.collect("inputs", *([calls] if len(calls) > 2 else calls))
    shipped.ship()
    return next((tmp_path / "archive").rglob(f"data.{file_format}")).parent


def run(line: str, day: Path, **names: Any) -> Any:
    for text in (".../2026/11/23", ".../inputs/*/*/*"):
        line = line.replace(text, str(day))
    return eval(line, {"glob": glob, **names})


def values(rows: list[dict[str, Any]]) -> Counter[tuple[str, float]]:
    """What stands under which name."""
    there = ((name, value) for row in rows for name, value in row.items() if not name.startswith("$"))
    return Counter((name, float(value)) for name, value in there if value is not None and value == value)


@pytest.mark.parametrize("calls", [TWO_SHAPES, LATE_FRACTION], ids=["two shapes", "late fraction"])
def test_the_lines_for_pandas_and_duckdb_read_each_value_under_its_name(tmp_path: Path, calls: Any) -> None:
    day = day_of(tmp_path, calls)
    frame = run(line_of("pandas"), day, pandas=pandas)
    assert values(frame.to_dict("records")) == values(calls)
    found = run(line_of("duckdb"), day, duckdb=duckdb)
    assert values(found.to_arrow_table().to_pylist()) == values(calls)


@pytest.mark.spark
def test_the_line_for_spark_reads_each_value_under_its_name_or_refuses(tmp_path: Path, spark: Any) -> None:
    frame = run(line_of("spark"), day_of(tmp_path / "one", LATE_FRACTION), spark=spark)
    assert values([row.asDict() for row in frame.collect()]) == values(LATE_FRACTION)
    with pytest.raises(Exception, match="FAILED_READ_FILE"):
        run(line_of("spark"), day_of(tmp_path / "two", TWO_SHAPES), spark=spark).collect()


@pytest.mark.parametrize("calls", [TWO_SHAPES, LATE_FRACTION], ids=["two shapes", "late fraction"])
def test_the_block_for_other_tools_reads_each_value_under_its_name(tmp_path: Path, calls: Any) -> None:
    blocks = re.findall(r"```python\n(.*?)```", READING, re.DOTALL)
    (block,) = [block for block in blocks if "import polars" in block]
    names: dict[str, Any] = {}
    exec(re.sub(r'^day = ".*"$', f"day = {str(day_of(tmp_path, calls))!r}", block, flags=re.MULTILINE), names)
    for rows in (names["frame"].to_dict("records"), names["other"].to_dicts(), names["found"].to_arrow_table().to_pylist()):
        assert values(rows) == values(calls)


@pytest.mark.parametrize("tool", ["pd", "pl", "duckdb"])
def test_the_lines_for_json_lines_find_a_late_fraction(tmp_path: Path, tool: str) -> None:
    (line,) = re.findall(rf"`({tool}\.read_(?:nd)?json\(.*?\))`", READING)
    path = str(day_of(tmp_path, LATE_FRACTION, "jsonl") / "data.jsonl")
    found = eval(line, {"pd": pandas, "pl": polars, "duckdb": duckdb, "path": path})
    assert sorted(found["x"].to_list() if tool != "duckdb" else [x for (x,) in found.select("x").fetchall()])[1:3] == [1, 1.5]
