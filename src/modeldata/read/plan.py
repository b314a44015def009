"""What has to be read for a question, in which order, and into which columns. Asks the store for manifests and samples only."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.types as types

from modeldata.catalog.batches import Catalog, Vanished, may_hold_rows
from modeldata.catalog.errors import Damaged, NotThere, SkippedWarning, near
from modeldata.catalog.moments import FIRST_NS, LAST_NS
from modeldata.catalog.retry import retried
from modeldata.catalog.select import choose
from modeldata.format import names
from modeldata.format.paths import moment, place_around, place_of
from modeldata.read import original
from modeldata.read.chunks import OWN_TYPES, Chunk, chunked
from modeldata.read.forms import TEXT, column_type, promote
from modeldata.read.original import Original
from modeldata.read.sample import Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from modeldata.catalog.batches import Contents, Listing
    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.format.paths import DataFolder
    from modeldata.store import ReadStore

LOOKS = 8
"""Batches that are looked into, at most, for the type of a column that seems to have no values."""


class ReadRequest(NamedTuple):
    """A question: rows of which collectors (parts of the identity, None for any), of [start_ns, end_ns),
    which columns (None: all), in which types where not in their own, and whether damage stops the reader ("raise") or is
    left out ("skip").

    may_hold: rules out rows by their times, [first, last] in nanoseconds; what it leaves may still hold others.
    among_others: other rows are asked the same, and may have the columns in `types` that these do not have.
    """

    identity: Mapping[str, str | None]
    start_ns: int = FIRST_NS
    end_ns: int = LAST_NS
    columns: tuple[str, ...] | None = None
    types: Mapping[str, pa.DataType] = {}
    errors: str = "raise"
    may_hold: Callable[[int, int], bool] | None = None
    among_others: bool = False


class ReadPlan(NamedTuple):
    """Pieces in the order in which they are read, and the columns that all of them are brought into."""

    pieces: list[Chunk | Original]
    schema: pa.Schema


def make_plan(store: ReadStore, archive: str, request: ReadRequest, catalog: Catalog | None = None) -> ReadPlan:
    """catalog: of this archive, listed just now; without one, it is listed. Raises `NotThere`, `Damaged`, `Unavailable`."""
    found = _near(store, archive, request) if catalog is None and is_bounded(request) else None
    if found is not None:
        return found
    return retried(lambda: Catalog.of(store), lambda catalog: _plan(store, catalog, archive, request), catalog)


def is_bounded(request: ReadRequest) -> bool:
    """Does a question leave out any time?"""
    return (request.start_ns, request.end_ns) != (FIRST_NS, LAST_NS)


def _near(store: ReadStore, archive: str, request: ReadRequest) -> ReadPlan | None:
    """The same plan with a look at its days only; None where that does not answer, and all has to be listed."""

    def wanted(folder: str) -> bool:
        place = place_of(folder)
        return may_hold_rows(folder) if place is None else _is_within(place, request)

    def skip(path: str) -> str:
        """What lies among the days of a collector is of it alone."""
        place = place_around(path)
        if place is None or _is_within(place, request):
            return ""
        if place.end_ns <= request.start_ns:
            return f"{place.collector}/{moment(request.start_ns, False)}"
        year = moment(place.start_ns, False).partition("/")[0]
        return f"{place.collector}/{year}/~"

    catalog = Catalog(store, store.walk("", wanted, skip))
    try:
        listings = [listing for one in choose(catalog, request.identity, archive) for listing in one.listings]
        contents = catalog.read_all([listing for listing in listings if _meets(listing, request)])
    except (NotThere, Vanished):
        return None
    pieces = [piece for one in contents for piece in _pieces(one, request)]
    return ReadPlan(pieces, _schema(store, pieces, archive, request)) if pieces else None


def _plan(store: ReadStore, catalog: Catalog, archive: str, request: ReadRequest) -> ReadPlan:
    listings = [listing for one in choose(catalog, request.identity, archive) for listing in one.listings]
    inside = [listing for listing in listings if _meets(listing, request)]
    contents = catalog.read_all(inside)
    pieces = [piece for one in contents for piece in _pieces(one, request)]
    if pieces:
        return ReadPlan(pieces, _schema(store, pieces, archive, request))
    return ReadPlan([], _schema(store, _shape(catalog, listings, archive, request), archive, request))


def renewed(store: ReadStore, folder: str, request: ReadRequest) -> list[Chunk | Original]:
    """What there is to read in one folder by now. Raises `Unavailable`, `Damaged`."""

    def work(catalog: Catalog) -> list[Chunk | Original]:
        listing = catalog.listings.get(folder)
        return [] if listing is None else list(_pieces(catalog.read(listing), request))

    return retried(lambda: Catalog.of(store), work)


def _is_within(place: DataFolder, request: ReadRequest) -> bool:
    return place.start_ns < request.end_ns and place.end_ns > request.start_ns


def _meets(listing: Listing, request: ReadRequest) -> bool:
    return listing.place is not None and _is_within(listing.place, request)


def _pieces(contents: Contents, request: ReadRequest) -> Iterable[Chunk | Original]:
    _warn(contents, request)
    folder = contents.listing.path
    start_ns = request.start_ns // 1000 * 1000
    inside = [batch for batch in contents.batches() if batch.first_ns < request.end_ns and batch.last_ns >= start_ns]
    yield from chunked(folder, inside)
    yield from original.originals(folder, contents.originals)


def _warn(contents: Contents, request: ReadRequest) -> None:
    check_manifests(contents, request)
    notes = [f"not read: {path} is not a file of this archive" for path in contents.listing.foreign]
    notes += [f"not read: {stray}" for stray in contents.strays]
    if contents.unproven:
        files = ", ".join(path.rpartition("/")[2] for path in contents.unproven)
        notes.append(f"unproven: {contents.listing.path} has no manifests, so nobody knows whether all rows of {files} are there")
    for note in notes:
        warnings.warn(note, SkippedWarning, stacklevel=2)


def check_manifests(contents: Contents, request: ReadRequest) -> None:
    """Raises `Damaged` where a manifest is not valid; with `errors="skip"`, warns."""
    hint = 'it is not known which rows are its; errors="skip" reads everything else'
    for problem in contents.problems:
        error = Damaged("read the archive", contents.listing.path, cause=problem, hint=hint)
        if request.errors == "raise":
            raise error
        warnings.warn(str(error), SkippedWarning, stacklevel=2)


def _shape(catalog: Catalog, listings: Sequence[Listing], archive: str, request: ReadRequest) -> list[Chunk | Original]:
    """Nothing is in the range: the newest rows beside it have the columns."""
    for listing in sorted(listings, key=lambda one: one.path, reverse=True):
        contents = catalog.read(listing)
        pieces = list(_pieces(contents, request._replace(start_ns=FIRST_NS, end_ns=LAST_NS)))
        if pieces:
            return pieces[-1:]
    wanted = " ".join(str(value) for value in request.identity.values() if value is not None)
    hint = "rows that were refused are counted by `modeldata audit`, rows that wait in a spool by `modeldata status`"
    raise NotThere("read the archive", archive, cause=f"no rows of {wanted}", hint=hint)


def _schema(store: ReadStore, pieces: Sequence[Chunk | Original], archive: str, request: ReadRequest) -> pa.Schema:
    """Our columns, then features in the order in which they were first seen."""
    features = _features(store, pieces, request)
    if not request.among_others:
        check_columns(request.types, features, archive)
    made = {**OWN_TYPES, **{name: TEXT if types.is_null(kind) else kind for name, kind in features.items()}}
    if request.columns is not None:
        check_columns(request.columns, made, archive)
        made = {name: made[name] for name in request.columns}
    return pa.schema(made)


def check_columns(wanted: Iterable[str], known: Collection[str], archive: str) -> None:
    """Raises `NotThere` for a column that is not there, with names that may have been meant."""
    for name in wanted:
        if name not in known:
            raise NotThere("read the archive", archive, cause=f"no column {name!r}", hint=near(name, known))


class _Seen(NamedTuple):
    """Batches with manifests that say the same of a column: one of them can be looked at for all."""

    name: str
    format: str
    declared: str
    kinds: str


def _features(store: ReadStore, pieces: Sequence[Chunk | Original], request: ReadRequest) -> dict[str, pa.DataType]:
    """Types by name, in the order in which names were first seen; null where no value is known of."""
    features: dict[str, pa.DataType] = {}
    samples = Samples(store)
    seen: dict[_Seen, list[tuple[str, ArchivedBatch]]] = {}

    def take(name: str, kind: pa.DataType) -> None:
        features[name] = promote(features[name], kind) if name in features else kind

    for piece in pieces:
        if isinstance(piece, Original):
            for name, kind in original.columns(store, piece).items():
                take(name, kind)
            continue
        for batch in piece.batches:
            for name, declared in zip(batch.columns, batch.types, strict=True):
                key = _Seen(name, batch.format, declared, _kinds_text(batch.kinds.get(name)))
                if key not in seen:
                    seen[key] = []
                    take(name, column_type(declared, batch.kinds.get(name)) or pa.null())
                seen[key].append((piece.folder, batch))
    for key, batches in seen.items():
        batch = batches[0][1]
        open_ = column_type(key.declared, batch.kinds.get(key.name)) is None
        if open_ and key.name not in request.types and (request.columns is None or key.name in request.columns):
            take(key.name, _looked_at(samples, key.name, batches))
    return {**features, **{name: kind for name, kind in request.types.items() if name in features}}


def _kinds_text(kinds: Any) -> str:
    if not isinstance(kinds, list):
        return json.dumps(kinds, sort_keys=True)
    return json.dumps(sorted({json.dumps(kind, sort_keys=True) for kind, _ in kinds}))


def _looked_at(samples: Samples, name: str, batches: Sequence[tuple[str, ArchivedBatch]]) -> pa.DataType:
    """The type of a column in the first and the last of some batches; in others between them, where these have no values."""
    made = promote(*(samples.type_of(*batches[at], name) for at in (0, -1)))
    between = iter(batches[1 : -1 : max(1, len(batches) // LOOKS)])
    while types.is_null(made) and (other := next(between, None)):
        made = samples.type_of(*other, name)
    return made


def inside(piece: Chunk | Original, request: ReadRequest) -> bool:
    """Do all rows of a piece lie in the range?"""
    if isinstance(piece, Original):
        return (request.start_ns, request.end_ns) == (FIRST_NS, LAST_NS)
    return all(request.start_ns <= batch.first_ns and batch.last_ns < request.end_ns for batch in piece.batches)


def apart(plan: ReadPlan, request: ReadRequest) -> tuple[list[Chunk], list[Chunk | Original]]:
    """(the batches of which every row is wanted, what has to be read to know which rows are)."""
    inner, rest = list[Chunk](), list[Chunk | Original]()
    for piece in plan.pieces:
        for part in [piece] if isinstance(piece, Original) else chunked(piece.folder, piece.batches, 0):  # a batch each
            if isinstance(part, Chunk) and request.may_hold is None and inside(part, request):
                inner.append(part)
            else:
                rest.append(part)
    return inner, rest


def narrowed(plan: ReadPlan, columns: Sequence[str], may_hold: Callable[[int, int], bool] | None) -> ReadPlan:
    """Fewer columns, and without the pieces that are ruled out."""
    schema = pa.schema([plan.schema.field(name) for name in columns])
    return ReadPlan([piece for piece in plan.pieces if may_hold is None or _may_hold(piece, may_hold)], schema)


def _may_hold(piece: Chunk | Original, may_hold: Callable[[int, int], bool]) -> bool:
    if isinstance(piece, Original):
        return True
    return may_hold(min(batch.first_ns for batch in piece.batches), max(batch.last_ns for batch in piece.batches))


def with_time(schema: pa.Schema, piece: Chunk | Original, request: ReadRequest) -> pa.Schema:
    """The columns to read: those asked for, and the time where it decides which rows are wanted."""
    if names.TIMESTAMP in schema.names or inside(piece, request):
        return schema
    return schema.append(pa.field(names.TIMESTAMP, OWN_TYPES[names.TIMESTAMP]))
