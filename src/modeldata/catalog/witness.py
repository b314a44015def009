"""What is known of an archive besides the archive itself: heads that were kept elsewhere, a public key, spools of this host."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from modeldata import urls
from modeldata.catalog.errors import need
from modeldata.errors import ModelDataError, SettingsError
from modeldata.format.head import Head, PublicKey, SignedHead, Tree
from modeldata.settings.folders import SPOOL_PREFIX
from modeldata.ship.checkpoint import Checkpoint, Progress
from modeldata.ship.parked import parked_rows
from modeldata.ship.signing import PEM_NAME
from modeldata.ship.sinks import sinks_of
from modeldata.ship.watch import count
from modeldata.spool.files import read_file
from modeldata.spool.folder import SpoolFolder
from modeldata.store.archive_id import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modeldata.catalog.ledger import Ledger
    from modeldata.spool.files import Files
    from modeldata.store import ReadStore

IN_A_LOG = "head: "
"""Stands before a head, as a JSON string, in the log of a shipper."""


class Key(NamedTuple):
    """A public key. `verifies(signature, text)`: did it sign this?"""

    public: PublicKey
    verifies: Callable[[bytes, bytes], bool]

    def signed(self, head: SignedHead) -> bool:
        return any(self.verifies(signature, head.body.encode()) for signature in head.by(self.public))


class SpoolView(NamedTuple):
    """What a spool on this host knows. `head`: None where it keeps none. `ends`: as in a ledger. `rows`: how many wait."""

    folder: str
    id: str
    head: Head | None
    ends: dict[tuple[str, str], int]
    rows: int


class SpoolsSeen(NamedTuple):
    """`gone`: spools that heads place on this host and that are not there, in words. `denied`: those that can't be looked at."""

    views: list[SpoolView] = []  # noqa: RUF012 - never changed
    gone: list[str] = []  # noqa: RUF012 - never changed
    denied: list[str] = []  # noqa: RUF012 - never changed


class Witness(NamedTuple):
    """All of it. `spools` looks at those that a ledger tells of, among others."""

    heads: list[SignedHead] = []  # noqa: RUF012 - never changed
    key: Key | None = None
    spools: Callable[[Ledger], SpoolsSeen] = lambda ledger: SpoolsSeen()


def key_of(text: str, files: Files) -> Key:
    """A public key: `name+id+key`, PEM, or the path of a file with either. Raises `SettingsError`, `MissingExtra`."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise need("cryptography", "sign", "check signatures") from None
    try:
        content = read_file(files, text).decode() if os.path.exists(text) else text
        if content.lstrip().startswith("-----BEGIN"):
            loaded = load_pem_public_key(content.encode())
            if not isinstance(loaded, Ed25519PublicKey):
                raise ValueError("a key of another kind")
            public = PublicKey(PEM_NAME, loaded.public_bytes_raw())
        else:
            public = PublicKey.of(content)
        checker = Ed25519PublicKey.from_public_bytes(public.key)
    except (ValueError, OSError) as error:
        hint = "give name+id+key, a PEM public key, or the path of a file with either"
        raise SettingsError("read the public key", cause=str(error), hint=hint) from None

    def verifies(signature: bytes, body: bytes) -> bool:
        try:
            checker.verify(signature, body)
        except InvalidSignature:
            return False
        return True

    return Key(public, verifies)


def heads_in(texts: Iterable[str]) -> list[SignedHead]:
    """Heads in texts: each is a note, or a shipper's log with notes in its lines. Raises ValueError where there is none."""
    heads: list[SignedHead] = []
    for text in texts:
        logged = [line.partition(IN_A_LOG)[2] for line in text.splitlines() if IN_A_LOG in line]
        heads += [SignedHead.of(note) for note in map(json.loads, logged)] if logged else [SignedHead.of(text)]
    if not heads:
        raise ValueError("there is no head")
    return heads


def heads_at(place: str, open_place: Callable[[str], ReadStore], files: Files) -> list[SignedHead]:
    """Heads that were kept at a URL, in a folder (`*.note`) or in a file. Raises `SettingsError`, `StoreError`."""
    try:
        folder = None if urls.scheme_of(place) else urls.local_folder(place)
        if folder and os.path.isfile(folder):
            return heads_in([read_file(files, folder, one_name=False).decode()])
        store = open_place(place)
        return heads_in([store.read(path).decode() for path in store.walk() if path.endswith(".note")])
    except (ValueError, OSError) as error:
        if isinstance(error, ModelDataError):
            raise
        hint = "give a head's file, a log with heads, or the folder or URL that MODELDATA_HEADS names"
        raise SettingsError("read heads", place, cause=str(error), hint=hint) from None


def spool_looker(
    archive: str, store: ReadStore, files: Files, host: str, named: Iterable[str], usual: str
) -> Callable[[Ledger], SpoolsSeen]:
    """Looks at the spools of one archive: those `named`, those beside it, and those that its heads place on this host.

    usual: where a spool of this archive would be; there need not be one.
    """

    def look(ledger: Ledger) -> SpoolsSeen:
        archive_id = _archive_id(store)
        here = [(folder, spool) for there, folder, spool in dict.fromkeys(ledger.places()) if there == host]
        views: dict[str, SpoolView] = {}
        denied: dict[str, str] = {}
        for folder in dict.fromkeys([*named, usual, *_beside(archive, files), *(folder for folder, _ in here)]):
            try:
                view = _view(folder, archive_id, archive, files)
                views.setdefault(view.id, view)
            except (ModelDataError, OSError, ValueError, KeyError) as error:
                if folder in named:
                    hint = "give the folder of a spool; `modeldata status` names it"
                    raise SettingsError("look at the spool", folder, cause=str(error), hint=hint) from None
                if not isinstance(error, FileNotFoundError | NotADirectoryError):
                    denied[folder] = f"the spool {folder} can't be looked at: {error}"
        gone = [
            f"the spool {folder} of this host is gone: whether rows waited in it, which are lost then, is not known"
            for folder, spool in here
            if spool not in views and folder not in denied
        ]
        return SpoolsSeen(list(views.values()), gone, list(denied.values()))

    return look


def _archive_id(store: ReadStore) -> str:
    try:
        return str(json.loads(store.read(NAME))["id"])
    except (ModelDataError, ValueError, KeyError, TypeError):
        return ""


def _beside(archive: str, files: Files) -> list[str]:
    folder = None if urls.scheme_of(archive) else urls.local_folder(archive)
    try:
        names = files.listdir(folder) if folder else []
    except OSError:
        return []
    return [os.path.join(str(folder), name) for name in names if name.startswith(SPOOL_PREFIX)]


def _view(folder: str, archive_id: str, archive: str, files: Files) -> SpoolView:
    """Reads only. Raises OSError, ValueError, KeyError, `SpoolError`."""
    spool = str(json.loads(read_file(files, os.path.join(folder, "spool.json"), one_name=False))["spool"])
    place = SpoolFolder(folder, bytes.fromhex(spool), files)
    state = Progress()
    for name, sink in sinks_of(place, files).items():
        if archive_id == sink.id if sink.id else archive == sink.url:
            state = Checkpoint(place.sink(name), files).load()[1]
            state.parked = parked_rows(place.sink(name), files)
    ends = {
        (collector, writer.hex()): following - 1
        for writer, streams in state.sequences.items()
        for collector, following in streams.items()
        if following
    }
    return SpoolView(folder, spool, _head_of(state), ends, count(place, state, files).rows)


def _head_of(state: Progress) -> Head | None:
    log = state.heads
    return Head(log.name, log.size, Tree(log.size, log.subtrees).root()) if log.size else None
