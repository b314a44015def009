"""A CSV file has one kind of value in a column: who opens it finds no numbers between intervals, no structs between texts."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modeldata import Archive
from tests.support.service import pipeline_of


def _frame(values: object) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


WHOLE = _frame(np.array([1, 2]))
TEXT = _frame(pd.Series(["a", "b"], dtype="string"))
TIME = _frame(pd.to_datetime(["2024-01-01", "2024-01-02"]))
PAIRS: dict[str, tuple[object, object, bool]] = {
    "whole numbers, intervals": (WHOLE, _frame(pd.arrays.IntervalArray.from_breaks([0, 1, 2])), False),
    "whole numbers, categories that are intervals": (WHOLE, _frame(pd.cut([1, 2], 2)), False),
    "text, structs": (TEXT, pa.table({"x": [{"a": 1}, {"a": 2}]}), False),
    "text, categories that are whole numbers": (TEXT, _frame(pd.Categorical([1, 2])), False),
    "text, a dictionary of whole numbers": (TEXT, pa.table({"x": pa.array([1, 2]).dictionary_encode()}), False),
    "times, lists": (TIME, pa.table({"x": [[1], [2]]}), False),
    "whole numbers, fractions": (WHOLE, _frame([0.5, 1.5]), True),
    "whole numbers, categories that are whole numbers": (WHOLE, _frame(pd.Categorical([1, 2])), True),
    "text, categories that are text": (TEXT, _frame(pd.Categorical(["a", "b"])), True),
    "text, a dictionary of text": (TEXT, pa.table({"x": pa.array(["a", "b"]).dictionary_encode()}), True),
    "times, times of a zone": (TIME, _frame(pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True)), True),
}


@pytest.mark.parametrize("name", PAIRS)
def test_only_types_that_fit_stand_in_one_column(tmp_path: Path, name: str) -> None:
    first, second, together = PAIRS[name]
    archive = Archive(tmp_path / "a", format="csv", ship="off", fsync="never", min_free_bytes=0)
    pipeline = pipeline_of(archive.settings, warn=pytest.fail)
    collector = archive.collector("m", "in")

    assert collector.collect(first) and collector.collect(second)
    while pipeline.step().rows:
        continue

    rows = []
    for path in (tmp_path / "a").rglob("data*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows.append(len(list(csv.reader(file))) - 1)
    assert rows == ([4] if together else [2, 2])
    archive.close(0)
