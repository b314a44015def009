"""The driver's side of a call: begin it, archive it as a whole or give it up, and clear what others left.

    begin     the marker says that the call is under way
    commit    attempts that count get the names of data files, then the manifest is put: the switch
    give up   nothing counts; what was written is removed
    settle    the same for a call without its driver, or that can't know how far it came: a manifest without files is put
              where the call's own would be. At most one of the two can ever be there, so all agree on what became of it

A driver that is killed leaves a call that was committed, or one that never will be. `uncommitted_calls` lists the latter.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from modeldata.errors import ModelDataError, SettingsError
from modeldata.format.head import Record, entry_hash, note_of
from modeldata.ship.heads import leave_record, only_record
from modeldata.ship.publish import PublishedHead, publish
from modeldata.ship.signing import signer_for
from modeldata.spark.call import ATTEMPTS, MARKER, call_from_marker, given_up, items
from modeldata.spark.errors import UNKNOWN, NotArchived, not_archived, warn
from modeldata.spark.task import with_retries
from modeldata.spool.files import Files
from modeldata.store import Conflict, Unavailable, open_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.settings import Settings
    from modeldata.ship.outbox import OutboxItem
    from modeldata.spark.call import AttemptFile, Call
    from modeldata.store import Store

AT_ONCE = 8
"""Copies under way at a time."""
ABANDONED_NS = 3 * 24 * 3_600_000_000_000
"""Three days. An older call has no driver any more. If it had, that driver would find the call given up, and say so."""


class UncommittedCall(NamedTuple):
    """A call that left attempts: it began, and may be neither archived nor given up. `folder` holds its attempts."""

    folder: str
    call: str
    time_ns: int


class Driver:
    """One call, from the side that decides. `store` is the archive's; `settings` name exactly one."""

    def __init__(self, call: Call, settings: Settings, store: Store | None = None, at_once: int = AT_ONCE) -> None:
        self.call = call
        self._at_once = at_once
        self._settings = settings
        self._store = store or open_for(settings, Files())

    def begin(self) -> Call:
        """The call, with the folder that this archive has for it. Raises `NotArchived` where the archive can't be written."""
        try:
            self.call = self.call._replace(folder=with_retries(lambda: self._store.own_folder(self.call.folder)))
            with_retries(lambda: self._store.put(self.call.marker, self.call.marker_content()))
        except ModelDataError as error:
            raise not_archived(error) from None
        except Conflict as error:
            raise NotArchived("begin a call", cause=str(error)) from None
        return self.call

    def commit(self, written: Sequence[AttemptFile]) -> int:
        """Archive what the given attempts wrote: all of it, once. The number of rows.

        Raises `NotArchived`, and then nothing of the call is in the archive; with the reason `outcome_unknown`, all or nothing.
        """
        batches = items(self.call, self._settings.format, written)
        rows = sum(batch.rows for batch in batches)
        if batches:
            try:
                self._copy(batches)
            except ModelDataError as error:
                self.give_up()
                raise not_archived(error) from None
            self._switch(b"".join(batch.line() for batch in batches))
            self._record(batches, {file.path: file.sha256 for file in written})
        self._clear(self.call.attempts)
        return rows

    def _copy(self, batches: Sequence[OutboxItem]) -> None:
        """Inside the store: no byte passes through the driver."""
        with ThreadPoolExecutor(self._at_once, "modeldata-copy") as pool:
            copies = [pool.submit(with_retries, partial(self._store.copy, batch.staged, batch.path)) for batch in batches]
            for copy in copies:
                copy.result()

    def _switch(self, manifest: bytes) -> None:
        try:
            with_retries(lambda: self._store.put(self.call.manifest, manifest))
            return
        except Conflict:
            self.give_up()  # somebody took this call for abandoned, and said so where its manifest would be
            raise NotArchived("archive a Spark frame", self.call.manifest, cause="the call was given up by another") from None
        except ModelDataError as error:
            failed = error
        if not self.settle():
            raise not_archived(failed) from None

    def _record(self, batches: Sequence[OutboxItem], hashes: dict[str, str]) -> None:
        """In a log of its own (see `modeldata.format.head`). The rows count already, with a signature or without."""
        try:
            signer = signer_for(self._settings, Files())
        except SettingsError:
            signer = None
        lines = {item.entry.batch: [hashes[item.staged], entry_hash(item.placed_entry().as_dict())] for item in batches}
        record = Record(0, self.call.time_ns, batches=lines)
        line = only_record(self.call.id, record, signer)
        if leave_record(self._store, self.call.id, line):
            publish(self._settings, Files(), warn, PublishedHead(self.call.id, 1, note_of(line)))

    def give_up(self) -> None:
        """Remove what was written. Only while the manifest was not tried: nothing can have come of it."""
        self._clear_data()
        self._clear(self.call.attempts)

    def settle(self) -> bool:
        """Was the call archived? If not, it never will be. Its leftovers are removed. Raises `NotArchived` where nobody knows."""
        try:
            with_retries(lambda: self._store.put(self.call.manifest, given_up(self.call)))
        except Conflict:
            self._clear(self.call.attempts)
            return True
        except ModelDataError as error:
            raise not_archived(error, UNKNOWN) from None
        self.give_up()
        return False

    def _clear_data(self) -> None:
        try:
            for path in [path for path in self._store.walk(self.call.folder) if _name(path).startswith(self.call.stem)]:
                self._store.remove(path)
        except Exception:  # no manifest names them, so no reader of ours sees them
            return

    def _clear(self, attempts: str) -> None:
        try:
            self._store.clear(attempts)
        except Exception:  # what became of the call is decided; a later one looks again
            return


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def uncommitted_calls(store: Store) -> list[UncommittedCall]:
    """Calls of Spark that left attempts in the archive, by age: under way now, or given up by nobody. Raises `Unavailable`."""
    folders: set[str] = set()

    def note(folder: str) -> bool:
        folders.add(folder)
        return False

    for path in store.walk(ATTEMPTS, note):  # a store that lists by name asks about no folder
        folders.add(path.rpartition("/")[0])
    calls = []
    for folder in folders:
        time_ns, _, call = _name(folder).partition("-")
        if time_ns.isdigit() and call:
            calls.append(UncommittedCall(folder, call, int(time_ns)))
    return sorted(calls, key=lambda call: call.time_ns)


def sweep(settings: Settings, now_ns: int) -> int:
    """Settle and remove calls that are abandoned. How many there were. One that can't be removed now stops no other.

    Raises `Unavailable` and `NotArchived`: the first trouble of a single call only after all others were looked at.
    """
    swept, troubles = 0, list[Unavailable]()
    store = open_for(settings, Files())
    for left in uncommitted_calls(store):
        if now_ns - left.time_ns <= ABANDONED_NS:
            break
        try:
            swept += _settle(left, settings, store)
        except Unavailable as error:
            if not error.path_only:
                raise
            troubles.append(error)
    if troubles:
        raise troubles[0]
    return swept


def _settle(left: UncommittedCall, settings: Settings, store: Store) -> bool:
    """False: its marker is none of ours, and not ours to judge."""
    marker = f"{left.folder}/{MARKER}"
    if store.length(marker):
        try:
            call = call_from_marker(store.read(marker))
        except (ValueError, KeyError, TypeError):
            return False
        Driver(call, settings, store).settle()
    store.clear(left.folder)
    return True


def sweep_quietly(settings: Settings, now_ns: int) -> None:
    """`sweep` after a call was decided: an error here is no error of that call."""
    try:
        sweep(settings, now_ns)
    except Exception:
        return  # the next call looks again
