"""An archive to keep in order: collected and shipped at chosen times, rewritten on a disk of the test's choice."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modeldata.catalog.audit import Audit
from modeldata.errors import SpoolError
from modeldata.keep.compact import Sizes
from modeldata.keep.job import FolderResult, KeepJob
from modeldata.keep.jobs import compact, erase, prune
from modeldata.keep.rewrite import STALE_NS, RewriteRun
from modeldata.read.reader import Reader
from modeldata.settings import Settings
from modeldata.ship.pipeline import Pipeline
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder
from modeldata.store import Store
from modeldata.store.local import LocalStore
from modeldata.testing import Died, Fault, FaultyFiles
from tests.read.kit import Shipped
from tests.support.audits import audit_at_once

DAY = "2026-11-20"
LATER_NS = 1_796_000_000_000_000_000
"""2026-11-30: days before are over."""
_clock = itertools.count(1)
SMALL = Sizes(target=1 << 27, rows=1 << 20, memory=1 << 28)

Rows = Counter[tuple[object, ...]]


def job(store: Store, archive: str = "archive", **wanted: str) -> KeepJob:
    """A run of its own, later than the claim of any before."""
    return KeepJob(store, archive, wanted, RewriteRun(os.urandom(16).hex(), "host", LATER_NS + next(_clock) * 2 * STALE_NS))


def compacted(store: Store, sizes: Sizes = SMALL) -> list[FolderResult]:
    return list(compact(job(store), sizes))


def erased(store: Store, where: str = "customer = 17") -> list[FolderResult]:
    return list(erase(job(store), where, dry=False))


def pruned(store: Store, before: int = LATER_NS) -> list[FolderResult]:
    return list(prune(job(store), before, dry=False))


VERBS: dict[str, Callable[[Store], list[FolderResult]]] = {"compact": compacted, "erase": erased, "prune": pruned}


def filled(folder: Path, file_format: str = "csv") -> Shipped:
    """Three rounds of one day: calls of one row and of several, two shapes, rows of customer 17 in some files and not in others."""
    shipped = Shipped(str(folder / "archive"), folder / "spool", file_format)
    for number in range(3):
        at = f"{DAY}T10:00:0{number}"
        shipped.collect("inputs", [{"customer": 17 + at_ % 2 * number, "n": 10 * number + at_} for at_ in range(4)], at=at)
        shipped.collect("inputs", {"customer": 3, "n": 10 * number + 5}, at=at)
        shipped.collect("inputs", {"customer": 4, "n": 10 * number + 6, "text": "a,\nb"}, at=at)
        shipped.ship()
    return shipped


def local(folder: Path, files: Files | None = None) -> LocalStore:
    return LocalStore(str(folder / "archive"), files or Files())


def rows(store: Store) -> Rows:
    """(writer, sequence, row, customer, n) of every row that a reader gets."""
    table = Reader(store, "archive").scan("m", "inputs").to_arrow()
    return Counter(zip(*(table[name].to_pylist() for name in ("$Writer", "$Sequence", "$Row", "customer", "n")), strict=True))


def without(found: Rows, customer: int = 17) -> Rows:
    return Counter({row: times for row, times in found.items() if row[3] != customer})


def checked(store: Store) -> Audit:
    """An audit that found nothing wrong."""
    found = audit_at_once(store)
    assert not found.problems, found.problems
    assert not [pair for writer in found.writers for pair in writer.doubled]
    assert all(gap.reason for writer in found.writers for gap in writer.missing)
    return found


def data_files(folder: Path) -> list[Path]:
    """Every file with rows, whole or not."""
    return sorted(
        path
        for path in (folder / "archive").rglob("*")
        if path.is_file() and path.parent.name not in ("_manifest", "_heads") and ".modeldata-spool" not in str(path)
    )


def replaced_ids(folder: Path) -> set[str]:
    lines = [
        json.loads(line) for path in (folder / "archive").rglob("generation-*.jsonl") for line in path.read_text().splitlines()
    ]
    return {batch for line in lines for batch in line.get("replaces", [])}


SWEEP = pytest.mark.parametrize("most", [5, pytest.param(1 << 30, marks=[pytest.mark.faults, pytest.mark.timeout(3600)])])
"""How many of the operations are tried: all of them in the long runs."""


class Stepping(FaultyFiles):
    """Does something before one operation, or before each of them: others who work in the same moment."""

    def __init__(self, at: int | None, do: Callable[[], None]) -> None:
        super().__init__()
        self._at = at
        self._do: Callable[[], None] | None = do

    def step(self, name: str, what: object) -> None:
        do = self._do
        if do is not None and self._at in (None, len(self.operations) + 1):
            self._do = None  # what it does itself is not stepped
            with ThreadPoolExecutor(1) as other:  # names of files on their way have the thread in them
                other.submit(do).result()
            self._do = do if self._at is None else None
        super().step(name, what)


def operations(folder: Path, verb: str) -> int:
    """How many operations a verb takes, on the archive in `folder`, which it changes."""
    files = FaultyFiles()
    VERBS[verb](local(folder, files))
    return len(files.operations)


def killed(folder: Path, verb: str, at: int) -> None:
    files = FaultyFiles(Fault(at))
    try:
        VERBS[verb](local(folder, files))
    except Died:
        pass
    assert files.dead, f"operation {at} was never reached"


def every_point(total: int, most: int) -> Iterator[int]:
    """All operations; or, where there are many, so many of them, evenly, and the last."""
    yield from sorted({total, *(1 + number * total // most for number in range(most))} if total > most else range(1, total + 1))


def shipper(place: SpoolFolder, store: Store, settings: Settings, *, commits: bool) -> Pipeline:
    """One that ships; or one that is killed between its last send and its checkpoint, as a `SpoolError` says."""
    made = Pipeline(place, store, settings, files=Files(), warn=lambda text: None, may_commit=lambda: True)
    if not commits:
        made._commit = _killed  # type: ignore[method-assign]
    return made


def _killed(after: object) -> None:
    raise SpoolError("commit a round", cause="killed here")
