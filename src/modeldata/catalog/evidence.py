"""What heads, a key and spools prove of an archive, and what nobody can know without them: in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.catalog.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modeldata.catalog.audit import Audit
    from modeldata.catalog.audit_folder import FolderAudit, Uncovered
    from modeldata.catalog.witness import SpoolsSeen, Witness
    from modeldata.format.head import Head
    from modeldata.store import ReadStore

MOST_NAMED = 10
"""Batches that are named one by one."""


class Evidence:
    """The ledger of an archive, and what is known besides."""

    def __init__(self, ledger: Ledger, witness: Witness, spools: SpoolsSeen) -> None:
        self.ledger = ledger
        self._later = ledger
        """The same, read after the batches were looked at."""
        self._witness = witness
        self._spools = spools
        self._folders: list[FolderAudit] = []
        self.ends = dict(ledger.ends)
        for spool in spools.views:
            for key, end in spool.ends.items():
                self.ends[key] = max(end, self.ends.get(key, end))

    @classmethod
    def of(cls, store: ReadStore, witness: Witness) -> Evidence:
        """Spools first, then the archive: what they say of it was there before it is looked at."""
        ledger = Ledger.read(store)
        spools = witness.spools(ledger)
        return cls(Ledger.read(store) if spools.views else ledger, witness, spools)

    def look_again(self, store: ReadStore) -> None:
        """Batches that came while others were looked at may have their records now."""
        self._later = Ledger.read(store)

    @property
    def rows_wait(self) -> bool:
        """In a spool that brings them here?"""
        return any(spool.rows for spool in self._spools.views)

    @property
    def strangers(self) -> list[Uncovered]:
        """Batches by shippers that write heads, and that no record tells of, though their round is over."""
        return self._uncovered(under_way=False)

    @property
    def rewritten(self) -> set[str]:
        """Batches with a record that a rewrite replaced."""
        return self.ledger.batches.keys() & set().union(*(folder.replaced for folder in self._folders))

    @property
    def forged(self) -> set[str]:
        """Those of them of which no record says that they were: by an earlier version, a run that was killed, or a forger."""
        return self.rewritten - self.ledger.replaced - self._later.replaced

    def judge(self, folders: Iterable[FolderAudit], report: Audit, *, all_read: bool) -> None:
        """Hold the archive against it. all_read: could each manifest be read?"""
        ledger, self._folders = self.ledger, list(folders)
        there = ledger.waiting.union(ledger.replaced, *(folder.live | folder.replaced for folder in self._folders))
        gone = sorted(ledger.batches.keys() - there)
        report.problems += [*ledger.problems, *self._broken_heads()]
        missing = [f"batch {batch}: is gone, and a head proves that it was archived" for batch in gone[:MOST_NAMED]]
        if len(gone) > MOST_NAMED:
            missing.append(f"{len(gone) - MOST_NAMED:,} more batches are gone")
        if all_read:
            report.problems += missing
        report.unread += ledger.unread
        report.unproven += [
            *self._spools.gone,
            *_in_words("are by a shipper that writes heads, and no head tells of them", self.strangers),
        ]
        if forged := len(self.forged):
            report.unproven.append(f"{_counted(forged, 'batch', 'batches')} were replaced by a rewrite that no head tells of")

    def _broken_heads(self) -> list[str]:
        problems = [problem for head in self._heads() if (problem := self._against(head))]
        key = self._witness.key
        if key is not None:
            logs = [log for log in self.ledger.logs.values() if log.newest is not None and not key.signed(log.newest)]
            problems += [f"log {log.name}: its newest head is not signed by the key {key.public.name}" for log in logs]
            strangers = [given.head.log for given in self._witness.heads if not key.signed(given)]
            problems += [f"log {log}: the head that was given is not signed by the key {key.public.name}" for log in strangers]
        return list(dict.fromkeys(problems))

    def _heads(self) -> list[Head]:
        """Those that are known besides the archive."""
        return [*(given.head for given in self._witness.heads), *(spool.head for spool in self._spools.views if spool.head)]

    def _against(self, head: Head) -> str:
        log = self.ledger.logs.get(head.log)
        return log.against(head) if log else f"log {head.log}: is gone, and had {head.size:,} records"

    def _uncovered(self, *, under_way: bool) -> list[Uncovered]:
        """Batches by shippers that write heads, and that no record tells of.

        under_way: only those of a round that may be on its way. A round's record comes last, and there is one round at a time.
        """
        newest: dict[str, int] = {}
        for log in self._later.logs.values():
            if log.last is not None:
                newest[log.last.spool] = max(log.last.time_ns, newest.get(log.last.spool, 0))
        uncovered = (batch for folder in self._folders for batch in folder.uncovered)
        batches = [batch for batch in uncovered if batch.spool and batch.id not in self._later.batches]
        last = {batch.spool: batch for batch in sorted(batches, key=lambda batch: batch.time_ns)}
        return [
            batch
            for batch in batches
            if under_way == (batch.round == last[batch.spool].round and batch.time_ns > newest.get(batch.spool, 0))
        ]

    # In words

    def say(self, report: Audit, *, check_bytes: bool) -> None:
        """What is proven, and what remains unknown."""
        report.proven += self._proven(check_bytes)
        report.not_known += self._not_known()

    def _proven(self, check_bytes: bool) -> Iterator[str]:
        ledger = self.ledger
        if check_bytes:
            yield "each batch has the bytes and the rows that its line says"
        if ledger.logs:
            live = set().union(*(folder.live for folder in self._folders))
            known = len(live & ledger.batches.keys())
            yield f"{known:,} of {len(live):,} batches are what the records of {_counted(len(ledger.logs), 'log')} say"
        if self._witness.key is not None:
            yield f"the newest head of each log is signed by the key {self._witness.key.public.name}"
        for given in self._witness.heads:
            upto = f"record {given.head.size:,} of log {given.head.log}"
            yield f"nothing up to {upto} was cut, changed or put back: the head that was given proves it"
        if views := self._spools.views:
            spools, rows = _counted(len(views), "spool"), sum(spool.rows for spool in views)
            yield f"all that {spools} on this host brought here is here; {_counted(rows, 'row')} of the archive wait there"

    def _not_known(self) -> Iterator[str]:
        ledger, known = self.ledger, {head.log for head in self._heads()}
        alone = {name for name, log in ledger.logs.items() if log.last is not None and log.last.spool} - known
        if not ledger.logs:
            yield "whether newest rows, or all rows of a writer, were removed with their lines: no heads are here"
        elif not known:
            yield "whether whole logs were removed, with all that they tell of"
        if alone:
            cut = f"whether the newest records of {_counted(len(alone), 'log')} were cut off, with their batches"
            yield f"{cut}: a head that was kept elsewhere (--heads) tells, and the spool on its host (--spool)"
        if ledger.logs and self._witness.key is None:
            signed = any(log.newest is not None and log.newest.signatures for log in ledger.logs.values())
            yield f"who wrote the records: {'--key checks their signatures' if signed else 'their heads are not signed'}"
        if ledger.waiting:
            yield f"{len(ledger.waiting):,} batches are not here yet: they wait in their spool"
        if self.rewritten and self._witness.key is None:
            rewritten = _counted(len(self.rewritten), "batch", "batches")
            yield f"whether rewrites kept all rows of {rewritten} that they replaced: --key checks who signed their heads"
        yield from _in_words("are newer than the newest head", self._uncovered(under_way=True))
        without = [batch for folder in self._folders for batch in folder.uncovered if not batch.spool]
        if ledger.logs:
            yield from _in_words("are by a rewrite, by Spark or by an earlier version, which made no heads", without)
        yield from self._spools.denied


def _in_words(what: str, batches: Iterable[Uncovered]) -> list[str]:
    rows = [batch.rows for batch in batches]
    return [f"{len(rows):,} batches with {sum(rows):,} rows {what}"] if rows else []


def _counted(number: int, word: str, words: str = "") -> str:
    return f"{number:,} {word if number == 1 else words or word + 's'}"
