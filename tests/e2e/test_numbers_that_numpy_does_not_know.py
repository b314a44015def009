"""Promise 2 for numbers of 4, 8 and 16 bits as accelerators have them: archived in every format, by their value."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from modeldata import Archive
from tests.encode.support import FORMATS

NAMES = sorted(
    name for name, kind in vars(ml_dtypes).items() if isinstance(kind, type) and name.startswith(("bf", "float", "int", "uint"))
)


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file)) if path.suffix == ".csv" else list(map(json.loads, file))


def test_the_package_still_has_them() -> None:
    assert {"bfloat16", "float8_e5m2", "int4"} <= set(NAMES)


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_is_archived_by_its_value_wherever_it_stands(file_format: str, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", format=file_format, ship="thread", batch_seconds=0, min_free_bytes=0)
    expected: dict[str, list[float]] = {}
    for name in NAMES:
        one = getattr(ml_dtypes, name)
        values = np.array([[1, 1]]).astype(one)
        expected[name] = values[0].astype(np.float64).tolist()
        given = {
            "row": values,
            "frame": pd.DataFrame({"0": values[0, :1], "1": values[0, 1:]}),
            "cell": {"0": values[0], "1": 0},
            "scalar": [values[0, 0], values[0, 1]],
        }
        for place, data in given.items():
            assert archive.collector(name, place).collect(data), (name, place)
    assert archive.flush(60)
    assert archive.stats().quarantined == 0
    archive.close(5)
    for name in NAMES:
        for place in ("row", "frame", "scalar", "cell"):
            (path,) = (one for one in (tmp_path / "archive").glob(f"*/*/*-{name}-*/{place}/*/*/*/data*") if one.is_file())
            (row,) = _rows(path)
            found = row["0"]
            if place == "cell":
                found = json.loads(found) if isinstance(found, str) else found
                assert [float(value) for value in found] == expected[name], (name, place)
            else:
                assert [float(row["0"]), float(row["1"])] == expected[name], (name, place)
