"""Staging and intent: a round made immutable before its first byte leaves the host.

`staging` holds the exact bytes of every batch. `intent` says which of them go where, and the state that is true afterwards; it is
written last, replaced as a whole, and read back only if its checksum holds.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import msgpack

from modeldata.errors import SpoolError
from modeldata.format import head
from modeldata.format.manifest import Entry
from modeldata.format.paths import folder_of_manifest
from modeldata.ship.checkpoint import STATE_LOST, Progress
from modeldata.spool.files import read_all, read_file, replace_file, write_all
from modeldata.spool.frame import checksum

if TYPE_CHECKING:
    from modeldata.spool.files import Files

MAGIC = b"MDINTENT2\n"
"""Begins each of the two equal halves of an intent: one damaged byte spoils one of them."""
MAGIC_SINGLE = b"MDINTENT1\n"
"""Begins an intent of an earlier version, which was written once."""
INTENT = "intent"
STAGING = "staging"
LARGE = 1 << 16
"""Bytes from which on another system call costs less than a copy."""
CUT = "cut-"
"""Begins the names of further staging files, for batches that a store refused and that go on in two halves."""


class OutboxItem(NamedTuple):
    """A batch on its way to a place: bytes [at, at + size) of staging, appended to `path` from `start` on.

    The first `head` bytes are the header, `crc` is the checksum of the rest. `log` is the manifest file that gets a line about
    it. An item without bytes has no `path`: it is only a line in the log. `whole`: file and log are written once and never grow.
    `staged`: the file that holds the bytes. A path with only an ending as its name has no file yet: its folder took none.
    `columns` then says which rows the file is for.
    """

    path: str
    start: int
    at: int
    head: int
    size: int
    crc: int
    entry: Entry
    log: str
    log_start: int
    whole: bool = False
    staged: str = STAGING
    check: int | None = None
    """`checksum` of all the staged bytes. None in an intent of an earlier version: then there is only `crc`."""
    columns: str = ""
    record: str = ""
    """The line of a log of heads (see `format.head`), which is then all there is."""

    @property
    def placed(self) -> bool:
        """Is it decided which file gets it, and where in it?"""
        return not self.path.rpartition("/")[2].startswith(".")

    @property
    def folder(self) -> str:
        """The folder that its rows or, without rows, its manifest line are about; of a record, where the logs are."""
        if self.record:
            return head.FOLDER
        return self.path.rpartition("/")[0] if self.path else folder_of_manifest(self.log)

    @property
    def rows(self) -> int:
        return self.entry.rows

    @property
    def sent(self) -> int:
        """How many bytes the file gets: the header only where it begins."""
        return self.size if self.start == 0 else self.size - self.head

    def line(self) -> bytes:
        """The manifest line. The same bytes whenever it is asked: it is appended under the same rules as the rows."""
        return self.record.encode() if self.record else self.placed_entry().line()

    def placed_entry(self) -> Entry:
        """What the manifest line says: the entry, and where its rows are."""
        if not self.path:
            return self.entry
        name = self.path.rpartition("/")[2]
        rows = self.size - self.head
        return self.entry._replace(file=name, offset=self.start, size=self.sent, row_bytes=rows, crc32=self.crc)

    def pack(self) -> list[object]:
        fields: list[object] = list(self._replace(entry=self.entry.as_dict()))  # type: ignore[arg-type]  # as plain values
        return fields if self.record else fields[:-1]  # an earlier version knows items without the last

    @classmethod
    def unpack(cls, fields: list[Any]) -> OutboxItem:
        """Raises ValueError."""
        item = cls(*fields)
        return item._replace(entry=Entry.of(item.entry))  # type: ignore[arg-type]  # it is a dict yet


class Intent(NamedTuple):
    """What a round will do, and the state once it is done."""

    round: int
    items: list[OutboxItem]
    after: Progress

    def pack(self) -> bytes:
        body: bytes = msgpack.packb(
            {
                "round": self.round,
                "items": [item.pack() for item in self.items if not item.record],
                "records": [item.pack() for item in self.items if item.record],  # apart: an earlier version leaves them out
                "after": self.after.pack(),
            },
            unicode_errors="surrogatepass",
        )
        return 2 * (MAGIC + crc32(body).to_bytes(4, "little") + body)

    @classmethod
    def unpack(cls, data: bytes) -> Intent:
        """Raises ValueError for bytes in which no whole intent is left."""
        half = len(data) // 2
        body = _checked(data, MAGIC_SINGLE) or _checked(data[:half], MAGIC) or _checked(data[half:], MAGIC)
        if body is None:
            raise ValueError("the intent's checksum does not hold")
        content = msgpack.unpackb(body, unicode_errors="surrogatepass")
        items = [OutboxItem.unpack(fields) for fields in (*content["items"], *content.get("records", ()))]
        return cls(content["round"], items, Progress.unpack(content["after"]))


def _checked(data: bytes, magic: bytes) -> bytes | None:
    """What follows the magic and the checksum, where they hold."""
    body = data[len(magic) + 4 :]
    if not data.startswith(magic) or crc32(body).to_bytes(4, "little") != data[len(magic) : len(magic) + 4]:
        return None
    return body


def _is(data: bytes, item: OutboxItem) -> bool:
    if len(data) != item.size:
        return False
    return crc32(memoryview(data)[item.head :]) == item.crc if item.check is None else checksum(data, 0) == item.check


class Staging:
    """The bytes of a round, one batch after the other, so that no two of them need be in memory at once."""

    def __init__(self, path: str, files: Files, copies: int = 1) -> None:
        self._path = path
        self._files = files
        self._copies = copies
        self._fd: int | None = None
        self.size = 0

    def add(self, data: bytes, head: bytes = b"") -> int:
        """Where `head`, with `data` behind it, begins. Raises OSError."""
        if self._fd is None:
            self._fd = self._files.open(self._path + ".tmp", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        at = self.size
        pieces = [head, data] if len(data) > LARGE else [head + data]
        for piece in pieces * self._copies:
            write_all(self._files, self._fd, piece, self.size)
            self.size += len(piece)
        return at

    def finish(self) -> None:
        """Durable under its name when this returns; nothing to do where nothing was added."""
        if self._fd is None:
            return
        self._files.sync(self._fd)  # the content before the name: a name never points to less
        self.close()
        self._files.replace(self._path + ".tmp", self._path)
        self._files.sync_folder(os.path.dirname(self._path))

    def close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._files.close(fd)


class Outbox:
    """The two files of a round under way, or (with a prefix to their names) of one that was parked.

    copies: how often each batch is in staging, one behind the other.
    """

    def __init__(self, folder: str, files: Files, prefix: str = "", copies: int = 1) -> None:
        self._files = files
        self._folder = folder
        self._prefix = prefix
        self._copies = copies
        self._intent = self._path(INTENT)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, self._prefix + name)

    def begin(self) -> Staging:
        """Where the bytes of a round are gathered before it is frozen."""
        return Staging(self._path(STAGING), self._files, self._copies)

    def freeze(self, intent: Intent, staging: Staging) -> None:
        """Durable when this returns. The bytes come before the intent: an intent never speaks of bytes that are not there."""
        staging.finish()
        self.rewrite(intent)

    def stage_more(self, pieces: list[bytes]) -> str:
        """Another staging file, durable when this returns; its name."""
        taken = self._cuts()
        number = 1 + max((int(name.removeprefix(CUT)) for name in taken), default=0)
        replace_file(self._files, self._path(f"{CUT}{number}"), b"".join(pieces), patient=True)
        return f"{CUT}{number}"

    def _cuts(self) -> list[str]:
        begins = self._prefix + CUT
        mine = [name for name in self._files.listdir(self._folder) if name.startswith(begins) and name[len(begins) :].isdigit()]
        return [name.removeprefix(self._prefix) for name in mine]

    def rewrite(self, intent: Intent) -> None:
        """Replace the intent, its bytes staying as they are: where a file turned out not to be ours any more."""
        replace_file(self._files, self._intent, intent.pack(), patient=True)

    def load(self) -> Intent | None:
        """The intent that was frozen last; None where there is none. Raises ValueError where it can't be read."""
        try:
            return Intent.unpack(read_file(self._files, self._intent))
        except FileNotFoundError:
            return None

    def read(self, item: OutboxItem) -> memoryview:
        """The bytes that the item's file gets. Raises OSError, or `SpoolError` where staging is not what the intent says."""
        return memoryview(self.read_all(item))[item.size - item.sent :]

    def read_all(self, item: OutboxItem) -> bytes:
        """As `read`, but always with the header."""
        path = self._path(item.staged)
        try:
            fd = self._files.open_regular(path)
        except FileNotFoundError as error:
            raise self._damaged(path, "it is gone") from error
        try:
            for copy in range(self._copies):
                data = read_all(self._files, fd, item.size, item.at + copy * item.size)
                if _is(data, item):
                    return data
        finally:
            self._files.close(fd)
        raise self._damaged(path, "it does not hold what its intent says")

    def _damaged(self, path: str, cause: str) -> SpoolError:
        return SpoolError("send a round", path, cause=cause, hint="the disk may be failing" if self._prefix else STATE_LOST)

    def is_whole(self) -> bool:
        """Is every byte of the round there? Also where there is no round. Raises OSError."""
        try:
            intent = self.load()
            for item in intent.items if intent is not None else ():
                if item.path:
                    self.read_all(item)
        except (ValueError, SpoolError):
            return False
        return True

    def set_aside(self) -> None:
        """Go on without the round, its files kept beside. The intent goes first: it never speaks of bytes that are not there."""
        for name in (INTENT, STAGING, *self._cuts()):
            try:
                self._files.rename(self._path(name), self._path(name) + ".lost")
            except FileNotFoundError:
                continue
        self._files.sync_folder(self._folder)

    def clear(self) -> None:
        """Forget the round. Only after both slots of the checkpoint know of it."""
        for name in (INTENT, STAGING, *self._cuts()):
            try:
                self._files.unlink(self._path(name))
            except FileNotFoundError:
                continue
