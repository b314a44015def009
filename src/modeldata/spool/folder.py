"""Where things are in a spool folder, and what makes a folder fit to be one."""

from __future__ import annotations

import os

from modeldata.errors import SpoolError
from modeldata.interrupts import spare
from modeldata.spool.disk_kind import check_local
from modeldata.spool.files import Files, create_once, make_folders, read_file, replace_file, settle
from modeldata.spool.private import check_own, check_private

SPOOL_FORMAT = 1
SUFFIX = ".seg"


class SpoolFolder:
    """The names in one spool. Opening one checks who owns it and gives it an identity the first time."""

    __slots__ = ("files", "folder", "leader_lock", "leader_note", "quarantine", "segments", "sinks", "spool_id")

    def __init__(self, folder: str, spool_id: bytes, files: Files) -> None:
        self.files = files
        self.folder = folder
        self.spool_id = spool_id
        self.segments = os.path.join(folder, "segments")
        self.sinks = os.path.join(folder, "sinks")
        self.quarantine = os.path.join(folder, "quarantine")
        self.leader_lock = os.path.join(folder, "leader.lock")
        self.leader_note = os.path.join(folder, "leader.json")

    @property
    def spool8(self) -> str:
        """The short name of this spool in the names of files it writes."""
        return self.spool_id.hex()[:8]

    @property
    def flush_request(self) -> str:
        """Touched by a writer that wants its rows archived now."""
        return os.path.join(self.folder, "flush")

    @property
    def starting(self) -> str:
        """Made by a process that is starting a shipper, so that its neighbours do not all do so at once."""
        return os.path.join(self.folder, "starting")

    @property
    def log(self) -> str:
        return os.path.join(self.folder, "shipper.log")

    def segment(self, writer_id: bytes, number: int) -> str:
        return os.path.join(self.segments, f"{writer_id.hex()}-{number:06d}{SUFFIX}")

    def sink(self, key: str) -> str:
        return os.path.join(self.sinks, key)


def segment_name(name: str) -> tuple[bytes, int] | None:
    """(writer id, number) of a file name in `segments/`, None for whatever else lies there."""
    stem, dot, number = name.removesuffix(SUFFIX).partition("-")
    if not name.endswith(SUFFIX) or not dot or len(stem) != 32 or not number.isascii() or not number.isdigit():
        return None
    try:
        return bytes.fromhex(stem), int(number)
    except ValueError:
        return None


def open_place(folder: str, files: Files, random: bytes, now_ns: int, *, allow_network: bool = False) -> SpoolFolder:
    """The spool at `folder`, made if it is not there.

    A spool that is a copy of another gets an id of its own: the two must never append to one file.

    Raises `SpoolError` where the folder belongs to somebody else, can be carried away by others, is a link, can't be made, is
    on a network file system (unless `allow_network`), or holds a format this version does not know.
    """
    try:
        make_folders(files, folder)
        check_private(folder, files)
        folder = _without_links(folder)
        check_local(folder, files, allow_network=allow_network)
        for below in ("segments", "sinks", "quarantine"):
            make_folders(files, os.path.join(folder, below))
            check_own(os.path.join(folder, below), files)
        spool_id = _identify(os.path.join(folder, "spool.json"), files, random, now_ns)
    except OSError as error:
        raise SpoolError(
            "open the spool", folder, cause=str(error), hint="set MODELDATA_SPOOL to a local folder this user can write"
        ) from error
    return SpoolFolder(folder, spool_id, files)


def _without_links(folder: str) -> str:
    """The folder itself may be no link; one above it may, and may lead elsewhere tomorrow: who opened the spool stays with it."""
    above, name = os.path.split(os.path.abspath(folder))
    return os.path.join(os.path.realpath(above), name)


def _identify(path: str, files: Files, random: bytes, now_ns: int) -> bytes:
    import json

    inode = files.stat(os.path.join(os.path.dirname(path), "segments")).st_ino
    try:
        note = json.loads(read_file(files, path, one_name=False))
        return _own(path, note, inode, files)
    except FileNotFoundError:
        pass
    except ValueError as error:
        raise SpoolError(
            "open the spool", path, cause=f"it is not readable ({error})", hint="move the spool folder away"
        ) from error
    note = {"format": SPOOL_FORMAT, "spool": random.hex(), "created_ns": now_ns, "inode": inode}
    settle(files, os.path.dirname(path))  # spool.json is there only when all above it is there for good
    create_once(files, path, json.dumps(note).encode(), random.hex()[:8])  # the first one wins
    return _known(path, json.loads(read_file(files, path, one_name=False)))


def _own(path: str, note: dict[str, object], inode: int, files: Files) -> bytes:
    """The id in `note`; a new one, the same for every process that finds this out, where the folder was copied or restored."""
    spool_id = _known(path, note)
    noted = note.get("inode")
    if noted in (None, inode):
        return spool_id
    import json
    from hashlib import sha256

    fresh = sha256(spool_id + str(inode).encode()).digest()[:16]
    replace_file(files, path, json.dumps({**note, "spool": fresh.hex(), "inode": inode, "copy_of": spool_id.hex()}).encode())
    return fresh


def _known(path: str, note: dict[str, object]) -> bytes:
    version = note.get("format")
    if version != SPOOL_FORMAT:
        raise SpoolError(
            "open the spool",
            path,
            cause=f"its format is {version!r}, this version knows {SPOOL_FORMAT}",
            hint="ship it with the version that wrote it (modeldata ship --drain); nothing was changed",
        )
    return bytes.fromhex(str(note["spool"]))


def note_layout(place: SpoolFolder, wanted: dict[str, str]) -> None:
    """Leave `wanted` (variables) for whoever ships without the service's environment. Nothing depends on it being there."""
    import json

    path = os.path.join(place.folder, "layout.json")
    data = json.dumps(wanted, sort_keys=True).encode()
    files = place.files
    try:
        if read_file(files, path) == data:
            return
    except OSError as error:
        spare(error)  # not there yet
    try:
        replace_file(files, path, data, durable=False)
    except OSError as error:
        spare(error)  # a full disk: the row is what matters


def noted_layout(folder: str, files: Files) -> dict[str, str]:
    """What the service that used the spool last wanted its archive to look like; empty where none said."""
    import json

    try:
        layout = json.loads(read_file(files, os.path.join(folder, "layout.json")))
    except (OSError, ValueError) as error:
        spare(error)
        return {}
    return {str(name): str(value) for name, value in layout.items()} if isinstance(layout, dict) else {}
