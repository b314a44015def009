"""The oracle of reliability.md §3 for real processes: what was attempted and accepted, kept beside the library, and the comparison.

Every row carries who wrote it, its number there and a checksum. A writer notes each attempt before `collect()` and each success
after it, with one O_APPEND write each, so that a SIGKILL between any two steps leaves notes that are true.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

csv.field_size_limit(sys.maxsize)

FEATURES = ["writer", "n", "sha", "pad"]


def sha(writer: str, n: int, pad: str) -> str:
    return sha1(f"{writer}:{n}:{pad}".encode()).hexdigest()[:12]


def row(writer: str, n: int, pad: str = "") -> list[object]:
    return [writer, n, sha(writer, n, pad), pad]


class Book:
    """One writer's notes."""

    def __init__(self, folder: str | Path, writer: str) -> None:
        self.writer = writer
        self.next = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._attempted = os.open(os.path.join(folder, "attempted"), flags, 0o600)
        self._accepted = os.open(os.path.join(folder, "accepted"), flags, 0o600)

    def collect(self, collect: Callable[[object], bool], pad: str = "", rows: int = 1) -> bool:
        """Collect the next row, or `rows` of them in one call, and note it."""
        first, self.next = self.next, self.next + rows
        made = [row(self.writer, n, pad) for n in range(first, first + rows)]
        note = f"{self.writer} {first} {rows}\n".encode()
        os.write(self._attempted, note)
        taken = collect(made[0] if rows == 1 else made)
        if taken:
            os.write(self._accepted, note)
        return taken


class Count:
    """The comparison. All of `lost`, `doubled`, `foreign`, `mangled` must be 0."""

    def __init__(self) -> None:
        self.attempted = self.accepted = self.delivered = 0
        self.lost = self.doubled = self.foreign = self.mangled = 0
        self.first_problem = ""

    def problem(self, text: str) -> None:
        self.first_problem = self.first_problem or text

    def as_dict(self) -> dict[str, object]:
        return dict(vars(self))


def _noted(path: Path) -> dict[str, bytearray]:
    """Writer → for each number how often it is noted."""
    seen: dict[str, bytearray] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        writer, first, rows = line.split()
        numbers = seen.setdefault(writer, bytearray())
        end = int(first) + int(rows)
        if len(numbers) < end:
            numbers.extend(bytes(end - len(numbers)))
        numbers[int(first) : end] = b"\1" * int(rows)
    return seen


def compare(archive: str | Path, folder: str | Path) -> Count:
    """What the archive holds against what was noted in `folder`. Reads with the csv module alone."""
    count = Count()
    attempted, accepted = _noted(Path(folder, "attempted")), _noted(Path(folder, "accepted"))
    found = {writer: bytearray(len(numbers)) for writer, numbers in attempted.items()}
    for path in sorted(Path(archive).rglob("data*.csv")):
        if ".modeldata-spool" in str(path) or path.stat().st_size == 0:
            continue
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            if next(reader)[3:] != FEATURES:
                count.mangled += 1
                count.problem(f"header of {path}")
                continue
            for cells in reader:
                _take(cells, path, found, attempted, count)
    for writer, numbers in attempted.items():
        count.attempted += numbers.count(1)
        took = accepted.get(writer, bytearray())
        count.accepted += took.count(1)
        if not numbers.startswith(b"\1" * len(numbers)):
            count.problem(f"the notes of {writer} have a hole")
            count.foreign += 1
        for n in _ones(took):
            if not found[writer][n]:
                count.lost += 1
                count.problem(f"lost: {writer} {n}")
    return count


def _ones(numbers: bytearray) -> list[int]:
    return [n for n, noted in enumerate(numbers) if noted]


def _take(cells: list[str], path: Path, found: dict[str, bytearray], attempted: dict[str, bytearray], count: Count) -> None:
    count.delivered += 1
    if len(cells) != 7 or not cells[4].isdigit() or cells[5] != sha(cells[3], int(cells[4]), cells[6]):
        count.mangled += 1
        count.problem(f"mangled in {path}: {str(cells)[:200]}")
        return
    writer, n = cells[3], int(cells[4])
    if writer not in attempted or n >= len(attempted[writer]) or not attempted[writer][n]:
        count.foreign += 1
        count.problem(f"foreign in {path}: {writer} {n}")
        return
    if found[writer][n]:
        count.doubled += 1
        count.problem(f"doubled in {path}: {writer} {n}")
    found[writer][n] = 1


def assert_exactly_once(archive: str | Path, folder: str | Path) -> Count:
    count = compare(archive, folder)
    assert (count.lost, count.doubled, count.foreign, count.mangled) == (0, 0, 0, 0), count.as_dict()
    return count
