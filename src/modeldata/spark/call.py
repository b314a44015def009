"""One call of `collect()` on a Spark frame: its identity, and where each of its files goes. Pure; the executors get a copy.

    _attempts/<time>-<call>/call.json                 the driver's word that the call is under way
    _attempts/<time>-<call>/<partition>-<attempt>-<n>.part     what one attempt of one task wrote
    <folder>/data-<call>-<n>.<format>                 the same bytes, once the call is decided to be archived
    <folder>/_manifest/spark-<call>.jsonl             written once: before it, no row is in the archive; after it, all are

Attempts lie where no reader looks: Spark and Hive skip a leading underscore, and `.part` is no data file for anybody's pattern.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from modeldata.format import names
from modeldata.format.manifest import Entry
from modeldata.format.paths import data_file, day_folder, manifest_path
from modeldata.ship.outbox import OutboxItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ATTEMPTS = "_attempts"
MARKER = "call.json"
PARTITION_BITS = 33
"""`$Row` is partition * 2^33 + place in the partition, as Spark's own `monotonically_increasing_id` counts: unique in a call."""
_ID_BYTES = 12
"""Of a call. A writer's id is 16 bytes: the call, and the partition in four."""


class Call(NamedTuple):
    """What driver and executors know of a call. `settings` are environment variables: what an archive is, never a secret.

    `columns`: names as they are stored. `time_ns`, `correlation`, `request`: the same for all rows.
    """

    id: str
    time_ns: int
    identity: dict[str, str]
    correlation: str
    request: str
    columns: tuple[str, ...]
    settings: dict[str, str]
    folder: str

    @property
    def attempts(self) -> str:
        return f"{ATTEMPTS}/{self.time_ns}-{self.id}"

    @property
    def marker(self) -> str:
        return f"{self.attempts}/{MARKER}"

    @property
    def manifest(self) -> str:
        return manifest_path(self.folder, f"spark-{self.id}")

    @property
    def stem(self) -> str:
        """What the names of its data files begin with."""
        return f"data-{self.id}-"

    def attempt(self, partition: int, attempt: int, number: int) -> str:
        """The `number`-th file of one attempt of a task. No two attempts share a name."""
        return f"{self.attempts}/{partition}-{attempt}-{number}.part"

    def writer(self, partition: int) -> str:
        """Each partition is a writer of its own: it numbers its rows from 0 without knowing of the others."""
        return self.id + partition.to_bytes(4, "big").hex()

    def marker_content(self) -> bytes:
        """The content of the marker: enough to settle the call without its driver."""
        known = {"identity": self.identity, "folder": self.folder, "time_ns": self.time_ns, "call": self.id}
        return json.dumps(known, sort_keys=True).encode() + b"\n"


def new_call(
    identity: Mapping[str, str],
    columns: Sequence[str],
    settings: Mapping[str, str],
    *,
    time_ns: int,
    hour_folders: bool,
    correlation: str = "",
    request: str = "",
) -> Call:
    """A call that nobody else has the name of."""
    folder = day_folder(identity, time_ns, hour_folders)
    id_ = os.urandom(_ID_BYTES).hex()
    request = request or names.ZERO_GUID
    return Call(id_, time_ns, dict(identity), correlation, request, tuple(columns), dict(settings), folder)


def call_from_marker(content: bytes) -> Call:
    """A call as its marker tells of it: what it takes to settle it. Raises ValueError, KeyError."""
    known = json.loads(content)
    return Call(known["call"], int(known["time_ns"]), dict(known["identity"]), "", "", (), {}, known["folder"])


class AttemptFile(NamedTuple):
    """A file of an attempt: where it is, its length, the bytes of its header, checksum and SHA-256 of the rest, what it holds."""

    path: str
    size: int
    head: int
    crc: int
    sha256: str
    entry: Entry

    def pack(self) -> str:
        return json.dumps([*self[:-1], self.entry.as_dict()])

    @classmethod
    def unpack(cls, text: str) -> AttemptFile:
        *fields, entry = json.loads(text)
        return cls(*[*fields, Entry.of(entry)])


def items(call: Call, file_format: str, written: Iterable[AttemptFile]) -> list[OutboxItem]:
    """Each file with its place in the archive and its line in the manifest, by partition."""
    batches = []
    for number, file in enumerate(sorted(written, key=lambda file: _place(file.path)), 1):
        path = f"{call.folder}/{data_file(file_format, call.id, number)}"
        entry = file.entry._replace(batch=f"{call.id}-{number}")
        batches.append(OutboxItem(path, 0, 0, file.head, file.size, file.crc, entry, call.manifest, 0, True, file.path))
    return batches


def _place(attempt: str) -> tuple[int, int]:
    partition, _, number = attempt.rpartition("/")[2].removesuffix(".part").split("-")
    return int(partition), int(number)


def given_up(call: Call) -> bytes:
    """A manifest without files. Where it is put, the call's own manifest can never be written."""
    return Entry(call.identity, batch=call.id, given_up=True).line()
