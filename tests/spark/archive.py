"""What an archive holds: named by its manifests, read by csv, json and pyarrow: never by our own reader."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Files = Mapping[str, bytes]


def lines(files: Files) -> list[tuple[str, dict[str, Any]]]:
    """(folder, line) of every manifest."""
    found = []
    for path in sorted(files):
        folder, _, name = path.rpartition("/_manifest/")
        if folder and name.endswith(".jsonl"):
            found += [(folder, json.loads(line)) for line in files[path].splitlines()]
    return found


def rows(files: Files) -> list[dict[str, Any]]:
    """The rows of all data files that a manifest tells of; fails where a file is not as they say, or a number is there twice."""
    made: list[dict[str, Any]] = []
    numbers: dict[str, list[int]] = {}
    for folder, line in lines(files):
        if "file" not in line:
            continue
        data = files[f"{folder}/{line['file']}"]
        assert len(data) == line["bytes"]
        read = _read(str(line["file"]), data)
        assert len(read) == line["rows"]
        made += read
        for writer, first, last in line["sequences"]:
            numbers.setdefault(writer, []).extend(range(first, last + 1))
    for report in numbers.values():
        assert sorted(report) == list(range(len(report)))
    assert sum(map(len, numbers.values())) == len(made)
    return made


def _read(name: str, data: bytes) -> list[dict[str, Any]]:
    if name.endswith(".parquet"):
        table = pq.read_table(pa.BufferReader(data))
        return [
            dict(zip(table.column_names, row, strict=True))
            for row in zip(*(one.to_pylist() for one in table.columns), strict=True)
        ]
    text = data.decode("utf-8")
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.split("\n") if line]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def data_files(files: Files) -> list[str]:
    """What a plain reader takes for data: everything that is not below an underscore."""
    return [path for path in files if not any(part.startswith(("_", ".")) for part in path.split("/"))]


def told_files(files: Files) -> list[str]:
    return [f"{folder}/{line['file']}" for folder, line in lines(files) if "file" in line]


def assert_nothing_left(files: Files) -> None:
    """No attempt, and no data file that no manifest tells of."""
    assert sorted(data_files(files)) == sorted(told_files(files))
    assert not [path for path in files if path.startswith("_attempts/")]
