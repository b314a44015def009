"""What each round adds to the log of heads: a record of its batches and writers, and the head that proves it.

A record is made with its round and is its last item, so it reaches the archive exactly once, as rows do. It is made again where
a batch turned out to be cut or parked, but only before it was ever sent. Names of logs come by chance: where a checkpoint was
lost, or a spool was copied, another log begins, and no two records ever have one place in one log.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from modeldata.errors import StoreError
from modeldata.format import head
from modeldata.format.head import Record, Tree, WriterRecord
from modeldata.format.names import stream as stream_of
from modeldata.ship.checkpoint import HeadLog
from modeldata.store import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.format.head import Signer
    from modeldata.ship.checkpoint import Progress
    from modeldata.ship.gathered import Gathered
    from modeldata.ship.outbox import Intent, Outbox, OutboxItem
    from modeldata.ship.parked import ParkedRound
    from modeldata.spool.folder import SpoolFolder
    from modeldata.store import WriteStore

HOUR_NS = 3_600_000_000_000
"""So often a record speaks of a living writer, also where it has no rows. After a failure, records pause as long."""

Hashes = dict[str, list[str]]


class Recorder:
    """Makes the records of one spool for one archive. Keeps nothing: what was said so far is in the state of a round."""

    def __init__(
        self, place: SpoolFolder, host: str, wall_ns: Callable[[], int], random: Callable[[int], bytes], signer: Signer | None
    ) -> None:
        self._spool = place.spool_id.hex()
        self._folder = place.folder
        self._host = host
        self._wall_ns = wall_ns
        self._random = random
        self._signer = signer
        self._silent_until = 0

    def due(self, log: HeadLog, parked: tuple[str, ...], living: Iterable[str]) -> bool:
        """Is there something to say without rows?"""
        now = self._wall_ns()
        if now < self._silent_until:
            return False
        return parked != log.parked or bool(log.batches or log.replaces) or any(_is_old(log, writer, now) for writer in living)

    def fell_silent(self) -> None:
        """The archive took no record: rows are archived without one for a while."""
        self._silent_until = self._wall_ns() + HOUR_NS

    def add(
        self, before: Progress, gathered: Gathered, items: list[OutboxItem], rows: dict[str, str], parked: tuple[str, ...]
    ) -> str:
        """The record of a round as a line, empty where there is nothing to say; the state after the round has its log behind it.

        before: the state before the round. rows: batch → hash of its row bytes. parked: what waits alone.
        """
        log, after, now = gathered.after.heads, gathered.after, self._wall_ns()
        if not log.name:
            log = log._replace(name=f"{self._spool}-{self._random(4).hex()}")
        writers = _writers(gathered, log, now)
        if now < self._silent_until or not (items or writers or self.due(log, parked, ())):
            return ""
        known = before.sequences if log.size else {}
        record = Record(
            log.size, now, self._spool, self._host, self._folder,
            batches={**log.batches, **{item.entry.batch: _hashes(item, rows.get(item.entry.batch, "")) for item in items}},
            ends=_ends(known, after, items),
            parked=list(parked),
            landed=sorted(set(log.parked) - set(parked) - set(log.replaces)),
            replaces=list(log.replaces),
            writers=writers,
        )  # fmt: skip
        noted = {**log.writers, **dict.fromkeys(writers, now)}
        noted = {writer: time for writer, time in noted.items() if writer in gathered.unfinished}
        after.heads, line = self._appended(log._replace(writers=noted), record)
        return line

    def _appended(self, log: HeadLog, record: Record) -> tuple[HeadLog, str]:
        leaf = record.leaf()
        tree = Tree(log.size, log.subtrees).plus(leaf)
        after = HeadLog(log.name, tree.size, tree.subtrees, tuple(record.parked), log.writers)
        return after, head.log_line(leaf, self.note(after)).decode()

    def note(self, log: HeadLog) -> str:
        """The newest head of a log."""
        return head.head_of(log.name, Tree(log.size, log.subtrees)).note(self._signer)

    def corrected(self, before: HeadLog, intent: Intent, outbox: Outbox, parked: tuple[str, ...]) -> str:
        """The line for a record that was not sent yet, by what became of its round. Raises OSError, `SpoolError`."""
        items = [item for item in intent.items if not item.record]
        record = record_of(intent)
        now = {item.entry.batch: _hashes(item, _row_hash(item, record.batches, outbox)) for item in items}
        after = intent.after.heads
        log = before if before.name in ("", after.name) else HeadLog()
        corrected = record._replace(batches={**log.batches, **now}, parked=list(parked))
        intent.after.heads, line = self._appended(log._replace(name=after.name, writers=after.writers), corrected)
        return line


def only_record(log: str, record: Record, signer: Signer | None) -> bytes:
    """The one line of a log that has no other."""
    leaf = record.leaf()
    return head.log_line(leaf, head.head_of(log, head.tree_of([leaf])).note(signer))


def leave_record(store: WriteStore, log: str, line: bytes) -> bool:
    """The one record of a log, of what is in the archive already: where that takes no record, it is without one.

    False: it may take it later.
    """
    try:
        if store.appends:
            store.append(head.log_path(log), 0, line)  # a put that is killed can leave a hidden file, which nobody would look for
        else:
            store.put(head.log_path(log), line)
    except Unavailable:
        return False
    except (StoreError, Conflict):
        return True
    return True


def record_of(intent: Intent) -> Record:
    """Of the round that has one."""
    return Record.of(head.read_line(intent.items[-1].record)[0])


def is_true(intent: Intent) -> bool:
    """Does the record of a round name its batches as they are now, after some may have been cut?"""
    said = record_of(intent).batches
    return all((item.entry.batch in said) and bool(said[item.entry.batch][0]) == bool(item.path) for item in intent.items[:-1])


def _is_old(log: HeadLog, writer: str, now: int) -> bool:
    return now - log.writers.get(writer, -HOUR_NS) >= HOUR_NS


def _writers(gathered: Gathered, log: HeadLog, now: int) -> dict[str, WriterRecord]:
    """Those that were not seen before, have ended, or were not spoken of for an hour."""
    writers = {}
    for writer, seen in gathered.writers.items():
        ended = not seen.living and writer not in gathered.unfinished
        if ended or _is_old(log, writer, now):
            alive = now if seen.living else max(seen.newest_ns, log.writers.get(writer, seen.started_ns))
            accepted = gathered.after.sequences.get(bytes.fromhex(writer), {})
            writers[writer] = WriterRecord(seen.started_ns, alive, ended, dict(accepted))
    return writers


def _ends(known: dict[bytes, dict[str, int]], after: Progress, items: list[OutboxItem]) -> dict[str, dict[str, int]]:
    ends: dict[str, dict[str, int]] = {}
    for writer, streams in after.sequences.items():
        for stream, following in streams.items():
            if following and following != known.get(writer, {}).get(stream):
                ends.setdefault(stream, {})[writer.hex()] = following - 1
    for item in items:
        for lost_of, _, last, _ in item.entry.lost:
            numbers = ends.setdefault(stream_of(item.entry.identity), {})
            numbers[lost_of] = max(last, numbers.get(lost_of, 0))
    return ends


def with_halves(log: HeadLog, rest: ParkedRound, intent: Intent) -> HeadLog:
    """What the next record has to say: batches of `rest`, which are parked, are cut or given up in `intent`."""
    before = {item.entry.batch: item.entry for item in rest.intent.items}
    now = {item.entry.batch: item for item in intent.items}
    gone = before.keys() - now.keys()
    cut = tuple(f"{batch}." for batch in gone)
    kept = {batch: said for batch, said in log.batches.items() if batch in now or not (batch in gone or batch.startswith(cut))}
    changed = [item for batch, item in now.items() if before.get(batch) != item.entry]
    halves = {item.entry.batch: _hashes(item, _row_hash(item, {}, rest.outbox)) for item in changed}
    return log._replace(batches={**kept, **halves}, replaces=tuple(sorted({*log.replaces, *gone})))


def row_hash(rows: bytes | memoryview) -> str:
    return sha256(rows).hexdigest()


def _hashes(item: OutboxItem, rows: str) -> list[str]:
    return [rows, head.entry_hash(item.placed_entry().as_dict())]


def _row_hash(item: OutboxItem, known: Hashes, outbox: Outbox) -> str:
    if not item.path:
        return ""
    said = known.get(item.entry.batch, [""])[0]
    return said or row_hash(memoryview(outbox.read_all(item))[item.head :])
