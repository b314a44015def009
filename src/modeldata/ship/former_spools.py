"""Spools that nobody tends any more: the archive is spelled, ordered or grouped in another way now, or is another one.

Rows that were accepted for an archive go to that archive, for as long as it can be found: where it was, or by its inode or its id
at a place that the settings name. Looked for are the folders beside the archives of the settings, those under the same root, and
those that this user had before (`modeldata.spool.register`). A remote archive is shipped to only if the settings name it: whether
our credentials are for another one is not known.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

from modeldata import urls
from modeldata.errors import ModelDataError
from modeldata.settings import Settings
from modeldata.settings.archives import key_of
from modeldata.settings.folders import SPOOL_PREFIX, state_folder_if_any, user_name
from modeldata.ship.checkpoint import Progress
from modeldata.ship.sinks import sinks_of, state_of, state_under
from modeldata.ship.watch import count, look
from modeldata.spool.folder import SUFFIX, noted_layout, open_place
from modeldata.spool.location import locate_spool
from modeldata.spool.private import owner_of
from modeldata.spool.register import inode_of, noted_archives, remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder

MOST = 256
"""Folders that are looked at."""
QUIET_NS = 60_000_000_000
"""A spool of other archives is left alone for so long after its last segment was made: its own service may come back."""
MOST_ORDERS = 4
"""Archives of which every order is tried, for spools of a version that left no note."""


class FormerSpool(NamedTuple):
    """A spool in which segments wait. `settings` name those of its archives that were found; None where none was.

    ours: it shares an archive with the settings that it was looked for with. missing: archives that were not found.
    """

    place: SpoolFolder
    settings: Settings | None
    ours: bool
    missing: tuple[str, ...]


def former_spools(settings: Settings, own: str, files: Files, env: Mapping[str, str]) -> list[FormerSpool]:
    """Every spool but `own` in which something waits and nobody writes."""
    by_inode: dict[int, FormerSpool] = {}
    ours = _inode(own, files)
    for folder in itertools.islice(_folders(settings, files, env), MOST):
        inode = _inode(folder, files)
        if inode is None or inode == ours or inode in by_inode or not _waits(folder, files):
            continue
        try:
            former = _former(folder, settings, files, env)
        except (ModelDataError, OSError, ValueError):
            continue  # not ours to use
        if former is not None:
            by_inode[inode] = former
    return list(by_inode.values())


def pending_rows(former: FormerSpool, files: Files) -> int:
    """How many rows wait in a spool, for the archive for which most do."""
    place, settings = former.place, former.settings
    archives = [settings.only(url) for url in settings.archives] if settings is not None else []
    states = [state_of(place, one, files) for one in archives] + [state_under(place, url, files) for url in former.missing]
    return max(count(place, state, files).rows for state in states)


def pending_of_ours(settings: Settings, own: str, files: Files, env: Mapping[str, str]) -> int:
    """Rows for archives of these settings that wait in spools that nobody tends."""
    return sum(pending_rows(former, files) for former in former_spools(settings, own, files, env) if former.ours)


def beyond_reach(settings: Settings, files: Files) -> str | None:
    """What to do about rows of these archives in places that are not used: others could carry them away, or they are another
    user's. None: none wait."""
    location = locate_spool(settings, files, os.environ)
    found = [f"rows may wait in {folder}: user id {owner} has to ship them" for folder, owner in _of_others(settings, files)]
    if location.unsafe and settings.spool is None and _waits(location.unsafe, files):
        found.append(f"rows wait in {location.unsafe} until it is safe: {location.note}")
    return "; ".join(found) or None


def _of_others(settings: Settings, files: Files) -> Iterator[tuple[str, int]]:
    """Folders of other users for these archives, under the root that was named, in which rows wait or nobody here can look."""
    key = settings.spool_key()
    for name in _listed(settings.spool, files) if settings.spool else ():
        folder = os.path.join(settings.spool or "", name)
        owner = owner_of(folder, files) if name.partition("-")[0] == key else None
        if owner is not None and owner != files.user() and _may_wait(folder, files):
            yield folder, owner


def _may_wait(folder: str, files: Files) -> bool:
    try:
        return any(name.endswith(SUFFIX) for name in files.listdir(os.path.join(folder, "segments")))
    except PermissionError:
        return True
    except OSError:
        return False


def _inode(folder: str, files: Files) -> int | None:
    try:
        return files.stat(os.path.join(folder, "segments")).st_ino
    except OSError:
        return None


def _waits(folder: str, files: Files) -> bool:
    return any(name.endswith(SUFFIX) for name in _listed(os.path.join(folder, "segments"), files))


def _listed(folder: str, files: Files) -> list[str]:
    try:
        return files.listdir(folder)
    except OSError:
        return []


def _folders(settings: Settings, files: Files, env: Mapping[str, str]) -> Iterator[str]:
    state = state_folder_if_any(env)
    for url in settings.archives:
        folder = None if urls.scheme_of(url) else urls.local_folder(url)
        if folder:
            yield os.path.join(folder, SPOOL_PREFIX + user_name(env))
    yield from settings.spool_folders(env)
    for root in (settings.spool, state):
        if root:
            yield from (os.path.join(root, name) for name in _listed(root, files))
    if state:
        yield from reversed(remembered(state, files))


def _former(folder: str, settings: Settings, files: Files, env: Mapping[str, str]) -> FormerSpool | None:
    place = open_place(folder, files, bytes(16), 0, allow_network=settings.allow_network_spool)
    if look(place, Progress(), files).alive:
        return None
    noted = noted_archives(place.folder, files) or [(url, None) for url in _guessed(place, settings, files)]
    ids = {sink.url: sink.id for sink in sinks_of(place, files).values()}
    places = {url: _found(url, inode, ids.get(url, ""), settings, files) for url, inode in noted}
    there = [url for url in places.values() if url is not None]
    said = settings.variables(name for name, origin in settings.origin.items() if origin != "default")
    wanted = {**env, **said, **noted_layout(place.folder, files)}
    made = Settings.build(wanted, archive=there, spool=os.path.dirname(place.folder)) if there else None
    missing = tuple(url for url, now in places.items() if now is None)
    ours = bool({*places, *there} & {*settings.archives})
    return FormerSpool(place, made, ours, missing) if noted else None


def _guessed(place: SpoolFolder, settings: Settings, files: Files) -> tuple[str, ...]:
    """Which archives a spool is for that an earlier version made: those that give it its name, or a place beside one of them."""
    archives = settings.archives[:MOST_ORDERS]
    beside, name = os.path.split(place.folder)
    if name.startswith(SPOOL_PREFIX):
        return (urls.listable(beside),)
    for size in range(1, len(archives) + 1):
        for order in itertools.permutations(archives, size):
            if key_of(urls.SEPARATOR.join(order)) == name:
                return order
    return ()


def _found(url: str, inode: int | None, known_id: str, settings: Settings, files: Files) -> str | None:
    """Where an archive is now."""
    if urls.scheme_of(url):
        return url if url in settings.archives else None
    now = inode_of(url, files)
    for other in settings.archives:
        if inode_of(other, files) == (inode or now) is not None:
            return other
    if now is not None and inode in (None, now):
        return url
    for other in (url, *settings.archives):
        if known_id and _id_of(other, files) == known_id:
            return other
    never_there = inode is None and not known_id
    return url if never_there and os.path.isdir(os.path.dirname(urls.local_folder(url) or "")) else None


def _id_of(url: str, files: Files) -> str | None:
    from modeldata.store.archive_id import id_of_folder

    folder = None if urls.scheme_of(url) else urls.local_folder(url)
    return id_of_folder(folder, files) if folder else None


def is_quiet(former: FormerSpool, files: Files, now_ns: int) -> bool:
    """May it be shipped by us? At once where it is for our own archives."""
    if former.ours:
        return True
    newest = max((_time(os.path.join(former.place.segments, name), files) for name in _names(former, files)), default=0)
    return now_ns - newest > QUIET_NS


def _names(former: FormerSpool, files: Files) -> Iterable[str]:
    return (name for name in _listed(former.place.segments, files) if name.endswith(SUFFIX))


def _time(path: str, files: Files) -> int:
    try:
        return files.stat(path).st_mtime_ns
    except OSError:
        return 0
