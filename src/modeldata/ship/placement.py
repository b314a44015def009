"""Which file of the archive a batch goes to, and where in it. Decided before the freeze, kept in the state after it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from modeldata.format.files import FORMATS
from modeldata.format.head import log_path, record_path
from modeldata.format.manifest import Entry
from modeldata.format.paths import data_file, manifest_of, manifest_path
from modeldata.ship.checkpoint import HeadLog, Placement, Progress
from modeldata.ship.outbox import Intent, OutboxItem
from modeldata.spool.frame import checksum_of
from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.ship.batch import Batch
    from modeldata.spool.folder import SpoolFolder
    from modeldata.store import WriteStore

PARTS_BY_TYPE = 32
"""After this many files of one header in one folder, rows no longer go apart because a column changed its type."""
MAX_SHAPES = 32
"""Different headers that get files of their own in one folder; rows of others share one, as JSON (see `json_rows`)."""
NO_ENTRY = Entry({})
FORGET_ROUNDS = 100_000
"""A file that got nothing for so many rounds is looked up again (its claim says that it is ours) instead of remembered."""


class Placements:
    """The files of one archive, by folder. Changes the state it is given; touches the store only to claim a new name.

    Where the store or the format has no files that grow, each batch is a file of its own, under a number never used again.
    """

    def __init__(self, after: Progress, store: WriteStore, place: SpoolFolder, held: Mapping[str, Unavailable]) -> None:
        """held: folders that take nothing now. A batch for one of them gets no file that would have to be claimed."""
        self._after = after
        self._store = store
        self._place = place
        self._held = held
        self._appends = store.appends
        self._disown()
        self._forget()
        self._folders: dict[str, list[str]] = {}
        for path in after.targets:
            self._folders.setdefault(path.rpartition("/")[0], []).append(path)
        self._headers: dict[str, set[str]] = {}
        self._own: dict[str, str] = {}

    def _disown(self) -> None:
        """A spool that is a copy leaves the files of the original alone."""
        spool = self._place.spool_id.hex()
        if self._after.spool not in ("", spool):
            self._after.targets.clear()
            self._after.heads = HeadLog()
        self._after.spool = spool

    def _forget(self) -> None:
        targets = self._after.targets
        for path in [path for path, target in targets.items() if target.used + FORGET_ROUNDS < self._after.round]:
            if not targets[path].sealed:
                del targets[path]

    def _own_folder(self, folder: str) -> str:
        """Where this archive has the rows of a folder. Asked once a round. The folder itself where it can't be asked about."""
        if folder not in self._own:
            try:
                self._own[folder] = self._store.own_folder(folder)
            except Unavailable as error:
                if not error.path_only:
                    raise
                self._own[folder] = folder
        return self._own[folder]

    def item(self, batch: Batch, at: int) -> OutboxItem:
        """A batch with its place: the end of the file that holds such rows, or the start of a new one."""
        crc, check = crc32(batch.data), checksum_of((batch.head, batch.data), 0)
        head, size = len(batch.head), len(batch.head) + len(batch.data)
        whole = not (FORMATS[batch.format].grows and self._appends)
        folder = self._own_folder(batch.folder)
        path = self._next_part(folder, batch.format) if whole else f"{folder}/.{batch.format}"
        log = manifest_of(path) if whole else ""
        item = OutboxItem(
            path, 0, at, head, size, crc, batch.entry, log, 0, whole,
            check=check, columns=f"{batch.signature}:{batch.header}",
        )  # fmt: skip
        self._after.archived[batch.stream] = self._after.archived.get(batch.stream, 0) + item.rows
        return item if whole else self._placed_if_possible(item)

    def _placed_if_possible(self, item: OutboxItem) -> OutboxItem:
        try:
            return self._placed(item)
        except Unavailable as error:
            if not error.path_only:
                raise
            return item

    def place(self, intent: Intent, index: int) -> None:
        """Give an item a file where its folder took none. Raises `Unavailable` where it still takes none."""
        intent.items[index] = self._placed(intent.items[index])

    def _placed(self, item: OutboxItem) -> OutboxItem:
        path = self._file_for(self._own_folder(item.folder), item.columns, _format_of(item.path))
        target = self._after.targets[path]
        item = item._replace(path=path, start=target.length, log=target.log, log_start=target.log_length)
        self._advance(item)
        return item

    def has_room(self, folder: str, header: str) -> bool:
        """May rows of this header have a file of their own in `folder`? Not where it has `MAX_SHAPES` others already."""
        folder = self._own_folder(folder)
        known = self._headers.get(folder)
        if known is None:
            columns = (self._after.targets[path].columns for path in self._folders.get(folder, []))
            known = self._headers[folder] = {one.rpartition(":")[2] for one in columns}
        if header not in known and len(known) >= MAX_SHAPES:
            return False
        known.add(header)
        return True

    def place_note(self, folder: str, note: Entry) -> OutboxItem:
        """A line in a manifest that belongs to no rows. Raises `Unavailable` where the folder takes none."""
        path = manifest_path(self._own_folder(folder), f"told-{self._place.spool8}").removesuffix(".jsonl")
        if not self._appends:
            self._after.parts += 1
            return OutboxItem("", 0, 0, 0, 0, 0, note, f"{path}-{self._after.parts}.jsonl", 0, True)
        if path not in self._after.targets:
            log = self._free_log(path)
            self._after.targets[path] = Placement("", 0, log, self._store.length(log))
        target = self._after.targets[path]
        item = OutboxItem("", 0, 0, 0, 0, 0, note, target.log, target.log_length)
        target.log_length += len(item.line())
        target.used = self._after.round
        return item

    def place_record(self, log: HeadLog, line: str) -> OutboxItem:
        """The newest record of a log. Asks the store nothing: the name of a log is its own."""
        if not self._appends:
            return OutboxItem("", 0, 0, 0, 0, 0, NO_ENTRY, record_path(log.name, log.size), 0, True, record=line)
        path = log_path(log.name)
        target = self._after.targets.setdefault(path, Placement("", 0, path, 0))
        target.used = self._after.round
        return self.reword(OutboxItem("", 0, 0, 0, 0, 0, NO_ENTRY, target.log, target.log_length), line)

    def reword(self, item: OutboxItem, line: str) -> OutboxItem:
        """A record that was not sent yet, with another line."""
        item = item._replace(record=line)
        for target in self._after.targets.values():
            if target.log == item.log and not item.whole:
                target.log_length = item.log_start + len(item.line())
        return item

    def move(self, intent: Intent, index: int, *, log: bool) -> None:
        """Seal the file of one item (or only its log), and give another to it and to what follows it there.

        Nothing of ours can still land in the old one: its position is gone, and this is the one process that appends.
        """
        old = intent.items[index]
        if old.whole:
            intent.items[index] = self._another_part(old, log)
        elif log:
            self._move_log(intent, index, old.log)
        else:
            self._move_file(intent, index, old)

    def seal(self, path: str) -> None:
        """The file gets no more batches than those that are on their way to it."""
        self._after.targets[path].sealed = True

    def relay(self, intent: Intent, index: int) -> None:
        """Lay what goes to the file of item `index` one after the other again, from that item's position on: sizes changed."""
        first = intent.items[index]
        if first.whole:
            return
        start, log_start = first.start, first.log_start
        for later in range(index, len(intent.items)):
            item = intent.items[later]
            if item.path == first.path and not item.whole:
                item = item._replace(start=start, log=first.log, log_start=log_start)
                intent.items[later] = item
                self._advance(item)
                start, log_start = item.start + item.sent, item.log_start + len(item.line())

    def skip(self, intent: Intent, index: int) -> None:
        """Item `index` goes nowhere: what follows it in its file takes its place."""
        gone = intent.items[index]
        if gone.whole:
            return
        target = self._after.targets[gone.path]
        target.length, target.log_length = gone.start, gone.log_start
        for later in range(index + 1, len(intent.items)):
            if intent.items[later].path == gone.path:
                intent.items[later] = intent.items[later]._replace(start=gone.start, log=gone.log, log_start=gone.log_start)
                self.relay(intent, later)
                return

    def part_of(self, item: OutboxItem) -> str:
        """A new name beside a file that is written once. Far ahead: after a lost checkpoint, many numbers may be taken."""
        self._after.parts *= 2
        return self._next_part(item.folder, _format_of(item.path))

    def _another_part(self, old: OutboxItem, log: bool) -> OutboxItem:
        if log:
            stem, _, number = old.log.removesuffix(".jsonl").rpartition("~")
            stem, again = (stem, int(number) + 1) if stem and number.isdigit() else (old.log.removesuffix(".jsonl"), 1)
            return old._replace(log=f"{stem}~{again}.jsonl")
        path = self.part_of(old)
        return old._replace(path=path, log=manifest_of(path))

    def _move_file(self, intent: Intent, index: int, old: OutboxItem) -> None:
        target = self._after.targets[old.path]
        target.sealed = True
        path = self._new_file(old.folder, target.columns, _format_of(old.path))
        fresh = self._after.targets[path]
        for later in range(index, len(intent.items)):
            item = intent.items[later]
            if item.path == old.path:
                item = item._replace(path=path, start=fresh.length, log=fresh.log, log_start=fresh.log_length)
                intent.items[later] = item
                self._advance(item)

    def _move_log(self, intent: Intent, index: int, old: str) -> None:
        owner = next(target for target in self._after.targets.values() if target.log == old)
        log = self._free_log(old.removesuffix(".jsonl"))
        owner.log, owner.log_length = log, self._store.length(log)  # both or, where the store does not answer, none
        for later in range(index, len(intent.items)):
            item = intent.items[later]
            if item.log == old:
                item = item._replace(log=owner.log, log_start=owner.log_length)
                intent.items[later] = item
                owner.log_length += len(item.line())

    def _advance(self, item: OutboxItem) -> None:
        target = self._after.targets[item.path]
        target.length = item.start + item.sent
        target.log_length = item.log_start + len(item.line())
        target.used = self._after.round

    def _file_for(self, folder: str, columns: str, file_format: str) -> str:
        header = columns.rpartition(":")[2]
        here = self._folders.get(folder, [])
        same_header = [path for path in here if self._after.targets[path].columns.endswith(header)]
        if len(same_header) >= PARTS_BY_TYPE:
            columns = f"{header}:{header}"
        for path in same_header:
            target = self._after.targets[path]
            if target.columns == columns and not target.sealed and _format_of(path) == file_format:
                return path
        if folder in self._held:
            raise self._held[folder]
        return self._new_file(folder, columns, file_format)

    def _new_file(self, folder: str, columns: str, file_format: str) -> str:
        """The first free name of the folder, claimed for this spool and these columns."""
        owner = f"{self._place.spool_id.hex()} {columns}\n".encode()
        number = 0
        while True:
            name = data_file(file_format, self._place.spool8, number)
            path = f"{folder}/{name}"
            number += 1
            if path in self._after.targets or not self._store.claim(path, owner, self._place.spool8):
                continue
            log = manifest_of(path)
            self._after.targets[path] = Placement(columns, self._store.length(path), log, self._store.length(log))
            self._folders.setdefault(folder, []).append(path)
            return path

    def _next_part(self, folder: str, file_format: str) -> str:
        self._after.parts += 1
        return f"{folder}/{data_file(file_format, self._place.spool8, self._after.parts)}"

    def _free_log(self, stem: str) -> str:
        number = 0
        while True:
            path = f"{stem}.jsonl" if number == 0 else f"{stem}.{number}.jsonl"
            if self._store.length(path) == 0:
                return path
            number += 1


def _format_of(path: str) -> str:
    return path.rpartition(".")[2]
