"""What an archive holds, read by others: the csv module, json and pyarrow, never our own code."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

csv.field_size_limit(2**31 - 1)


def data_files(root: Path | str, identifier: str | None = None) -> list[Path]:
    """The CSV files of an archive (of one identifier), by name."""
    found = sorted(path for path in Path(root).rglob("data*.csv") if ".modeldata-spool" not in str(path))
    return [path for path in found if identifier is None or identifier in path.relative_to(root).parts]


def rows(root: Path | str, identifier: str | None = None) -> list[dict[str, str]]:
    """Every row of every file, each as header → cell; fails on a row that is longer or shorter than its header."""
    made = []
    for path in data_files(root, identifier):
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = next(reader)
            assert header[:3] == ["$Timestamp", "$CorrelationId", "$RequestId"], path
            for row in reader:
                assert len(row) == len(header), f"{path}: {row!r} under {header!r}"
                made.append(dict(zip(header, row, strict=True)))
    return made


def features(root: Path | str, identifier: str | None = None) -> list[tuple[str, ...]]:
    """The rows without our own three columns."""
    return [tuple(value for name, value in row.items() if not name.startswith("$")) for row in rows(root, identifier)]


def rows_of(files: Mapping[str, bytes]) -> list[dict[str, object]]:
    """The rows of an archive's data files, each as name → value, with the path as `@path`."""
    found: list[dict[str, object]] = []
    for path, data in sorted(files.items()):
        if (
            "/_manifest/" in path
            or "_heads/" in path
            or "/.modeldata-spool" in path
            or path.rpartition("/")[2].startswith(".")
            or not data
        ):
            continue
        rows = _READERS[path.rpartition(".")[2]](data)
        found += [{**row, "@path": path} for row in rows]
    return found


def _csv(data: bytes) -> list[dict[str, object]]:
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""))
    header = next(reader)
    assert header[:3] == ["$Timestamp", "$CorrelationId", "$RequestId"], header
    return [dict(zip(header, row, strict=True)) for row in reader]


def _jsonl(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


def _parquet(data: bytes) -> list[dict[str, object]]:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(data)).to_pylist()


_READERS: dict[str, Callable[[bytes], list[dict[str, object]]]] = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}


def manifest_lines(root: Path | str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(Path(root).rglob("_manifest/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path, json.loads(line)


def assert_complete(root: Path | str) -> int:
    """The manifests agree with the files, and name each sequence number of each writer and collector once. Rows counted."""
    total = 0
    seen: Counter[tuple[str, str, int]] = Counter()
    ends: dict[Path, int] = {}
    for path, line in manifest_lines(root):
        total += line["rows"]
        if "file" not in line:
            continue
        file = path.parent.parent / line["file"]
        assert line["offset"] == ends.get(file, 0), f"{file}: a batch is missing before {line['offset']}"
        ends[file] = line["offset"] + line["bytes"]
        stream = json.dumps(line["identity"], sort_keys=True)
        for writer, first, last in line["sequences"]:
            seen.update((stream, writer, number) for number in range(first, last + 1))
    assert not [key for key, times in seen.items() if times > 1], "a row is there twice"
    for file, end in ends.items():
        assert file.stat().st_size == end, f"{file} has bytes that no manifest tells of"
    last: dict[tuple[str, str], int] = {}
    for stream, writer, number in sorted(seen):
        assert number == last.get((stream, writer), -1) + 1, f"a row is missing before {number} of {writer}"
        last[stream, writer] = number
    assert len(seen) == total
    return total
