"""All folders of an archive, or of some of its collectors, one after the other: what the commands run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import Catalog, Vanished
from modeldata.catalog.errors import Damaged, NotThere
from modeldata.catalog.retry import gone
from modeldata.catalog.select import choose
from modeldata.format.paths import DataFolder
from modeldata.keep import compact as compacting
from modeldata.keep import erase as erasing
from modeldata.keep import prune as pruning
from modeldata.keep.condition import Condition
from modeldata.keep.folder import look
from modeldata.keep.rewrite import Busy, drop_abandoned, remnants, rewrite
from modeldata.read.plan import ReadRequest, make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from modeldata.keep.compact import Sizes
    from modeldata.keep.folder import FolderView
    from modeldata.keep.rewrite import Draft, RewriteRun
    from modeldata.store import Store

GRACE_NS = 3_600_000_000_000
"""An hour after its end, a day is over for every shipper that is not far behind."""
ROUNDS = 3
"""Of an erasure in one folder: a shipper may bring rows of the subject meanwhile."""


class KeepJob(NamedTuple):
    """An archive, and whose folders are meant: parts of the identity, None for any."""

    store: Store
    archive: str
    wanted: Mapping[str, str | None]
    run: RewriteRun
    patient: bool = True
    """A folder that somebody else is rewriting is reported as a problem; else `Busy` is raised."""


class FolderResult(NamedTuple):
    """What became of one folder, or in a dry run would. `rows`: compacted, pruned or erased. `files`: old ones and their `bytes`.

    problem: why it was not done, or not all of it; empty if it was.
    """

    collector: str
    day: str
    rows: int
    files: int
    bytes: int
    problem: str = ""


Each = Callable[[Callable[[DataFolder], list[FolderResult]], list[DataFolder]], Iterable[list[FolderResult]]]
"""Does some work on each of some folders, here or elsewhere. The work is a `functools.partial`; its first argument is the job."""


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
    elif _work(seen) or _has_leftovers(seen, store):
        rewrite(store, place.path, job.run, plan)
    for work in works:
        yield _done(place, work.rows, len(work.files), work.bytes)


def _has_leftovers(seen: FolderView, store: Store) -> bool:
    """Did a run begin here, and not come to its end?"""
    return bool(seen.dead_files or seen.unfinished or seen.idle_logs or remnants(store, seen.folder))


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

    def plan(draft: Draft) -> bool:
        if pruning.is_due(draft.look):
            pruning.fill(draft)
            return True
        return False

    if not dry and (due or _has_leftovers(seen, store)):
        rewrite(store, place.path, job.run, plan)
        for path in seen.contents.originals:
            store.remove(path)
    if due:
        left = [] if dry else look(store, place.path).contents.listing.data_files
        problem = f"still there: {', '.join(left)}: a shipper writes, or wrote half of something, there" if left else ""
        yield _done(place, pruning.rows_of(seen), len(sizes), sum(sizes), problem)


def erase(job: KeepJob, where: str, *, dry: bool = True, each: Each = map) -> Iterator[FolderResult]:
    """Rows that fit a condition in SQL, out of every file. Raises `NotThere`, `SettingsError`, `Damaged`, `Unavailable`.

    Collectors without the columns that `where` names have no such rows; `NotThere` where none has them.
    """
    catalog = Catalog.of(job.store)
    unknown: NotThere | None = None
    known = False
    for collector in choose(catalog, job.wanted, job.archive):
        try:
            plan = make_plan(job.store, job.archive, ReadRequest(collector.identity), catalog)
            Condition(where, plan.schema)
        except NotThere as error:
            unknown = error
            continue
        known = True
        places = [listing.place for listing in collector.listings if listing.place is not None]
        for found in each(partial(erase_one, job, where=where, schema=plan.schema, dry=dry), places):
            yield from found
    if unknown is not None and not known:
        raise unknown


def erase_one(job: KeepJob, place: DataFolder, *, where: str, schema: pa.Schema, dry: bool) -> list[FolderResult]:
    """`erase` in one folder of a collector, whose columns have the types of `schema`."""
    return list(_safely(job, place, _erase(job, place, Condition(where, schema), dry), dry))


def _erase(job: KeepJob, place: DataFolder, condition: Condition, dry: bool) -> Iterator[FolderResult]:
    store = job.store
    seen = look(store, place.path)
    erased = erasing.find(seen, store, condition)
    files = erased.files & set(seen.contents.listing.data_files)
    rows, sizes = erased.total, [store.length(path) for path in files]

    def plan(draft: Draft) -> bool:
        nonlocal rows
        here = erasing.find(draft.look, store, condition)
        if not here.changes(draft.look):
            return False
        erasing.fill(draft, store, here)
        rows += here.total if again else 0
        return True

    problems = [f"{path}: {count} rows of the original, without a manifest: edit it" for path, count in erased.originals.items()]
    again = False
    while not dry and erased.files:
        rewrite(store, place.path, job.run, plan)
        erased = erasing.find(look(store, place.path), store, condition)
        if erased.files and again:
            problems.append(f"still there: {', '.join(sorted(erased.files))}: a shipper writes there; run the command again")
            break
        again = True
    if rows or sizes or problems:
        yield _done(place, rows, len(sizes), sum(sizes), "; ".join(problems))


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
        yield _done(place, 0, 0, 0, str(error))
    except Vanished as vanished:
        yield _done(place, 0, 0, 0, str(gone(str(vanished))))


def _done(place: DataFolder, rows: int, files: int, size: int, problem: str = "") -> FolderResult:
    day = place.path[len(place.collector) + 1 :].replace("/", "-", 2).replace("/", "T")
    return FolderResult(place.collector, day, rows, files, size, problem)
