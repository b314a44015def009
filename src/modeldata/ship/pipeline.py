"""One round after another: gather, encode, freeze, send, commit. On plain state: no thread, no waiting."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from modeldata.encode import format_of
from modeldata.errors import ModelDataError, SpoolError, StoreError
from modeldata.ship import quarantine
from modeldata.ship.batch import BatchFormat, UndecodableCall
from modeldata.ship.checkpoint import DONE, STATE_LOST, Checkpoint, HeadLog, Progress
from modeldata.ship.deadly_rounds import DeadlyRounds
from modeldata.ship.definitions import ArchiveLayout
from modeldata.ship.entries import loss_note, named, refusal_note, take_refusals
from modeldata.ship.gather import DROP_OLDEST, Gatherer
from modeldata.ship.gathered import CorruptFrame, SequenceGap, joined
from modeldata.ship.heads import Recorder, is_true, record_of, row_hash, with_halves
from modeldata.ship.isolation import IsolatedEncoder
from modeldata.ship.json_rows import encode_groups
from modeldata.ship.outbox import Intent, Outbox, OutboxItem, Staging
from modeldata.ship.parked import ParkedRounds
from modeldata.ship.placement import Placements
from modeldata.ship.publish import PublishedHead
from modeldata.ship.removal import Removal
from modeldata.ship.send import Sender, not_taken
from modeldata.ship.sinks import adopt, is_sure, name_of
from modeldata.spool.files import settle
from modeldata.spool.reader import oldest_without_writer
from modeldata.store import Unavailable
from modeldata.store.archive_id import ArchiveId, identify
from modeldata.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from modeldata.format.head import Signer
    from modeldata.settings import Settings
    from modeldata.ship.batch import Batch
    from modeldata.ship.gathered import FrameGroup, Gathered
    from modeldata.ship.parked import ParkedRound
    from modeldata.spool.files import Files
    from modeldata.spool.folder import SpoolFolder
    from modeldata.store import Store


COPIES = 2
"""Of each batch in staging: a round that was begun must end with these bytes, also where the disk changes one of them."""


PARKED_PART = 2
"""What is parked may take half of the spool's limit. Beyond that nothing goes on until the trouble is over: disk is bounded."""


class Round(NamedTuple):
    """What a step did. `more`: there is more in the spool than one round takes, or something parked was not tried yet."""

    rows: int
    more: bool


class Pipeline:
    """One spool on its way to one archive. Only the leader may have one."""

    def __init__(
        self,
        place: SpoolFolder,
        store: Store,
        settings: Settings,
        *,
        files: Files,
        warn: Callable[[str], None],
        may_commit: Callable[[], bool],
        random: Callable[[int], bytes] = os.urandom,
        wall_ns: Callable[[], int] = time.time_ns,
        host: str = "",
        signer: Signer | None = None,
    ) -> None:
        """Raises `SpoolError` where what was archived so far can't be read: going on would lose or double rows."""
        self.place = place
        self._store = store
        self._settings = settings
        self._files = files
        self._warn = warn
        self._may_commit = may_commit
        self._random = random
        self._wall_ns = wall_ns
        self._host = host or socket.gethostname()
        self._recorder = Recorder(place, self._host, wall_ns, random, signer)
        most = settings.spool_max_bytes
        self._gatherer = Gatherer(place, files, layout=_layout(settings), spool_max_bytes=most, warn=warn)
        self._sender = Sender(place, store, files, warn, self._check_lead)
        self.held: dict[str, Unavailable] = {}
        """Folders that took nothing when they were last tried, and why."""
        self.removal = Removal(place, files, warn)
        self._asked = 0
        self._settled = False
        self._open_sink(name_of(place, settings, files))
        if settings.others and isinstance(store, LocalStore):
            self._settle_early()

    def _open_sink(self, name: str) -> None:
        folder = self.place.sink(name)
        self._sink = name
        self._checkpoint = Checkpoint(folder, self._files)
        self._outbox = Outbox(folder, self._files, copies=COPIES)
        self._generation, self.state = self._checkpoint.load()
        self.parked = ParkedRounds(folder, self._files, self._warn)
        self._deadly_rounds = DeadlyRounds(folder, self._files)

    def _settle(self) -> bool:
        """Learn which archive this is and open its checkpoint for writing. False: it is another checkpoint than was thought.

        Raises `StoreError` where the archive must be asked and does not answer: nothing is guessed then.
        """
        archive = self._archive_id()
        name, thought = name_of(self.place, self._settings, self._files, archive), self._sink
        adopt(self.place, name, self._settings, self._files, archive)
        if name != thought:
            self._open_sink(name)
        self._checkpoint.prepare()
        if self._generation == 0:
            settle(self._files, self.place.sink(name))
        self._settled = True
        return name == thought

    def _settle_early(self) -> None:
        """Folders may have changed places, and then a checkpoint may say of the wrong one that nothing waits for it."""
        try:
            self._settle()
        except (StoreError, OSError):
            pass  # asked again before the first round

    def _archive_id(self) -> ArchiveId | None:
        """None where the store keeps it from us although it is up, and the checkpoint is known without it."""
        self._asked += 1
        try:
            return identify(self._store, self._files, self._random(16).hex())
        except StoreError:
            local, sure = isinstance(self._store, LocalStore), is_sure(self.place, self._settings, self._files)
            if local or not sure or self._asked == 1:
                raise
            return None

    def step(self, *, parked_too: bool = True) -> Round:
        """Finish the round that a crash left, or make a new one. Raises `Unavailable` or OSError; the next call goes on.

        When it returns, the rows it counts are durable in the archive and the checkpoint knows. Others are parked.
        parked_too: where there is nothing else to do, try once what is parked.
        """
        intent = self._left_over()
        gathered = self._gatherer.gather(self.state) if intent is None else None
        idle = gathered is not None and not gathered.changed and not self.record_due(gathered.unfinished)
        if idle and not (parked_too and self.parked):
            return Round(0, False)
        if not self._settled and not self._settle():
            return self.step(parked_too=parked_too)
        if idle:
            return Round(self.send_parked(), False)
        more = gathered is None or gathered.more
        if intent is None:
            assert gathered is not None
            self._check_lead("freeze a round")
            intent = self._freeze(gathered)
        rows = self._send(intent, left_over=gathered is None)
        self._commit(intent.after)
        return Round(rows, more or (parked_too and not rows and bool(self.parked)))

    def record_due(self, writers: Iterable[str]) -> bool:
        """Is there something to tell the archive although no rows wait? writers: ids (hex) of those that live."""
        return self._recorder.due(self.state.heads, self._parked_ids(), writers)

    def newest_head(self) -> PublishedHead | None:
        """Of the log of this spool in the archive, as committed; None where it has no record yet."""
        log = self.state.heads
        return PublishedHead(log.name, log.size, self._recorder.note(log)) if log.size else None

    def _parked_ids(self, more: Iterable[OutboxItem] = ()) -> tuple[str, ...]:
        return tuple(sorted(item.entry.batch for item in (*self.parked.items(), *more)))

    def send_parked(self) -> int:
        """Try once what is parked, in its order; the rows that landed. What still can't land waits on. Raises `Unavailable` where
        the store takes nothing at all."""
        if not self.parked or self._left_over() is not None or (not self._settled and not self._settle()):
            return 0
        held: dict[str, Unavailable] = {}
        rows = 0
        for rest in list(self.parked.rests):
            intent = rest.intent._replace(items=list(rest.intent.items), after=self.state)
            waiting = self._sender.send(intent, rest.outbox, held, partial(self._keep_parked, rest))
            rows += sum(item.rows for item in intent.items) - sum(item.rows for item in waiting)
            if len(waiting) < len(intent.items) or intent.items != rest.intent.items:
                self.parked.keep(rest, waiting)
        self.held = held
        return rows

    def _keep_parked(self, rest: ParkedRound, intent: Intent) -> None:
        """A batch that was parked goes to another file: known before it is sent."""
        self._check_lead("move a batch to another file")
        self.state.heads = with_halves(self.state.heads, rest, intent)
        rest.outbox.rewrite(intent._replace(after=Progress()))
        self._save(self.state)

    def give_up_oldest(self, room: int, others_have: Callable[[str], bool] = lambda name: True) -> int:
        """when_full="drop_oldest": give up whole segments, the oldest first, until `room` bytes are free. The rows lost.

        Only segments that no living writer holds, and only rows that are not in a round under way. What is given up is written
        down (as `lost`, with its numbers) before the first file goes, and archived as a note with the next round.
        others_have: is all of a segment in every other archive? Else it stays: what this one gives up is not theirs to lose.
        """
        if not self._settled:
            if not is_sure(self.place, self._settings, self._files):
                return 0
            adopt(self.place, self._sink, self._settings, self._files, None)
        intent = self._left_over()
        after = intent.after if intent is not None else self.state.copy()
        rows, freed = 0, 0
        going: list[str] = []
        for name, size in oldest_without_writer(self.place, self._files):
            if freed >= room or self.removal.blocked:
                break
            if name in self.removal.refused:
                continue
            count, lost = self._gatherer.give_up(name, after)
            after.pending_notes += [loss_note(one) for one in joined(lost)]
            after.drops[DROP_OLDEST] = after.drops.get(DROP_OLDEST, 0) + count
            rows, freed = rows + count, freed + size
            going.append(name)
        if not going:
            return 0
        if intent is not None:
            self._outbox.rewrite(intent)
        else:
            self._save(after)
        self.remove([name for name in going if others_have(name)])
        if rows:
            self._warn(f"the spool is full: {rows} rows given up (drop_oldest): {self.place.folder}")
        return rows

    def finished(self) -> list[str]:
        """Segments of which everything is archived and to which nobody will add."""
        return [name for name, offset in self.state.offsets.items() if offset == DONE]

    def _left_over(self) -> Intent | None:
        try:
            intent = self._outbox.load()
        except ValueError as error:
            raise SpoolError("read the intent", self.place.sinks, cause=str(error), hint=STATE_LOST) from error
        if intent is None:
            return None
        if intent.round <= self.state.round:
            self._outbox.clear()  # committed; only the clean-up was interrupted
            return None
        self.parked.forget_round(intent)
        return intent

    def _freeze(self, gathered: Gathered) -> Intent:
        after = gathered.after
        after.round = self.state.round + 1
        staging = self._outbox.begin()
        try:
            placements = Placements(after, self._store, self.place, self._held_folders())
            items, bad, hashes = self._encode(gathered, placements, staging)
            quarantine.keep(self.place.quarantine, bad, after, self._files, self._warn)
            record = self._recorder.add(self.state, gathered, items, hashes, self._parked_ids())
            if record:
                items.append(placements.place_record(after.heads, record))
            intent = Intent(after.round, items, after)
            if items:
                self._checkpoint.prepare(2 * len(after.pack()))  # room for its commit, while there is some
                self._outbox.freeze(intent, staging)
        except (ModelDataError, OSError, MemoryError, ImportError):
            self._deadly_rounds.failed()
            raise
        finally:
            staging.close()
        return intent

    def _encode(
        self, gathered: Gathered, placements: Placements, staging: Staging
    ) -> tuple[list[OutboxItem], list[CorruptFrame], dict[str, str]]:
        """Every batch of a round to staging: the items, the rows that can't be archived, and batch → hash of its row bytes."""
        origin = f"{self.place.spool8}-{gathered.after.round}"
        items: list[OutboxItem] = []
        hashes: dict[str, str] = {}
        entry_of = partial(named, origin, self._wall_ns(), self.place.spool_id.hex(), self._host)
        bad = list(gathered.bad)
        lost = list(gathered.lost)
        for group, outcome in self._made(gathered, placements, partial(self._form, origin)):
            if isinstance(outcome, UndecodableCall):
                bad.append(quarantine.undecodable_frame(outcome))
                lost += [SequenceGap(group.identity, group.folder, *numbers, "quarantined") for numbers in outcome.ranges]
                continue
            refused = take_refusals(gathered, group.stream, group.folder)
            entry = entry_of(len(items), outcome.entry)._replace(refused=refused)
            hashes[entry.batch] = row_hash(outcome.data)
            items.append(placements.item(outcome._replace(entry=entry), staging.add(outcome.data, outcome.head)))
        notes = [*gathered.after.pending_notes, *map(refusal_note, gathered.refusals), *map(loss_note, joined(lost))]
        gathered.after.pending_notes = []
        for folder, note in notes:
            try:
                items.append(placements.place_note(folder, entry_of(len(items), note)))
            except Unavailable as error:
                if not error.path_only:
                    raise
                gathered.after.pending_notes.append((folder, note))
        return items, bad, hashes

    def _made(
        self, gathered: Gathered, placements: Placements, form_of: Callable[[ArchiveLayout], BatchFormat]
    ) -> Iterator[tuple[FrameGroup, Batch | UndecodableCall]]:
        """What becomes of each group. In other processes: all of a round that killed its shippers, and the collectors of which
        a row did so not long ago."""
        deadly = self._deadly_rounds.begin(gathered.after.round)
        if deadly:
            self._warn("shippers died of a round, or were killed: its rows are encoded in processes of their own")
        wanted: Callable[[FrameGroup], bool] = lambda group: deadly or self._deadly_rounds.is_deadly(group.stream)  # noqa: E731 - short
        with closing(IsolatedEncoder(form_of, wanted, self._deadly_rounds.killed)) as isolated:
            yield from encode_groups(gathered.groups.values(), placements, form_of, isolated)
        self._deadly_rounds.end()

    def _held_folders(self) -> dict[str, Unavailable]:
        """Folders in which something is parked: what comes later waits behind it."""
        for item in self.parked.items():
            self.held.setdefault(item.folder, not_taken(item.folder))
        return {folder: self.held[folder] for folder in {item.folder for item in self.parked.items()}}

    def _form(self, origin: str, layout: ArchiveLayout) -> BatchFormat:
        return BatchFormat(format_of(layout.format), layout.excel_safe, self._store.block_bytes, origin)

    def _send(self, intent: Intent, *, left_over: bool) -> int:
        """Until every item is known to be there, or is parked. Raises `Unavailable` where no more may be parked: all waits."""
        finish = partial(self._finish_record, left_over)
        waiting = self._sender.send(intent, self._outbox, self._held_folders(), self._rewrite, self.held, finish)
        if waiting and waiting[-1].record:  # rows first
            waiting.pop()
            intent.after.heads = HeadLog()
            self._recorder.fell_silent()
        if waiting:
            if self.parked.bytes_with(waiting) > self._settings.spool_max_bytes // PARKED_PART:
                raise self.held.get(waiting[0].folder) or not_taken(waiting[0].folder)
            self.parked.add(intent, waiting, self._outbox)
        return sum(item.rows for item in intent.items) - sum(item.rows for item in waiting)

    def _finish_record(self, left_over: bool, intent: Intent, waiting: list[OutboxItem], placements: Placements) -> None:
        """Make the record say what became of the round. One that may have been sent before a crash stays as it is: what it says
        of parked batches is put right by the next."""
        parked = self._parked_ids(waiting)
        if is_true(intent) and (left_over or record_of(intent).parked == list(parked)):
            return
        line = self._recorder.corrected(self.state.heads, intent, self._outbox, parked)
        intent.items[-1] = placements.reword(intent.items[-1], line)
        self._rewrite(intent)

    def _check_lead(self, operation: str) -> None:
        if not self._may_commit():
            raise SpoolError(operation, self.place.folder, cause="another process took the lead", hint="this one stops shipping")

    def _commit(self, after: Progress) -> None:
        self._check_lead("commit a round")
        self._save(after)
        self._outbox.clear()

    def _rewrite(self, intent: Intent) -> None:
        self._check_lead("move a batch to another file")
        self._outbox.rewrite(intent)

    def _save(self, after: Progress) -> None:
        """In both slots, one after the other: whichever is lost later, the other knows the same."""
        for _ in range(2):
            self._checkpoint.save(self._generation + 1, after)
            self._generation += 1
        self.state = after

    def remove(self, finished: list[str]) -> None:
        """Unlink segments that every archive has. The checkpoint forgets them later, when they are known to be gone."""
        self.removal.remove(finished)


def _layout(settings: Settings) -> ArchiveLayout:
    return ArchiveLayout(settings.format, settings.hour_folders, settings.excel_safe)
