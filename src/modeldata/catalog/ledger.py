"""What the heads in an archive say: the records of each log, proven against its heads, and what they add up to.

A log was changed where its records don't give its heads; a place in it without a record was cut. What the records say of batches,
writers and the highest number of each is what the rest of the archive is held against (see `modeldata.format.head`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modeldata.format.head import FOLDER, Record, Tree, read_line
from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.format.head import Head, SignedHead, WriterRecord
    from modeldata.store import ReadStore


class LogLine(NamedTuple):
    """A record at its place in a log, and the head after it."""

    leaf: bytes
    signed: SignedHead


class Log:
    """One log as it is in the archive. `roots`: after each of its records, from the first on, as far as they can be computed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.roots: list[bytes] = []
        self.newest: SignedHead | None = None
        self.last: Record | None = None
        self._tree = Tree()

    def add(self, line: LogLine) -> str:
        """What is wrong with the next record; empty where nothing is."""
        self._tree = self._tree.plus(line.leaf)
        self.roots.append(self._tree.root())
        self.newest = line.signed
        if line.signed.head.root == self.roots[-1]:
            return ""
        return f"log {self.name}: record {self._tree.size} or one before it is not what its head proves"

    def against(self, head: Head) -> str:
        """What is wrong where `head` was once the newest of this log; empty where the log begins with what that head proves."""
        if head.size > len(self.roots):
            why = "the newest were cut off, or an old copy was put back"
            return f"log {self.name}: has {len(self.roots):,} records, and had {head.size:,}: {why}"
        if head.size and self.roots[head.size - 1] != head.root:
            return f"log {self.name}: its first {head.size:,} records are not what they were"
        return ""


class Ledger:
    """All logs of an archive, added up.

    batches: id → [SHA-256 of its rows, hash of its line]. waiting: those that are parked in a spool. replaced: those that count
    no more, as a record says. ends: (collector, writer) → its highest number.
    """

    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self.problems: list[str] = []
        self.unread: list[str] = []
        self.batches: dict[str, list[str]] = {}
        self._parked: dict[str, list[str]] = {}
        """Log → what its newest record says is parked."""
        self._ends_of_parked: dict[str, set[tuple[str, str]]] = {}
        """Parked batch → the (collector, writer) of the record that made it known."""
        self.replaced: set[str] = set()
        self.ends: dict[tuple[str, str], int] = {}
        self.writers: dict[str, tuple[Record, WriterRecord]] = {}
        """By id: what the newest record that speaks of it says."""

    @classmethod
    def read(cls, store: ReadStore, seen: Callable[[str, Record], None] = lambda log, record: None) -> Ledger:
        """Raises nothing for what is in the archive. seen: gets each record with the name of its log."""
        ledger = cls()
        for name, places in sorted(ledger._lines(store).items()):
            log = ledger.logs[name] = Log(name)
            for place in sorted(places):
                missing = place - len(log.roots) - 1
                if missing:
                    ledger.problems.append(f"log {name}: {missing:,} records before record {place:,} are gone")
                    break
                ledger._add(log, places[place], seen)
        return ledger

    def _lines(self, store: ReadStore) -> dict[str, dict[int, LogLine]]:
        lines: dict[str, dict[int, LogLine]] = {}
        for path in self._files(store):
            try:
                content = store.read(path)
            except Unavailable as error:
                self.unread.append(str(error))
                continue
            for number, text in enumerate(content.split(b"\n")[:-1], 1):  # what has no end is on its way
                try:
                    line = LogLine(*read_line(text))
                except ValueError as error:
                    self.problems.append(f"{path}: line {number} is no record of a log: {error}")
                    continue
                head = line.signed.head
                known = lines.setdefault(head.log, {}).setdefault(head.size, line)
                if known.leaf != line.leaf:
                    self.problems.append(f"log {head.log}: two different records have place {head.size:,}")
        return lines

    def _files(self, store: ReadStore) -> list[str]:
        try:
            return [path for path in store.walk(FOLDER) if path.endswith(".jsonl")]
        except Unavailable as error:
            self.unread.append(str(error))
            return []

    def _add(self, log: Log, line: LogLine, seen: Callable[[str, Record], None]) -> None:
        problem = log.add(line)
        try:
            record = Record.of(line.leaf)
        except ValueError as error:
            problem = problem or f"log {log.name}: record {len(log.roots):,} can't be read: {error}"
        else:
            log.last = record
            if record.spool and not log.name.startswith(record.spool):
                problem = problem or f"log {log.name}: record {len(log.roots):,} is of another spool"
            self._parked[log.name] = record.parked
            self._fold(record)
            seen(log.name, record)
        if problem and not any(f"log {log.name}:" in known for known in self.problems):
            self.problems.append(problem)  # the first of a log: all that follows it is wrong, too

    def _fold(self, record: Record) -> None:
        self.batches.update(record.batches)
        self.replaced.update(record.replaces)
        reached = {(collector, writer): end for collector, ends in record.ends.items() for writer, end in ends.items()}
        for key, end in reached.items():
            self.ends[key] = max(end, self.ends.get(key, 0))
        self._ends_of_parked |= {batch: set(reached) for batch in record.parked if batch in record.batches}
        for writer, state in record.writers.items():
            self.writers[writer] = record, state

    @property
    def waiting(self) -> set[str]:
        return set().union(*self._parked.values())

    def may_wait(self, collector: str, writer: str) -> bool:
        """Can numbers of a writer be in a batch that is parked?"""
        keys = (self._ends_of_parked.get(batch) for batch in self.waiting)
        return any(of_batch is None or (collector, writer) in of_batch for of_batch in keys)

    def places(self) -> Iterable[tuple[str, str, str]]:
        """(host, folder, id) of each spool that has a log, as its newest record says."""
        for log in self.logs.values():
            if log.last is not None and log.last.spool:
                yield log.last.host, log.last.folder, log.last.spool
