"""All folders of an archive, or of some of its collectors, one after the other: what the commands run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modeldata.catalog.batches import Catalog, Vanished
from modeldata.catalog.errors import Damaged
from modeldata.catalog.retry import gone
from modeldata.catalog.select import choose
from modeldata.catalog.unfinished import unfinished_puts
from modeldata.errors import SettingsError
from modeldata.keep import compact as compacting
from modeldata.keep import erase as erasing
from modeldata.keep import prune as pruning
from modeldata.keep.expression import Expression
from modeldata.keep.folder import look
from modeldata.keep.job import FolderResult
from modeldata.keep.removal import Removals
from modeldata.keep.rewrite import Busy, drop_abandoned, remnants, rewrite
from modeldata.keep.search import search
from modeldata.read.part import Misfit
from modeldata.store import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.format.paths import DataFolder
    from modeldata.keep.compact import Sizes
    from modeldata.keep.condition import Condition
    from modeldata.keep.folder import FolderView
    from modeldata.keep.job import Each, KeepJob
    from modeldata.keep.rewrite import Draft
    from modeldata.keep.search import FolderFinding

GRACE_NS = 3_600_000_000_000
"""An hour after its end, a day is over for every shipper that is not far behind."""


def compact(
    job: KeepJob, sizes: Sizes, *, include_today: bool = False, dry: bool = False, each: Each = map
) -> Iterator[FolderResult]:
    """Few sorted Parquet files instead of many, or of text, folder by folder. Raises `NotThere`, `Unavailable`."""
    places = [place for place in _places(job) if include_today or not _growing(job, place)]
    for found in each(partial(compact_one, job, sizes=sizes, dry=dry), places):
        yield from found


def compact_one(job: KeepJob, place: DataFolder, *, sizes: Sizes, dry: bool) -> list[FolderResult]:
    """`compact` of one folder."""
    return list(_safely(job, place, _compact(job, place, sizes, _growing(job, place), dry), dry))


def _growing(job: KeepJob, place: DataFolder) -> bool:
    return place.end_ns + GRACE_NS > job.run.now_ns


def _compact(job: KeepJob, place: DataFolder, sizes: Sizes, growing: bool, dry: bool) -> Iterator[FolderResult]:
    store = job.store
    works: list[compacting.CompactJob] = []

    removals = Removals(store)

    def plan(draft: Draft) -> bool:
        works[:] = _work(draft.look)
        for work in works:
            compacting.fill(draft, store, work, sizes)
        return bool(works)

    def _work(seen: FolderView) -> list[compacting.CompactJob]:
        work = compacting.job(seen, appends=store.appends, growing=growing, target=sizes.target)
        return [work] if work else []

    seen = look(store, place.path)
    if dry:
        works = _work(seen)
    elif _work(seen) or _has_leftovers(seen, job):
        rewrite(store, place.path, job.run, plan, removals)
    for work in works:
        yield _done(place, work.rows, len(work.files), work.bytes, removals=removals)
    if not works and removals.refused:
        yield _done(place, removals=removals)


def _has_leftovers(seen: FolderView, job: KeepJob) -> bool:
    """Did a run begin here, or a shipper's put, and not come to its end?"""
    puts = unfinished_puts(job.store, seen.contents.listing, job.run.now_ns)
    return seen.has_leftovers or bool(puts.dead or remnants(job.store, seen.folder))


def prune(job: KeepJob, before_ns: int, *, dry: bool = True) -> Iterator[FolderResult]:
    """Folders that ended before a time, without their rows. Raises `NotThere`, `Unavailable`."""
    for place in _places(job):
        if place.end_ns <= before_ns:
            yield from _safely(job, place, _prune(job, place, dry), dry)


def _prune(job: KeepJob, place: DataFolder, dry: bool) -> Iterator[FolderResult]:
    store = job.store
    seen = look(store, place.path)
    due = pruning.is_due(seen)
    sizes = [store.length(path) for path in seen.contents.listing.data_files]
    removals = Removals(store)

    def plan(draft: Draft) -> bool:
        if pruning.is_due(draft.look):
            pruning.fill(draft)
            return True
        return False

    if not dry and (due or _has_leftovers(seen, job)):
        rewrite(store, place.path, job.run, plan, removals)
        for path in pruning.originals(seen):
            removals.remove(path)
    if due:
        left = set() if dry else {*look(store, place.path).contents.listing.data_files} - removals.refused.keys()
        problem = f"still there: {', '.join(sorted(left))}: a shipper writes, or wrote half of something, there" if left else ""
        yield _done(place, pruning.rows_of(seen), len(sizes), sum(sizes), problem, removals)
    elif removals.refused:
        yield _done(place, removals=removals)
    elif seen.contents.unproven:
        yield _done(place, problem=f"{place.path}: its files have no manifest, and stay: `modeldata audit` names them")


def erase(job: KeepJob, where: str, *, dry: bool = True, each: Each = map) -> Iterator[FolderResult]:
    """Rows that fit a condition in SQL, out of every file. Nothing is changed before all collectors were asked.

    A collector without a column that `where` names has no such rows: it is left alone, and a note says so. Raises `NotThere`
    where none has all of them, `SettingsError` where `where` can't be asked of one that has, `Unavailable`. What is
    damaged has a `problem`, and stays as it is; all else is erased.
    """
    for collector in search(job, Expression(where), each):
        if collector.absent:
            note = f"left alone: it has no column {', '.join(map(repr, collector.absent))}"
            yield FolderResult(collector.collector, "", 0, 0, 0, note=note)
        folders = {folder.place.path: folder for folder in collector.folders}
        if dry or collector.condition is None:
            yield from (_found(folder) for folder in folders.values() if folder.is_told)
            continue
        work = partial(erase_one, job, findings=folders, condition=collector.condition)
        for results in each(work, [folder.place for folder in folders.values() if folder.is_told or _is_unfinished(job, folder)]):
            yield from results


def _found(folder: FolderFinding, removals: Removals | None = None) -> FolderResult:
    done = _done(folder.place, folder.rows, len(folder.files), folder.bytes, folder.problem, removals)
    return done._replace(note=folder.note)


def erase_one(job: KeepJob, place: DataFolder, *, findings: dict[str, FolderFinding], condition: Condition) -> list[FolderResult]:
    """`erase` in one folder of a collector, after it was searched."""
    try:
        return list(_safely(job, place, _erase(job, findings[place.path], condition), dry=False))
    except (Misfit, SettingsError) as error:
        problem = f"rows of other types came meanwhile ({error}): run the command again"
        return [_found(findings[place.path]._replace(rows=0, files=(), bytes=0, problem=problem))]


def _erase(job: KeepJob, finding: FolderFinding, condition: Condition) -> Iterator[FolderResult]:
    store, folder = job.store, finding.place.path
    rows, problems = finding.rows, [finding.problem] if finding.problem else []
    removals = Removals(store)

    def plan(draft: Draft) -> bool:
        nonlocal rows
        here = erasing.find(draft.look, store, condition)
        if not here.changes(draft.look):
            return False
        erasing.fill(draft, store, here)
        rows += here.total if again else 0
        return True

    again, left = False, {*finding.files}
    if not left and _is_unfinished(job, finding):
        _finish(job, folder, removals)
    while left:
        rewrite(store, folder, job.run, plan, removals)
        left = erasing.find(look(store, folder), store, condition).files - removals.refused.keys()
        if left and again:
            problems.append(f"still there: {', '.join(sorted(left))}: a shipper writes there; run the command again")
            break
        again = True
    if finding.is_told or removals.refused:
        yield _found(finding._replace(rows=rows, problem="; ".join(problems)), removals)


def _is_unfinished(job: KeepJob, finding: FolderFinding) -> bool:
    """Is a run at work here, or did one die?"""
    return finding.unfinished or bool(remnants(job.store, finding.place.path))


def _finish(job: KeepJob, folder: str, removals: Removals) -> None:
    """Take away what a run left that died: a file that is not whole may have rows, and no search looks into it."""
    try:
        rewrite(job.store, folder, job.run, lambda draft: False, removals)
    except Busy:
        pass  # it lives, and takes its own away; it reads files without such rows


def _places(job: KeepJob) -> list[DataFolder]:
    found = choose(Catalog.of(job.store), job.wanted, job.archive)
    return [listing.place for one in found for listing in one.listings if listing.place is not None]


def _safely(job: KeepJob, place: DataFolder, work: Iterator[FolderResult], dry: bool) -> Iterator[FolderResult]:
    """What is wrong in one folder keeps nobody from the others."""
    try:
        yield from work
        if not dry:
            drop_abandoned(job.store, place.path, job.run)
    except (Busy, Damaged) as error:
        if isinstance(error, Busy) and not job.patient:
            raise
        yield _done(place, problem=str(error))
    except Vanished as vanished:
        yield _done(place, problem=str(gone(str(vanished))))
    except Unavailable as error:
        if not error.path_only:
            raise
        yield _done(place, problem=str(error))


def _done(
    place: DataFolder, rows: int = 0, files: int = 0, size: int = 0, problem: str = "", removals: Removals | None = None
) -> FolderResult:
    day = place.path[len(place.collector) + 1 :].replace("/", "-", 2).replace("/", "T")
    refused = removals.refused if removals else {}
    problem = "; ".join(filter(None, (problem, removals.problem() if removals else "")))
    return FolderResult(place.collector, day, rows, files, size, problem, still_there=tuple(refused))
