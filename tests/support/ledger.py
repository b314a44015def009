"""The oracle of reliability.md §3: what was attempted and accepted, kept beside the library, and the comparison.

Every row carries who wrote it, its number there and a checksum. A writer notes each attempt before `collect()` and each success
after it, with one O_APPEND write each, so that a SIGKILL between any two steps leaves notes that are true.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha1
from pathlib import Path
from typing import Any

from tests.support.archive import data_files

Rows = Counter[Any]
"""A key of the test's choice → how often it is there."""
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

    def problem(self, kind: str, what: object) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        self.first_problem = self.first_problem or f"{kind}: {what}"

    def judge(self, attempted: Rows, accepted: Rows, found: Rows) -> None:
        """The oracle: what was accepted is there, and nothing more often than it was attempted."""
        self.attempted += attempted.total()
        self.accepted += accepted.total()
        self.delivered += found.total()
        for row in accepted - found:
            self.problem("lost", row)
        for row in found - attempted:
            self.problem("doubled" if row in attempted else "foreign", row)

    def as_dict(self) -> dict[str, object]:
        return dict(vars(self))

    def assert_clean(self) -> None:
        assert (self.lost, self.doubled, self.foreign, self.mangled) == (0, 0, 0, 0), self.as_dict()


def assert_exactly_once(attempted: Rows, accepted: Rows, found: Rows) -> None:
    count = Count()
    count.judge(attempted, accepted, found)
    count.assert_clean()


Numbers = dict[str, bytearray]
"""Writer → for each number how often it is there. A byte a number: a soak has millions."""


def _add(numbers: Numbers, writer: str, first: int, rows: int = 1) -> None:
    times = numbers.setdefault(writer, bytearray())
    times.extend(bytes(max(0, first + rows - len(times))))
    for n in range(first, first + rows):
        times[n] += 1


def _noted(path: Path) -> Numbers:
    noted: Numbers = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        writer, first, rows = line.split()
        _add(noted, writer, int(first), int(rows))
    return noted


def compare(archive: str | Path, folder: str | Path) -> Count:
    """What the archive holds against what was noted in `folder`. Reads with the csv module alone."""
    count = Count()
    attempted, accepted = _noted(Path(folder, "attempted")), _noted(Path(folder, "accepted"))
    found: Numbers = {}
    for path in data_files(archive):
        if path.stat().st_size:
            with path.open(newline="", encoding="utf-8") as file:
                lines = csv.reader(file)
                if next(lines)[3:] == FEATURES:
                    _read(lines, path, found, count)
                else:
                    count.problem("mangled", f"header of {path}")
    for writer in {**attempted, **found}:
        rows = (_rows(writer, numbers.get(writer, b"")) for numbers in (attempted, accepted, found))
        count.judge(*rows)
        if 0 in attempted.get(writer, b""):
            count.problem("foreign", f"the notes of {writer} have a hole")
    return count


def _rows(writer: str, numbers: bytes | bytearray) -> Counter[tuple[str, int]]:
    return Counter({(writer, n): times for n, times in enumerate(numbers) if times})


def _read(lines: Iterator[list[str]], path: Path, found: Numbers, count: Count) -> None:
    for cells in lines:
        if len(cells) != 7 or not cells[4].isdigit() or cells[5] != sha(cells[3], int(cells[4]), cells[6]):
            count.problem("mangled", f"in {path}: {str(cells)[:200]}")
        else:
            _add(found, cells[3], int(cells[4]))


def assert_noted_once(archive: str | Path, folder: str | Path) -> Count:
    count = compare(archive, folder)
    count.assert_clean()
    return count
