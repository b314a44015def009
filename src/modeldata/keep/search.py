"""Where the rows are that fit a condition: all collectors are asked before the first file is changed."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from modeldata.catalog.batches import Catalog, Vanished
from modeldata.catalog.errors import Damaged, NotThere, SkippedWarning, near
from modeldata.catalog.retry import gone, retried
from modeldata.catalog.select import choose
from modeldata.catalog.unfinished import unfinished_puts
from modeldata.errors import SettingsError, StoreError
from modeldata.format.paths import DataFolder, collector_folder, place_of
from modeldata.keep import erase as erasing
from modeldata.keep.condition import Condition
from modeldata.keep.expression import HINT
from modeldata.keep.folder import look
from modeldata.keep.strays import problems_by_folder, strays
from modeldata.read.forms import TEXT, column_type, promote
from modeldata.read.part import Misfit
from modeldata.read.plan import ReadRequest, make_plan
from modeldata.store import Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.catalog.batches import Listing
    from modeldata.catalog.select import CollectorFolders
    from modeldata.keep.expression import Expression
    from modeldata.keep.job import Each, KeepJob
    from modeldata.keep.strays import Stray

LEAST_TEXT = 4
"""A shorter text is in a name by chance."""


ON_ITS_WAY = "a shipper puts this file, or died while it did: rows that fit may be in it; erase again in an hour"


class FolderFinding(NamedTuple):
    """What fits in one folder. `files`: data files that have to go, and their `bytes`. problem: why some of it stays.

    unfit: why the condition can't be asked of these rows. wider: the types of columns that it can be asked in. unfinished: a
    run is at work here, died, or left what it could not remove.
    """

    place: DataFolder
    rows: int = 0
    files: tuple[str, ...] = ()
    bytes: int = 0
    problem: str = ""
    unfit: str = ""
    wider: pa.Schema | None = None
    unfinished: bool = False
    note: str = ""

    @property
    def is_told(self) -> bool:
        """Is there anything to say of it?"""
        return bool(self.files or self.problem)


class CollectorFindings(NamedTuple):
    """What fits of one collector, folder by folder. absent: columns that it does not have; then no row of it fits."""

    collector: str
    condition: Condition | None
    folders: list[FolderFinding]
    absent: list[str]
    unfit: SettingsError | None = None


def search(job: KeepJob, expression: Expression, each: Each) -> list[CollectorFindings]:
    """What fits of each collector. Raises `NotThere` where none has the columns, `Unavailable`.

    Raises `SettingsError` where the condition can't be asked of all collectors that have them. What is damaged has a `problem`.
    """
    catalog = Catalog.of(job.store)
    chosen = choose(catalog, job.wanted, job.archive)
    known_columns = [_columns(job, collector, expression, catalog) for collector in chosen]
    findings = [_searched(job, *pair, expression, each) for pair in zip(chosen, known_columns, strict=True)]
    copies = strays(job.store, catalog, chosen)
    findings = [
        _with_copies(job, one, copies[collector_folder(collector.identity)])
        for one, collector in zip(findings, chosen, strict=True)
    ]
    if all(one.absent for one in findings):
        missing = next(name for one in findings for name in one.absent)
        known = {name for columns in known_columns for name in columns.schema.names}
        cause = f"no column {missing!r}" if len(findings) == 1 else f"no collector has every column of it; one has no {missing!r}"
        raise NotThere("find rows", job.archive, cause=cause, hint=near(missing, known))
    unfit = [(one.collector, one.unfit) for one in findings if one.unfit]
    if unfit:
        causes = "; ".join(f"{collector}: {error.cause}" for collector, error in unfit)
        raise SettingsError("find rows", job.archive, cause=f"{causes}. Nothing was changed", hint=unfit[0][1].hint)
    return findings


class _Columns(NamedTuple):
    """What is known of the columns of a collector. damage: why it may have more."""

    schema: pa.Schema
    damage: str = ""


def _columns(job: KeepJob, collector: CollectorFolders, expression: Expression, catalog: Catalog) -> _Columns:
    """Damage in one folder leaves the others to be searched."""
    request = ReadRequest(collector.identity)
    try:
        return _Columns(_schema(job, collector, request, expression, catalog))
    except (Damaged, Unreadable) as error:
        damage = _unseen(error)
    try:
        with warnings.catch_warnings(action="ignore", category=SkippedWarning):  # the damage is in the result
            return _Columns(_schema(job, collector, request._replace(errors="skip"), expression, catalog), damage)
    except (Damaged, Unreadable):
        return _Columns(pa.schema({}), damage)


def _schema(
    job: KeepJob, collector: CollectorFolders, request: ReadRequest, expression: Expression, catalog: Catalog
) -> pa.Schema:
    """The columns of a collector in the types that `read()` gives, and those that only replaced batches still have."""
    try:
        schema = make_plan(job.store, job.archive, request, catalog).schema
    except NotThere:
        schema = pa.schema({})
    if not _absent(expression, schema):
        return schema
    more: dict[str, pa.DataType] = {}
    for contents in retried(lambda: Catalog.of(job.store), lambda seen: seen.read_all(_same(collector.listings, seen)), catalog):
        for line in contents.lines:
            for name, declared in zip(line.entry.columns, line.entry.types, strict=True):
                kind = column_type(declared, line.entry.kinds.get(name)) or TEXT
                more[name] = promote(more[name], kind) if name in more else kind
    return pa.schema([*schema, *(pa.field(name, kind) for name, kind in more.items() if name not in schema.names)])


def _same(listings: Sequence[Listing], seen: Catalog) -> list[Listing]:
    return [seen.listings[listing.path] for listing in listings if listing.path in seen.listings]


def _absent(expression: Expression, schema: pa.Schema) -> list[str]:
    known = {name.lower() for name in schema.names}
    return [name for name in expression.names if name.lower() not in known]


def _searched(
    job: KeepJob, collector: CollectorFolders, columns: _Columns, expression: Expression, each: Each
) -> CollectorFindings:
    """Asks all folders; where values do not fit the types of their columns, asks all of them again in wider ones."""
    places = [listing.place for listing in collector.listings if listing.place is not None]
    path = places[0].collector
    schema, damage = columns
    absent = _absent(expression, schema)
    if absent and damage:
        whole = FolderFinding(DataFolder(path, path, 0, 0), problem=damage)
        return CollectorFindings(path, None, [whole], [])
    if absent:
        return CollectorFindings(path, None, [], absent)
    try:
        while True:
            condition = Condition.bound(expression, schema)
            folders = [folder for some in each(partial(search_one, job, condition=condition), places) for folder in some]
            wider = next((folder.wider for folder in folders if folder.wider is not None), None)
            if wider is None:
                break
            schema = pa.schema([wider.field(field.name) if field.name in wider.names else field for field in schema])
    except SettingsError as error:
        return CollectorFindings(path, None, [], [], error)
    unfit = next((SettingsError("find rows", cause=folder.unfit, hint=HINT) for folder in folders if folder.unfit), None)
    return CollectorFindings(path, condition, folders, [], unfit)


def _with_copies(job: KeepJob, findings: CollectorFindings, copies: Sequence[Stray]) -> CollectorFindings:
    """The same, with a word on rows that fit and lie where no rewrite reaches them."""
    if findings.condition is None or findings.unfit is not None:
        return findings
    folders = {folder.place.path: folder for folder in findings.folders}
    for path, problem in problems_by_folder(copies, job.store, findings.condition).items():
        known = folders.get(path) or FolderFinding(place_of(path) or DataFolder(path, path, 0, 0))
        folders[path] = known._replace(problem="; ".join(filter(None, (known.problem, problem))))
    return findings._replace(folders=list(folders.values()))


def search_one(job: KeepJob, place: DataFolder, *, condition: Condition) -> list[FolderFinding]:
    """What fits in one folder; what is wrong there is said, and keeps nobody from the others."""
    try:
        seen = look(job.store, place.path)
        fitting = erasing.find(seen, job.store, condition)
    except Misfit as misfit:
        return [FolderFinding(place, wider=condition.widened(misfit))]
    except SettingsError as error:
        return [FolderFinding(place, unfit=error.cause)]
    except (Damaged, Unreadable) as error:
        return [FolderFinding(place, problem=_unseen(error))]
    except Vanished as vanished:
        return [FolderFinding(place, problem=_unseen(gone(str(vanished))))]
    files = sorted(fitting.files & set(seen.contents.listing.data_files))
    stay = (f"{path}: {count} rows in a file without a manifest: edit it" for path, count in fitting.originals.items())
    puts = unfinished_puts(job.store, seen.contents.listing, job.run.now_ns)
    problems = [*stay, *(f"{path}: {ON_ITS_WAY}" for path in puts.pending)]
    size = sum(job.store.length(path) for path in files)
    note = _note(fitting.columns_left(seen), condition) if files else ""
    unfinished = seen.claimed or seen.has_leftovers or bool(puts.dead)
    return [FolderFinding(place, fitting.total, tuple(files), size, "; ".join(problems), unfinished=unfinished, note=note)]


def _unseen(error: StoreError) -> str:
    """What to say where nobody can tell which rows are there."""
    return f"could not look into {error.where}: {error.cause}: rows that fit may be in it; `modeldata audit` names all damage"


def _note(columns: set[str], condition: Condition) -> str:
    """Names of columns are of the service, and stay: those with a text of the condition in them may say who was meant."""
    texts = [bare for text in condition.texts if len(bare := text.strip("%")) >= LEAST_TEXT]
    telling = sorted(name for name in columns if any(text in name for text in texts))
    return f"has the text of the condition in the name of a column, which stays: {', '.join(telling)}" if telling else ""
