"""What has been archived, in two slots of which the older one is overwritten: a torn write costs nothing.

The slots grow ahead of need, so that writing one usually takes no new block: a full disk can't stop us from freeing it.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple
from zlib import crc32

import msgpack

from modeldata.errors import SpoolError
from modeldata.format.manifest import Entry
from modeldata.spool.files import Files, read_all, read_file, replace_file, write_all

MAGIC = b"MDCKPT1\n"
SLOT = struct.Struct("<8sQII")
"""Magic, generation, length of the content, checksum of generation and content."""
SLOT_STEP = 64 * 1024

DONE = -1
"""Offset of a segment of which nothing is left to read."""

STATE_LOST = (
    "what was archived is not known, so nothing is sent; `modeldata ship --drain --accept-duplicates` sends what is "
    "in the spool, some of it perhaps again"
)


_LATER = ("column_types", "heads", "parked", "parts", "spool")
"""What the first version did not write."""


class Placement:
    """A file of the archive that this spool appends to. `columns` says which rows may go there, `used` in which round any did."""

    __slots__ = ("columns", "length", "log", "log_length", "sealed", "used")

    def __init__(self, columns: str, length: int, log: str, log_length: int, sealed: bool = False, used: int = 0) -> None:
        self.columns = columns
        self.length = length
        self.log = log
        self.log_length = log_length
        self.sealed = sealed
        self.used = used

    def pack(self) -> list[object]:
        return [self.columns, self.length, self.log, self.log_length, self.sealed, self.used]


class HeadLog(NamedTuple):
    """The log of what a spool brought to an archive (see `format.head`): how far it is, and what its records said last.

    name: empty where there is no record yet. subtrees: of its Merkle tree. parked: batches that did not land, as it says.
    writers: writer (hex) → when a record last spoke of it. batches, replaces: of parked batches, for the next record.
    """

    name: str = ""
    size: int = 0
    subtrees: tuple[bytes, ...] = ()
    parked: tuple[str, ...] = ()
    writers: dict[str, int] = {}  # noqa: RUF012 - never changed
    batches: dict[str, list[str]] = {}  # noqa: RUF012 - never changed
    replaces: tuple[str, ...] = ()


class Progress:
    """Everything a shipper must know after a restart. One value, replaced as a whole by each committed round."""

    __slots__ = (
        "archived",
        "column_types",
        "damaged",
        "drops",
        "gaps",
        "heads",
        "offsets",
        "parked",
        "parts",
        "pending_notes",
        "quarantined",
        "round",
        "sequences",
        "spool",
        "targets",
        "torn",
    )

    def __init__(self) -> None:
        self.round = 0
        self.offsets: dict[str, int] = {}
        """Segment name → everything before this offset is archived."""
        self.sequences: dict[bytes, dict[str, int]] = {}
        """Writer id → stream → the next sequence number."""
        self.targets: dict[str, Placement] = {}
        """Path in the archive → what we know of it."""
        self.archived: dict[str, int] = {}
        """Stream → rows archived since the spool was made."""
        self.column_types: dict[str, dict[str, str]] = {}
        """Stream → column → the type that it has in files so far, of formats that have types."""
        self.drops: dict[str, int] = {}
        """Reason → rows that writers refused."""
        self.gaps = 0
        self.damaged = 0
        self.torn = 0
        self.quarantined = 0
        self.pending_notes: list[tuple[str, Entry]] = []
        """(folder, note) for manifests: losses that are decided, and not in the archive yet."""
        self.parts = 0
        """How many names were given to files that are written once, as a whole; the next one's number."""
        self.parked = 0
        """Rows that `archived` counts and that are parked (see `ship.parked`). Not stored: for those who look on."""
        self.spool = ""
        """The id (hex) of the spool that owns the files in `targets`; empty in states of a version that did not note it."""
        self.heads = HeadLog()

    def pack(self) -> bytes:
        content = {
            "round": self.round,
            "offsets": self.offsets,
            "sequences": self.sequences,
            "targets": {path: target.pack() for path, target in self.targets.items()},
            "archived": self.archived,
            "column_types": {stream: types for stream, types in self.column_types.items() if types},
            "drops": self.drops,
            "gaps": self.gaps,
            "damaged": self.damaged,
            "torn": self.torn,
            "quarantined": self.quarantined,
            "untold": [(folder, note.as_dict()) for folder, note in self.pending_notes],
            "parts": self.parts,
            "spool": self.spool,
            "heads": list(self.heads),
        }
        packed: bytes = msgpack.packb(content, unicode_errors="surrogatepass")
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> Progress:
        content = msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogatepass")
        state = cls()
        for name in cls.__slots__:
            if name not in ("heads", "targets", "pending_notes"):
                setattr(state, name, content.get(name, getattr(state, name)) if name in _LATER else content[name])
        state.pending_notes = [(folder, Entry.of(note)) for folder, note in content["untold"]]
        name, size, subtrees, parked, writers, batches, replaces = content.get("heads", HeadLog())
        state.heads = HeadLog(name, size, tuple(subtrees), tuple(parked), writers, batches, tuple(replaces))
        state.targets = {path: Placement(*fields) for path, fields in content["targets"].items()}
        return state

    def copy(self) -> Progress:
        return Progress.unpack(self.pack())


class Checkpoint:
    """The two slots of one sink. Only the leader writes; anybody may read."""

    def __init__(self, folder: str, files: Files) -> None:
        self._paths = (os.path.join(folder, "checkpoint.a"), os.path.join(folder, "checkpoint.b"))
        self._begun = os.path.join(folder, "begun")
        self._files = files
        self._room = 0

    def load(self) -> tuple[int, Progress]:
        """(generation, state) of the newest slot that holds; (0, empty) where there was never one.

        Raises `SpoolError` when there was one and no slot holds: what was archived is then unknown, and guessing would lose or
        double rows.
        """
        found = [self._slot(path) for path in self._paths]
        good = [slot for slot in found if isinstance(slot, tuple)]
        if good:
            return max(good, key=lambda slot: slot[0])
        if any(slot is False for slot in found) or self._is_there(self._begun):
            raise SpoolError("read the checkpoint", self._begun, cause="none of its slots can be read", hint=STATE_LOST)
        return 0, Progress()

    def was_begun(self) -> bool:
        """Was anything ever committed here?"""
        return self._is_there(self._begun) or self.generation() > 0

    def generation(self) -> int:
        """How many commits the slots have seen, by their headers alone."""
        return max(self._generation_in(path) for path in self._paths)

    def _generation_in(self, path: str) -> int:
        try:
            fd = self._files.open_regular(path)
        except OSError:
            return 0
        try:
            magic, generation, _, _ = SLOT.unpack(read_all(self._files, fd, SLOT.size))
        except (OSError, struct.error):
            return 0
        finally:
            self._files.close(fd)
        return int(generation) if magic == MAGIC else 0

    def _is_there(self, path: str) -> bool:
        try:
            self._files.stat(path)
        except FileNotFoundError:
            return False
        return True

    def forget(self) -> None:
        """Begin again, with what is known to be lost kept beside: rows that were archived may be archived again."""
        for path in (*self._paths, self._begun):
            if self._is_there(path):
                self._files.rename(path, path + ".lost")
        self._files.sync_folder(os.path.dirname(self._begun))

    def _slot(self, path: str) -> tuple[int, Progress] | bool | None:
        """A slot's content, False where it is damaged, None where it was never written."""
        try:
            data = read_file(self._files, path)
        except FileNotFoundError:
            return None
        if not any(data[: SLOT.size]):
            return None
        try:
            magic, generation, length, check = SLOT.unpack_from(data)
            content = data[SLOT.size : SLOT.size + length]
            if magic != MAGIC or crc32(content, generation & 0xFFFF_FFFF) != check:
                return False
            return generation, Progress.unpack(content)
        except (struct.error, ValueError, KeyError, TypeError):
            return False

    def save(self, generation: int, state: Progress) -> None:
        """Durable when this returns. Raises OSError with the other slot as it was."""
        content = state.pack()
        data = SLOT.pack(MAGIC, generation, len(content), crc32(content, generation & 0xFFFF_FFFF)) + content
        path = self._paths[generation % 2]
        fd = self._files.open(path, os.O_RDWR | os.O_CREAT)
        try:
            size = self._files.fstat(fd).st_size
            if size < len(data):
                self._files.allocate(fd, -(-len(data) // SLOT_STEP) * SLOT_STEP)
            write_all(self._files, fd, data, 0)
            self._files.sync(fd)
        finally:
            self._files.close(fd)
        if size == 0:
            self._files.sync_folder(os.path.dirname(path))
        if generation == 1:
            self._mark_begun()

    def _mark_begun(self) -> None:
        """From now on, no slot at all means that they were lost, not that nothing was archived."""
        try:
            replace_file(self._files, self._begun, b"", patient=True)
        except OSError:
            pass  # a full disk must not stop us from freeing it; both slots would have to be lost as well

    def prepare(self, size: int = 1) -> None:
        """Give both slots room for a state of `size` bytes while there is some, so that its commit needs none. Raises OSError."""
        room = -(-(SLOT.size + size) // SLOT_STEP) * SLOT_STEP
        if room <= self._room:
            return
        new = not all(self._is_there(path) for path in self._paths)
        for path in self._paths:
            fd = self._files.open(path, os.O_RDWR | os.O_CREAT)
            try:
                if self._files.fstat(fd).st_size < room:
                    self._files.allocate(fd, room)
            finally:
                self._files.close(fd)
        if new:
            self._files.sync_folder(os.path.dirname(self._begun))
        self._room = room
