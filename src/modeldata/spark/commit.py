"""The driver's side of a call: begin it, archive it as a whole or give it up, and clear what others left.

    begin     the marker says that the call is under way
    commit    attempts that count get the names of data files, then the manifest is put: the switch
    give up   nothing counts; what was written is removed
    settle    the same for a call whose driver is gone, or that can't know how far it came: a manifest without files is put
              where the call's own would be. At most one of the two can ever be there, so all agree on what became of it

A driver that is killed leaves a call that was committed, or one that never will be. `unfinished` lists the latter.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from modeldata.errors import ModelDataError
from modeldata.spark.call import ATTEMPTS, MARKER, given_up, items, noted
from modeldata.spark.errors import UNKNOWN, NotArchived, reworded
from modeldata.spark.move import below, mover_of
from modeldata.spark.task import patiently
from modeldata.spool.files import Files
from modeldata.store import Conflict, open_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.settings import Settings
    from modeldata.ship.outbox import OutboxItem
    from modeldata.spark.call import Call, Written
    from modeldata.spark.move import Mover
    from modeldata.store import Store

ABANDONED_NS = 3 * 24 * 3_600_000_000_000
"""Three days. A call that is older has no driver any more; one that had would find that it was given up, and say so."""


class Unfinished(NamedTuple):
    """A call that began and neither was archived nor given up, as far as its attempts tell. `folder` is where they lie."""

    folder: str
    call: str
    time_ns: int


class Driver:
    """One call, from the side that decides. `store` and `mover` are the archive's; `settings` name exactly one."""

    def __init__(self, call: Call, settings: Settings, store: Store | None = None, mover: Mover | None = None) -> None:
        self.call = call
        self._settings = settings
        self._store = store or open_for(settings, Files())
        self._mover = mover or mover_of(settings)

    def begin(self) -> None:
        """Raises `NotArchived` where the archive can't be written."""
        try:
            patiently(lambda: self._store.put(self.call.marker, self.call.note()))
        except ModelDataError as error:
            raise reworded(error) from None
        except Conflict as error:
            raise NotArchived("begin a call", cause=str(error)) from None

    def commit(self, written: Sequence[Written]) -> int:
        """Archive what the given attempts wrote: all of it, once. The number of rows.

        Raises `NotArchived`, and then nothing of the call is in the archive; with the reason `outcome_unknown`, all or nothing.
        """
        going = items(self.call, self._settings.format, written)
        rows = sum(item.rows for item in going)
        if going:
            try:
                self._move(going)
            except ModelDataError as error:
                self.give_up()
                raise reworded(error) from None
            self._switch(b"".join(item.line() for item in going))
        self._clear(self.call.attempts)
        return rows

    def _move(self, going: Sequence[OutboxItem]) -> None:
        with ThreadPoolExecutor(self._mover.at_once, "modeldata-move") as pool:
            for done in [pool.submit(patiently, partial(self._mover.move, item.staged, item.path)) for item in going]:
                done.result()

    def _switch(self, manifest: bytes) -> None:
        try:
            patiently(lambda: self._store.put(self.call.manifest, manifest))
            return
        except Conflict:
            self.give_up()  # somebody took this call for abandoned, and said so where its manifest would be
            raise NotArchived("archive a Spark frame", self.call.manifest, cause="the call was given up by another") from None
        except ModelDataError as error:
            failed = error
        if not self.settle():
            raise reworded(failed) from None

    def give_up(self) -> None:
        """Remove what was written. Only while the manifest was not tried: nothing can have come of it."""
        self._clear_data()
        self._clear(self.call.attempts)

    def settle(self) -> bool:
        """Was the call archived? If not, it never will be. Its leftovers are removed. Raises `NotArchived`: it can't be told."""
        try:
            patiently(lambda: self._store.put(self.call.manifest, given_up(self.call)))
        except Conflict:
            self._clear(self.call.attempts)
            return True
        except ModelDataError as error:
            raise reworded(error, UNKNOWN) from None
        self.give_up()
        return False

    def _clear_data(self) -> None:
        try:
            folder = below(self._settings, self.call.folder)
            for path in [path for path in folder.walk() if path.startswith(self.call.stem)]:
                folder.remove(path)
        except Exception:  # no manifest tells of them: no reader of ours sees them
            return

    def _clear(self, attempts: str) -> None:
        try:
            self._mover.clear(attempts)
        except Exception:  # what became of the call is decided; a later one looks again
            return


def unfinished(settings: Settings) -> list[Unfinished]:
    """Calls of Spark that left attempts in the archive, by age: under way now, or given up by nobody. Raises `Unavailable`."""
    made = []
    for folder in mover_of(settings).folders(ATTEMPTS):
        time_ns, _, call = folder.partition("-")
        if time_ns.isdigit() and call:
            made.append(Unfinished(f"{ATTEMPTS}/{folder}", call, int(time_ns)))
    return sorted(made, key=lambda one: one.time_ns)


def sweep(settings: Settings, now_ns: int) -> int:
    """Settle and remove calls that are abandoned. How many there were. Raises `Unavailable`, `NotArchived`."""
    swept = 0
    store, mover = open_for(settings, Files()), mover_of(settings)
    for one in unfinished(settings):
        if now_ns - one.time_ns <= ABANDONED_NS:
            break
        marker = f"{one.folder}/{MARKER}"
        if store.length(marker):
            try:
                call = noted(store.read(marker))
            except (ValueError, KeyError, TypeError):
                continue  # not ours to judge
            Driver(call, settings, store, mover).settle()
        mover.clear(one.folder)
        swept += 1
    return swept


def tidy(settings: Settings, now_ns: int) -> None:
    """`sweep`, beside a call that was decided: whatever it meets is no trouble of that one."""
    try:
        sweep(settings, now_ns)
    except Exception:
        return  # the next call looks again
