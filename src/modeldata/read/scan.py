"""Rows of an archive as a stream of record batches: what `Archive.scan` gives.

Memory is bounded by a few chunks (`chunks.CHUNK_BYTES` of a file that grows, `GROUP_ROWS` rows of another), which are fetched and
parsed ahead by threads. Compaction may work beside: where a file is gone, its folder is looked at again, and rows that were given
already are left out of what replaced it.
"""

from __future__ import annotations

import warnings
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modeldata.catalog.batches import Vanished
from modeldata.catalog.errors import DoesNotFit, SkippedWarning
from modeldata.catalog.retry import TRIES, gone, retried
from modeldata.errors import mask
from modeldata.format import names
from modeldata.notebook import html_table
from modeldata.read import original
from modeldata.read.chunks import OWN_TYPES, Chunk, Spans
from modeldata.read.forms import TEXT, promote
from modeldata.read.frames import to_pandas, to_polars
from modeldata.read.original import Original
from modeldata.read.part import Misfit, parts, table
from modeldata.read.plan import ReadPlan, apart, inside, make_plan, narrowed, renewed, with_time
from modeldata.read.salvage import Salvage, left_out
from modeldata.store import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from modeldata.catalog.batches import Catalog
    from modeldata.encode import Source
    from modeldata.errors import StoreError
    from modeldata.read.live_files import LiveFiles
    from modeldata.read.plan import ReadRequest
    from modeldata.store import ReadStore

Answer = TypeVar("Answer")
Owner: TypeAlias = tuple[str, ...]
OWNER = ("account", "service", "model_id", "model_version")
"""What tells collectors apart that are read together: they share model name and identifier."""
THREADS = 4
AHEAD = 6
"""Chunks that are under way at once."""
GROUP_ROWS = 1 << 18
"""Of a whole file, about so many rows are read together."""


class Owned(NamedTuple):
    """Rows, and their owners: the owner of so many rows, then that of the next."""

    table: pa.Table
    owners: list[tuple[Owner, int]]


class Scan:
    """Rows of the collectors that a question fits, as record batches of one `schema`: day by day, each file in its own order.

    May be iterated any number of times; each time reads again what was planned when it was made. Batches are never empty and
    never hold half a row. Raises, while it is iterated: `Damaged`, `DoesNotFit`, `Unavailable`.
    """

    def __init__(self, store: ReadStore, archive: str, request: ReadRequest, catalog: Catalog | None = None) -> None:
        self._store = store
        self._archive = archive
        self._request = request
        self._plan: ReadPlan = make_plan(store, archive, request, catalog)

    @property
    def schema(self) -> pa.Schema:
        return self._plan.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for _, rows in self._tables():
            yield from rows.to_batches()

    @property
    def most_rows(self) -> int | None:
        """How many rows there are at most, by the manifests; None where files have none."""
        if any(isinstance(piece, Original) for piece in self._plan.pieces):
            return None
        return sum(piece.rows for piece in self._plan.pieces if not isinstance(piece, Original))

    def count(self) -> int:
        """How many rows there are. Read are only those of batches that lie across `start` or `end`, or have no manifest.

        The others are counted by the manifests; their checksums are not proven: damage is met when rows are read.
        """
        inner, rest = apart(self._plan, self._request)
        plan = ReadPlan(rest, pa.schema([pa.field(names.TIMESTAMP, OWN_TYPES[names.TIMESTAMP])]))
        tables = Reading(self._store, plan, self._request, inner).tables()
        return sum(piece.rows for piece in inner) + sum(int(table.num_rows) for table in tables)

    def __repr__(self) -> str:
        return f"Scan({self._title()}: {len(self.schema)} columns, {_bound(self.most_rows)})"

    def _repr_html_(self) -> str:
        columns = [(field.name, field.type) for field in self.schema]
        return html_table(f"Scan of {self._title()}, {_bound(self.most_rows)}", ("column", "type"), columns)

    def _title(self) -> str:
        parts = [self._request.identity.get(part) for part in ("model_name", "identifier")]
        return f"{'/'.join(part for part in parts if part)} in {mask(self._archive)}"

    def consume(self, work: Callable[[Iterator[pa.RecordBatch]], Answer]) -> Answer:
        """What `work` makes of all rows. Where a column needs a wider type, `schema` changes and `work` begins again."""
        return self._consume(lambda tables: work(batch for _, table in tables for batch in table.to_batches()))

    def _consume(self, work: Callable[[Iterator[tuple[Chunk | Original, pa.Table]]], Answer]) -> Answer:
        while True:
            try:
                return work(self._tables(widen=True))
            except Misfit as misfit:
                self._widen(misfit)

    def to_owned(self) -> Owned:
        """All rows as one table, as `to_arrow`, and their owners."""

        def owned(tables: Iterator[tuple[Chunk | Original, pa.Table]]) -> Owned:
            parts = [(tuple(str(piece.identity.get(part)) for part in OWNER), table) for piece, table in tables]
            whole = pa.concat_tables([self.schema.empty_table(), *(table for _, table in parts)])
            return Owned(whole, [(owner, table.num_rows) for owner, table in parts])

        return self._consume(owned)

    def to_reader(self) -> pa.RecordBatchReader:
        """As Arrow's own type, for whatever takes one."""
        return pa.RecordBatchReader.from_batches(self.schema, iter(self))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_reader().__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """All rows as one table. A column with values that do not fit gets a wider type, and all is read again."""
        return self.consume(lambda batches: pa.RecordBatchReader.from_batches(self.schema, batches).read_all())

    def to_pandas(self, **options: Any) -> Any:
        """A pandas DataFrame; options as for `pyarrow.Table.to_pandas` (`types_mapper=pandas.ArrowDtype` keeps every type)."""
        return to_pandas(self.to_arrow(), **options)

    def to_polars(self) -> Any:
        """A polars DataFrame."""
        return to_polars(self.to_arrow())

    def to_duckdb(self, connection: Any = None) -> Any:
        """A DuckDB relation that reads as it is asked, any number of times; of a connection of yours, or of one of its own."""
        from modeldata.read.dataset import relation

        return relation(self, connection)

    def live_files(self, most: int) -> LiveFiles | None:
        """The files that have these rows, where DuckDB may read them itself and they are no more than so many."""
        from modeldata.read.live_files import live_files

        return live_files(self._store, self._plan, self._request) if len(self._plan.pieces) <= most else None

    def to_pylist(self) -> list[dict[str, object]]:
        """One dict a row, with the very values that were collected (of rows of the original: as Arrow has them).

        A key that was missing in the row of a list of dicts is None, but for JSON lines, where it is missing.
        """
        from modeldata.read.exact import exact_rows

        def rows(plan: ReadPlan) -> list[dict[str, object]]:
            return [row for piece in plan.pieces for row in exact_rows(self._store, piece, self.schema, self._request)]

        return retried(lambda: make_plan(self._store, self._archive, self._request), rows, self._plan)

    def narrowed(self, columns: Sequence[str], may_hold: Callable[[int, int], bool] | None = None) -> Scan:
        """The same rows with fewer columns, without those parts that `may_hold` (see `plan.Request`) rules out."""
        made = Scan.__new__(Scan)
        made._store, made._archive = self._store, self._archive
        made._request = self._request._replace(columns=tuple(columns), may_hold=may_hold)
        made._plan = narrowed(self._plan, columns, may_hold)
        return made

    def _widen(self, misfit: Misfit) -> None:
        had = self.schema.field(misfit.column).type
        wider = promote(had, misfit.found)
        kinds = {**self._request.types, misfit.column: TEXT if wider.equals(had) else wider}
        self._request = self._request._replace(types=kinds)
        at = self.schema.get_field_index(misfit.column)
        field = pa.field(misfit.column, kinds[misfit.column])
        self._plan = self._plan._replace(schema=self.schema.set(at, field))

    def _tables(self, *, widen: bool = False) -> Iterator[tuple[Chunk | Original, pa.Table]]:
        try:
            yield from Reading(self._store, self._plan, self._request).pieces()
        except Misfit as misfit:
            if widen:
                raise
            hint = f"read() takes a wider type by itself; or give one: types={{{misfit.column!r}: pyarrow.string()}}"
            began = self.schema.field(misfit.column).type
            cause = f"column {misfit.column!r} has values of type {misfit.found} where it began as {began}"
            raise DoesNotFit("read the archive", self._archive, cause=cause, hint=hint) from None


def _bound(rows: int | None) -> str:
    return "rows not counted" if rows is None else f"at most {rows:,} rows"


class Reading:
    """One pass over a plan. given: pieces of rows that need not be given, wherever compaction moves them."""

    def __init__(self, store: ReadStore, plan: ReadPlan, request: ReadRequest, given: Sequence[Chunk] = ()) -> None:
        self._store = store
        self._schema = plan.schema
        self._request = request
        self._pieces = deque(plan.pieces)
        self._given: dict[str, list[Chunk]] = {}
        """Chunk | Originals by folder of which all rows were given."""
        for piece in given:
            self._given.setdefault(piece.folder, []).append(piece)
        self._originals: list[Original] = []
        """Files of the original that were."""
        self._again: Counter[str] = Counter()
        """Folders that were looked at again, and how often."""

    def tables(self) -> Iterator[pa.Table]:
        return (table for _, table in self.pieces())

    def pieces(self) -> Iterator[tuple[Chunk | Original, pa.Table]]:
        """Each piece with its rows, in one table or several."""
        with ThreadPoolExecutor(THREADS) as pool:
            waiting: deque[tuple[Chunk | Original, Future[_Read]]] = deque()
            try:
                while self._pieces or waiting:
                    while self._pieces and len(waiting) < AHEAD:
                        piece = self._pieces.popleft()
                        waiting.append((piece, pool.submit(self._read, piece)))
                    piece, future = waiting.popleft()
                    try:
                        made = future.result()
                    except Vanished:
                        self._renew(piece, waiting)
                        continue
                    yield from ((piece, table) for table in made.tables())
                    if isinstance(piece, Chunk):
                        self._given.setdefault(piece.folder, []).append(piece)
                    else:
                        self._originals.append(piece)
            finally:
                for _, future in waiting:
                    future.cancel()

    def _renew(self, lost: Chunk | Original, waiting: deque[tuple[Chunk | Original, Future[_Read]]]) -> None:
        """Compaction took a file away: read the rest of the folder as it is now, without the rows that were given."""
        for _, future in waiting:
            future.cancel()
        later = [piece for piece, _ in waiting] + list(self._pieces)
        waiting.clear()
        self._again[lost.folder] += 1
        fresh = renewed(self._store, lost.folder, self._request)
        if self._again[lost.folder] >= TRIES:
            fresh = [piece for piece in fresh if piece.path != lost.path]
            left_out(gone(lost.path), self._request)
        given = {piece.path for piece in self._originals}
        fresh = [piece for piece in fresh if piece.path not in given]
        self._pieces = deque([*fresh, *(piece for piece in later if piece.folder != lost.folder)])

    def _read(self, piece: Chunk | Original) -> _Read:
        return _Read(self, piece)

    # What one piece is made into

    def pieces_of(self, piece: Chunk | Original, damages: list[StoreError]) -> Iterator[pa.Table]:
        schema = self._wanted(piece)

        def damaged(error: StoreError) -> None:
            if self._request.errors == "raise":
                raise error
            damages.append(error)

        def tables(chunk: Chunk, source: Source) -> Iterator[pa.Table]:
            for part in parts(chunk, source, self._may_hold, GROUP_ROWS):
                yield self._finished(table(part, chunk, schema), chunk, part.rows)

        if isinstance(piece, Chunk):
            yield from Salvage(self._store, damaged).rows(piece, tables)
            return
        try:
            found = original.table(self._store, piece, schema, damaged)
        except Unreadable as error:
            damaged(error)
        else:
            yield self._finished(found, piece, found.num_rows)

    def _may_hold(self, low_ns: int, high_ns: int) -> bool:
        request = self._request
        inside = low_ns < request.end_ns and high_ns + 1000 > request.start_ns
        return inside and (request.may_hold is None or request.may_hold(low_ns, high_ns))

    def _wanted(self, piece: Chunk | Original) -> pa.Schema:
        schema = with_time(self._schema, piece, self._request)
        for name in (names.WRITER, names.SEQUENCE) if piece.folder in self._again else ():
            if name not in schema.names:
                schema = schema.append(pa.field(name, OWN_TYPES[name]))
        return schema if len(schema) else pa.schema({names.SEQUENCE: OWN_TYPES[names.SEQUENCE]})

    def _finished(self, found: pa.Table, piece: Chunk | Original, rows: int) -> pa.Table:
        mask = self._mask(found, piece)
        there = dict(zip(found.column_names, found.columns, strict=True))
        columns = [there[field.name] if field.name in there else pa.nulls(rows, field.type) for field in self._schema]
        counted = pa.field("rows", pa.null())  # a table counts its rows by a column, also where none is asked for
        made = pa.table([*columns, pa.nulls(rows)], schema=self._schema.append(counted)).select(range(len(columns)))
        return made if mask is None else made.filter(mask)

    def _mask(self, rows: pa.Table, piece: Chunk | Original) -> pa.Array | None:
        mask = None
        if not inside(piece, self._request) and names.TIMESTAMP in rows.column_names:
            times = pc.multiply(rows[names.TIMESTAMP].cast(pa.int64()), 1000)
            mask = pc.and_(pc.greater_equal(times, self._request.start_ns), pc.less(times, self._request.end_ns))
        if piece.folder in self._again and names.SEQUENCE in rows.column_names:
            fresh = pa.array(~_given(rows, self._given.get(piece.folder, [])))
            mask = fresh if mask is None else pc.and_(mask, fresh)
        return mask


class _Read:
    """The rows of one piece, read; and what of it is damaged."""

    def __init__(self, reading: Reading, piece: Chunk | Original) -> None:
        self._damages: list[StoreError] = []
        self._tables = list(reading.pieces_of(piece, self._damages))

    def tables(self) -> Iterator[pa.Table]:
        for error in self._damages:
            warnings.warn(f"left out: {error}", SkippedWarning, stacklevel=2)
        yield from (table for table in self._tables if table.num_rows)


def _given(rows: pa.Table, chunks: list[Chunk]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows are in batches that were given before?"""
    return Spans(numbers for chunk in chunks for batch in chunk.batches for numbers in batch.sequences).holds(rows)
