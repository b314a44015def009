"""Records of what was archived, and the signed heads of the logs they are in. Pure. The one place for this format.

A log is a list of records. Each shipper has one for each archive, each run of `compact`, `erase` or `prune` has one of its own.
A record is one line of JSON. Records are the leaves of a Merkle tree (RFC 9162): its root changes with any byte of any of them.
A head is a C2SP checkpoint (https://c2sp.org/tlog-checkpoint): the log's name, how many records it has, and the root. Whoever
has a head can tell whether a log still has the records that it had, as they were. docs/data-layout.md says what each field means.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FOLDER = "_heads"
"""At an archive's root. A leading underscore is what Spark and Hive skip."""
ORIGIN = "modeldata/"
"""Begins the origin of each log; its name follows."""
_PLACE = ("file", "offset", "bytes")
"""Where a batch lies in a file, as its manifest line says: it may change before the batch lands."""
_ED25519 = 1
_DASH = "\u2014 "


def log_path(log: str) -> str:
    """The file of a log where files grow. What follows a dot or `~` after the log's name is a file that goes on with it."""
    return f"{FOLDER}/{log}.jsonl"


def record_path(log: str, number: int) -> str:
    """The file of one record where files don't grow. Readers take a record's place from its head, not from its file."""
    return f"{FOLDER}/{log}-{number}.jsonl"


def note_name(log: str, size: int) -> str:
    """The file of a head in a second place. Each is put before an older one goes; some stores keep them all."""
    return f"{log}-{size}.note"


class WriterRecord(NamedTuple):
    """What was seen of a writer. `accepted`: stream of a collector → how many numbers it gave so far."""

    started_ns: int
    alive_ns: int
    ended: bool
    accepted: dict[str, int]


class Record(NamedTuple):
    """One leaf. A field that says nothing is not written.

    `batches`: id → [SHA-256 of the row bytes, `entry_hash` of the manifest line]; of a note without rows the first is empty. A
    later record of one id counts. `ends`: stream of a collector → writer → its highest number so far; only those that changed.
    `parked`: batches of this record or of earlier ones that are not in the archive yet. `landed`: batches that were parked and
    are there now. `replaces`: batches that count no more. `pruned`: folders that were removed.
    """

    round: int
    time_ns: int
    spool: str = ""
    host: str = ""
    folder: str = ""
    batches: dict[str, list[str]] = {}  # noqa: RUF012 - never changed
    ends: dict[str, dict[str, int]] = {}  # noqa: RUF012 - never changed
    parked: list[str] = []  # noqa: RUF012 - never changed
    landed: list[str] = []  # noqa: RUF012 - never changed
    writers: dict[str, WriterRecord] = {}  # noqa: RUF012 - never changed
    replaces: list[str] = []  # noqa: RUF012 - never changed
    pruned: list[str] = []  # noqa: RUF012 - never changed
    others: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def leaf(self) -> bytes:
        """The record as a line without its end. Always the same bytes."""
        content: dict[str, Any] = {"round": self.round, "time_ns": self.time_ns}
        content |= {name: value for name in _OPTIONAL if (value := getattr(self, name))}
        if self.writers:
            content["writers"] = {writer: record._asdict() for writer, record in self.writers.items()}
        return _canonical({**content, **self.others})

    @classmethod
    def of(cls, leaf: bytes | str) -> Record:
        """Raises ValueError where it is no record."""
        try:
            return _record(json.loads(leaf))
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


_LISTS = ("parked", "landed", "replaces", "pruned")
_OPTIONAL = ("spool", "host", "folder", "batches", "ends", *_LISTS)


def _record(content: Mapping[str, Any]) -> Record:
    texts: dict[str, Any] = {name: str(content.get(name, "")) for name in ("spool", "host", "folder")}
    lists: dict[str, Any] = {name: [str(item) for item in content.get(name, ())] for name in _LISTS}
    hashes = {str(batch): [str(rows), str(entry)] for batch, (rows, entry) in content.get("batches", {}).items()}
    return Record(
        int(content["round"]),
        int(content["time_ns"]),
        **texts,
        **lists,
        batches=hashes,
        ends={str(stream): _numbers(ends) for stream, ends in content.get("ends", {}).items()},
        writers={str(writer): _writer(record) for writer, record in content.get("writers", {}).items()},
        others={name: value for name, value in content.items() if name not in Record._fields},
    )


def _writer(content: Mapping[str, Any]) -> WriterRecord:
    started, alive = int(content["started_ns"]), int(content["alive_ns"])
    return WriterRecord(started, alive, bool(content["ended"]), _numbers(content["accepted"]))


def _numbers(content: Mapping[str, Any]) -> dict[str, int]:
    return {str(key): int(number) for key, number in content.items()}


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def entry_hash(line: Mapping[str, Any]) -> str:
    """Of the JSON object of a manifest line, without where in a file its rows are."""
    return sha256(_canonical({name: value for name, value in line.items() if name not in _PLACE})).hexdigest()


class Tree(NamedTuple):
    """A Merkle tree that only grows: its size, and the roots of its whole subtrees, the largest first."""

    size: int = 0
    subtrees: tuple[bytes, ...] = ()

    def plus(self, leaf: bytes) -> Tree:
        node, subtrees, size = sha256(b"\0" + leaf).digest(), list(self.subtrees), self.size
        while size & 1:
            node, size = _parent(subtrees.pop(), node), size >> 1
        return Tree(self.size + 1, (*subtrees, node))

    def root(self) -> bytes:
        if not self.subtrees:
            return sha256().digest()
        *others, root = self.subtrees
        for left in reversed(others):
            root = _parent(left, root)
        return root


def tree_of(leaves: Iterable[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree = tree.plus(leaf)
    return tree


def _parent(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class PublicKey(NamedTuple):
    """An Ed25519 key that checks signatures, with the name that signature lines have."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.key)

    def text(self) -> str:
        """As others read it: `<name>+<id>+<key>` (https://c2sp.org/signed-note)."""
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([_ED25519]) + self.key).decode()}"

    @classmethod
    def of(cls, text: str) -> PublicKey:
        """Raises ValueError where it is no such key."""
        name, key = _key(text.strip())
        if key_id(name, key).hex() != text.strip().split("+")[1]:
            raise ValueError("the key's id does not belong to it")
        return cls(name, key)


def key_id(name: str, key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([_ED25519]) + key).digest()[:4]


def private_key(text: str) -> tuple[str, bytes]:
    """(name, seed) of `PRIVATE+KEY+<name>+<id>+<key>`. Raises ValueError, without a word of what it is."""
    begins = "PRIVATE+KEY+"
    if not text.startswith(begins):
        raise ValueError(f"it does not begin with {begins}")
    return _key(text.removeprefix(begins).strip())


def _key(text: str) -> tuple[str, bytes]:
    """(name, 32 bytes) of `<name>+<id>+<base64>`."""
    try:
        name, _, encoded = text.split("+", 2)
        data = b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError("it is not <name>+<id>+<base64>") from None
    if not is_key_name(name) or len(data) != 33 or data[0] != _ED25519:
        raise ValueError("it is not an Ed25519 key of 32 bytes with a name")
    return name, data[1:]


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


class Signer(NamedTuple):
    """Who signs heads. `sign` gives the Ed25519 signature of bytes."""

    public: PublicKey
    sign: Callable[[bytes], bytes]


class Head(NamedTuple):
    """What is true of a log with `size` records."""

    log: str
    size: int
    root: bytes

    def body(self) -> str:
        """The text that is signed."""
        return f"{ORIGIN}{self.log}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def note(self, signer: Signer | None = None) -> str:
        """The head as a signed note; without a signer it has no signature."""
        if signer is None:
            return f"{self.body()}\n"
        signature = signer.public.id + signer.sign(self.body().encode())
        return f"{self.body()}\n{_DASH}{signer.public.name} {b64encode(signature).decode()}\n"


def head_of(log: str, tree: Tree) -> Head:
    return Head(log, tree.size, tree.root())


class SignedHead(NamedTuple):
    """A head that was read. `body` is what was signed; `signatures` has (name, key id, signature) of each line."""

    head: Head
    body: str
    signatures: list[tuple[str, bytes, bytes]]

    @classmethod
    def of(cls, note: str) -> SignedHead:
        """Raises ValueError where it is no head of ours. Lines after the root, and signatures by others, are allowed."""
        body, blank, signatures = note.rpartition("\n\n")
        origin, size, root, *_ = [*body.split("\n"), "", "", ""]
        digest = b64decode(root, validate=True)
        if not blank or not origin.startswith(ORIGIN) or len(digest) != 32 or not size.isdecimal() or str(int(size)) != size:
            raise ValueError("not a head of modeldata")
        lines = [_signature(line) for line in signatures.split("\n")[:-1]]
        return cls(Head(origin.removeprefix(ORIGIN), int(size), digest), body + "\n", lines)

    def by(self, key: PublicKey) -> list[bytes]:
        """Signatures that say they are by this key."""
        return [signature for name, found, signature in self.signatures if (name, found) == (key.name, key.id)]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    data = b64decode(encoded, validate=True)
    if not line.startswith(_DASH) or not is_key_name(name) or len(data) <= 4:
        raise ValueError("not a signature line")
    return name, data[:4], data[4:]


def log_line(leaf: bytes, note: str) -> bytes:
    """A record and the head after it, as a line of the log's file."""
    return _canonical({"head": note, "leaf": leaf.decode()}) + b"\n"


def note_of(line: bytes) -> str:
    """The head in such a line, as it was signed."""
    return str(json.loads(line)["head"])


def read_line(line: bytes | str) -> tuple[bytes, SignedHead]:
    """(leaf, head after it). Raises ValueError where it is no such line."""
    try:
        content = json.loads(line)
        leaf, note = content["leaf"], content["head"]
        if not isinstance(leaf, str) or not isinstance(note, str):
            raise ValueError("its parts are not text")
        return leaf.encode(), SignedHead.of(note)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
