"""Reads the logs of heads in an archive as docs/data-layout.md describes them, without our own code: json, hashlib, base64."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def files_of(archive: Path | str) -> dict[str, bytes]:
    return {str(path.relative_to(archive)): path.read_bytes() for path in sorted(Path(archive, "_heads").glob("*.jsonl"))}


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1."""
    if len(leaves) <= 1:
        return sha256(b"".join([b"\0", *leaves]) if leaves else b"").digest()
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def logs_of(files: Mapping[str, bytes]) -> dict[str, list[Record]]:
    """Log → its records. Fails unless each head is that of the records up to it, and each record has one place."""
    lines: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    for data in files.values():
        assert data.endswith(b"\n"), "a line without its end"
        for line in data.splitlines():
            content = json.loads(line)
            origin, size, root, *_ = content["head"].split("\n")
            place = content["leaf"], root
            assert lines[origin].setdefault(int(size), place) == place, f"{origin}: two records at {size}"
    return {origin.removeprefix("modeldata/"): _checked(records) for origin, records in lines.items()}


def _checked(records: dict[int, tuple[str, str]]) -> list[Record]:
    assert sorted(records) == list(range(1, len(records) + 1)), "a record is missing"
    leaves: list[bytes] = []
    for size, (leaf, root) in sorted(records.items()):
        leaves.append(leaf.encode())
        assert root_of(leaves) == base64.b64decode(root), f"the head after {size} records is not theirs"
    found = [json.loads(leaf) for leaf in leaves]
    assert [record["round"] for record in found] == list(range(len(found)))
    return found


def proven(records: Iterable[Record]) -> dict[str, list[str]]:
    """Batch → hashes of those that the records say are in the archive."""
    batches: dict[str, list[str]] = {}
    parked: set[str] = set()
    for record in records:
        batches |= record.get("batches", {})
        parked = set(record.get("parked", ()))
        for batch in record.get("replaces", ()):
            batches.pop(batch, None)
    return {batch: hashes for batch, hashes in batches.items() if batch not in parked}


def archived(archive: Path | str) -> dict[str, list[str]]:
    """Batch → hashes, of what is in the archive."""
    batches = {}
    for manifest in Path(archive).rglob("_manifest/*.jsonl"):
        if manifest.parts[-3].startswith("_"):
            continue
        for line in manifest.read_bytes().splitlines():
            entry = json.loads(line)
            file, start = entry.pop("file", None), entry.pop("offset", 0)
            stop = start + entry.pop("bytes", 0)
            rows = manifest.parent.parent.joinpath(file).read_bytes()[stop - entry["row_bytes"] : stop] if file else b""
            text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
            batches[entry["batch"]] = [sha256(rows).hexdigest() if file else "", sha256(text.encode()).hexdigest()]
    return batches


def assert_proven(archive: Path | str, *, complete: bool = True) -> dict[str, list[Record]]:
    """What the logs say of batches is so, and with `complete` they have every batch of the archive. Returns the logs."""
    logs = logs_of(files_of(archive))
    said: dict[str, list[str]] = {}
    for records in logs.values():
        said |= proven(records)
    there = archived(archive)
    assert said == there if complete else said.items() <= there.items()
    return logs


def ends_of(records: Iterable[Record]) -> dict[str, dict[str, int]]:
    ends: dict[str, dict[str, int]] = defaultdict(dict)
    for record in records:
        for stream, numbers in record.get("ends", {}).items():
            for writer, last in numbers.items():
                assert last >= ends[stream].get(writer, -1)
                ends[stream][writer] = last
    return dict(ends)
