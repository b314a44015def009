"""Which file of the archive a batch goes to, and where in it. Decided before the freeze, kept in the state after it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from modeldata import names
from modeldata.ship.checkpoint import State, Target
from modeldata.ship.freeze import Intent, Item

if TYPE_CHECKING:
    from modeldata.ship.batch import Batch
    from modeldata.spool.place import Place
    from modeldata.store import AppendStore

PARTS_BY_TYPE = 32
"""After this many files of one header in one folder, rows no longer go apart because a column changed its type."""
FORGET_ROUNDS = 100_000
"""A file that got nothing for so many rounds is looked up again (its claim says that it is ours) instead of remembered."""


class Targets:
    """The files of one archive, by folder. Changes the state it is given; touches the store only to claim a new name."""

    def __init__(self, after: State, store: AppendStore, place: Place, file_format: str) -> None:
        self._after = after
        self._store = store
        self._place = place
        self._format = file_format
        self._forget()
        self._folders: dict[str, list[str]] = {}
        for path in after.targets:
            self._folders.setdefault(path.rpartition("/")[0], []).append(path)

    def _forget(self) -> None:
        targets = self._after.targets
        for path in [path for path, target in targets.items() if target.used + FORGET_ROUNDS < self._after.round]:
            if not targets[path].sealed:
                del targets[path]

    def item(self, batch: Batch, at: int) -> Item:
        """A batch with its place: the end of the file that holds such rows, or the start of a new one."""
        path = self._file_for(batch)
        target = self._after.targets[path]
        crc = crc32(memoryview(batch.data)[batch.head :])
        item = Item(path, target.length, at, batch.head, len(batch.data), crc, batch.manifest, target.log, target.log_length)
        self._advance(item)
        self._after.archived[batch.stream] = self._after.archived.get(batch.stream, 0) + item.rows
        return item

    def told(self, folder: str, manifest: dict[str, object]) -> Item:
        """A line in a manifest that belongs to no rows."""
        path = f"{folder}/{names.MANIFEST}/told-{self._place.spool8}"
        if path not in self._after.targets:
            log = self._free_log(path)
            self._after.targets[path] = Target("", 0, log, self._store.length(log))
        target = self._after.targets[path]
        item = Item("", 0, 0, 0, 0, 0, manifest, target.log, target.log_length)
        target.log_length += len(item.line())
        target.used = self._after.round
        return item

    def move(self, intent: Intent, index: int, *, log: bool) -> None:
        """Seal the file of one item (or only its log), and give another to it and to what follows it there.

        Nothing of ours can still land in the old one: its position is gone, and this is the one process that appends.
        """
        old = intent.items[index]
        if log:
            self._move_log(intent, index, old.log)
            return
        target = self._after.targets[old.path]
        target.sealed = True
        path = self._new_file(old.path.rpartition("/")[0], target.columns)
        fresh = self._after.targets[path]
        for later in range(index, len(intent.items)):
            item = intent.items[later]
            if item.path == old.path:
                item = item._replace(path=path, start=fresh.length, log=fresh.log, log_start=fresh.log_length)
                intent.items[later] = item
                self._advance(item)

    def _move_log(self, intent: Intent, index: int, old: str) -> None:
        owner = next(target for target in self._after.targets.values() if target.log == old)
        owner.log = self._free_log(old.removesuffix(".jsonl"))
        owner.log_length = self._store.length(owner.log)
        for later in range(index, len(intent.items)):
            item = intent.items[later]
            if item.log == old:
                item = item._replace(log=owner.log, log_start=owner.log_length)
                intent.items[later] = item
                owner.log_length += len(item.line())

    def _advance(self, item: Item) -> None:
        target = self._after.targets[item.path]
        target.length = item.start + item.sent
        target.log_length = item.log_start + len(item.line())
        target.used = self._after.round

    def _file_for(self, batch: Batch) -> str:
        here = self._folders.get(batch.folder, [])
        same_header = [path for path in here if self._after.targets[path].columns.endswith(batch.header)]
        signature = batch.signature if len(same_header) < PARTS_BY_TYPE else batch.header
        columns = f"{signature}:{batch.header}"
        for path in same_header:
            target = self._after.targets[path]
            if target.columns == columns and not target.sealed:
                return path
        return self._new_file(batch.folder, columns)

    def _new_file(self, folder: str, columns: str) -> str:
        """The first free name of the folder, claimed for this spool and these columns."""
        owner = f"{self._place.spool_id.hex()} {columns}\n".encode()
        number = 0
        while True:
            name = names.data_file(self._format, self._place.spool8, number)
            path = f"{folder}/{name}"
            number += 1
            if path in self._after.targets or not self._store.claim(path, owner, self._place.spool8):
                continue
            log = f"{folder}/{names.MANIFEST}/{name}.jsonl"
            self._after.targets[path] = Target(columns, self._store.length(path), log, self._store.length(log))
            self._folders.setdefault(folder, []).append(path)
            return path

    def _free_log(self, stem: str) -> str:
        number = 0
        while True:
            path = f"{stem}.jsonl" if number == 0 else f"{stem}.{number}.jsonl"
            if self._store.length(path) == 0:
                return path
            number += 1
