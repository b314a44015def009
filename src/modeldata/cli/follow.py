"""The newest rows of a collector, and those that come: what `modeldata tail` stands on."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modeldata import names
from modeldata.keep import generation
from modeldata.read.catalog import Catalog, Gone
from modeldata.read.choose import choose
from modeldata.read.chunks import Chunk
from modeldata.read.forms import TEXT
from modeldata.read.plan import Plan, make_plan
from modeldata.read.scan import Reading
from modeldata.read.text_part import Misfit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modeldata.read.catalog import Batch, Listing
    from modeldata.read.plan import Request
    from modeldata.read.reader import Reader

LIST_ALL = 30
"""Every so many looks the whole archive is listed: a new version or service may have begun."""


class Follower:
    """Gives each committed row once, from the last ones on. Not for several threads."""

    def __init__(self, reader: Reader, request: Request) -> None:
        """Raises `NotThere` where there is no such collector."""
        self._reader = reader
        self._request = request
        self._seen: set[str] = set()
        self._looks = 0
        self._collectors: set[str] = set()

    def last(self, rows: int) -> pa.Table:
        """The newest rows that there are, in the order of time. Raises `NotThere`, `Damaged`, `Unavailable`."""
        found: list[tuple[Listing, Batch]] = []
        listings = sorted(self._listed(Catalog.of(self._reader.store)), key=lambda one: one.path[-13:], reverse=True)
        catalog = Catalog.of(self._reader.store)
        for number, listing in enumerate(listings):
            if number >= 2 and sum(batch.rows for _, batch in found) >= rows:
                break  # the newest two folders are always looked at: what is there now is not new later
            found += [(listing, batch) for batch in self._batches(catalog, listing)]
        self._seen.update(_key(batch) for _, batch in found)
        found.sort(key=lambda one: one[1].last_ns)
        taken: list[tuple[Listing, Batch]] = []
        while found and sum(batch.rows for _, batch in taken) < rows:
            taken.append(found.pop())
        if not taken:
            return self._schema().empty_table()
        table = self._read(taken)
        return table.slice(max(0, len(table) - rows))

    def new(self, now_ns: int) -> pa.Table:
        """What was committed since the last look, in the order of time. Raises `Damaged`, `Unavailable`."""
        self._looks += 1
        if self._looks % LIST_ALL == 0:
            self._listed(Catalog.of(self._reader.store))
        today = dt.datetime.fromtimestamp(now_ns / 1e9, dt.UTC).date()
        days = [today - dt.timedelta(days=1), today, today + dt.timedelta(days=1)]
        folders = [f"{collector}/{day:%Y/%m/%d}" for collector in sorted(self._collectors) for day in days]
        catalog = Catalog(self._reader.store, (path for folder in folders for path in self._reader.store.walk(folder)))
        fresh: list[tuple[Listing, Batch]] = []
        for listing in catalog.listings.values():
            for batch in self._batches(catalog, listing):
                rewritten = generation.of_data(batch.path) is not None  # its rows were here before
                if not rewritten and _key(batch) not in self._seen:
                    fresh.append((listing, batch))
        self._seen.update(_key(batch) for _, batch in fresh)
        return self._read(fresh) if fresh else self._schema().empty_table()

    def _listed(self, catalog: Catalog) -> list[Listing]:
        found = [listing for one in choose(catalog, self._request.identity, self._reader.url) for listing in one.listings]
        self._collectors.update(listing.place.collector for listing in found if listing.place)
        return found

    def _batches(self, catalog: Catalog, listing: Listing) -> Iterable[Batch]:
        try:
            return list(catalog.read(listing).batches())
        except (Gone, ValueError):
            return []  # it is being rewritten, or damaged: the next look, or `audit`, tells

    def _schema(self) -> pa.Schema:
        return make_plan(self._reader.store, self._reader.url, self._request).schema

    def _read(self, found: Iterable[tuple[Listing, Batch]]) -> pa.Table:
        ordered = sorted(found, key=lambda one: one[1].first_ns)
        schema = self._schema()
        pieces: list[Chunk] = [Chunk(listing.path, (batch,)) for listing, batch in ordered]
        while True:
            plan = Plan(list(pieces), schema)
            try:
                tables = list(Reading(self._reader.store, plan, self._request).tables())
                break
            except Misfit as misfit:
                at = schema.get_field_index(misfit.column)
                schema = schema.set(at, pa.field(misfit.column, TEXT))
        table = pa.concat_tables([schema.empty_table(), *tables])
        if names.TIMESTAMP not in table.column_names:
            return table
        return table.take(pa.array(np.argsort(np.asarray(table[names.TIMESTAMP].cast(pa.int64())), kind="stable")))


def _key(batch: Batch) -> str:
    return str(batch.line.batch or batch.line.where)
