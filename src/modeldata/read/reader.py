"""The reader of one archive: what `Archive.read`, `scan`, `join` and `sql` stand on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from modeldata.catalog.audit import audit
from modeldata.catalog.batches import Catalog
from modeldata.catalog.errors import NotThere
from modeldata.catalog.moments import FIRST_NS, LAST_NS
from modeldata.catalog.select import choose
from modeldata.format import names
from modeldata.read.follow import Follow
from modeldata.read.inventory import inventory
from modeldata.read.join import IDS, KEY, join_tables
from modeldata.read.query import ReadQuery
from modeldata.read.question import anybody, plan_of, request_of
from modeldata.read.scan import Scan
from modeldata.read.sql import query
from modeldata.spool.files import Files
from modeldata.store import open_for
from modeldata.urls import local_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from modeldata.catalog.audit import Audit
    from modeldata.catalog.witness import Witness
    from modeldata.read.inventory import CollectorInventory
    from modeldata.read.join import Joined
    from modeldata.read.match import Flags
    from modeldata.read.plan import ReadRequest
    from modeldata.read.question import JoinQuestion, Question, Types
    from modeldata.read.scan import Owned
    from modeldata.settings import Settings
    from modeldata.store import ReadStore


class Reader:
    """An archive to read from, known by its `url`."""

    def __init__(self, store: ReadStore, url: str) -> None:
        self.store = store
        self.url = url

    @classmethod
    def of(cls, settings: Settings, warn: Callable[[str], None]) -> Reader:
        """The archive of some settings; of several, the first: each has every row.

        Raises `NotThere` where it is a local folder that is not there, `SettingsError` where its library is not installed.
        """
        files = Files()
        first = settings.only(settings.archives[0])
        folder = local_folder(first.archive)
        if folder is not None:
            try:
                files.stat(folder)
            except OSError as error:
                hint = "nothing was archived there yet, or it is another folder"
                raise NotThere("read the archive", folder, cause=error.strerror or str(error), hint=hint) from None
        return cls(open_for(first, files, warn), first.archive)

    def scan(self, model_name: str, identifier: str = "default", **question: Unpack[Question]) -> Scan:
        """Rows of a collector, see `Archive.scan`."""
        return Scan(self.store, self.url, request_of(model_name, identifier, question))

    def join(
        self,
        model_name: str,
        *identifiers: str,
        on: Literal["correlation", "request"] = "correlation",
        how: Literal["left", "inner", "outer"] = "left",
        **question: Unpack[JoinQuestion],
    ) -> Joined:
        """Rows of several collectors side by side, see `Archive.join`."""
        plan = plan_of(identifiers, on, how, question)
        back, ahead = question.pop("look_back", timedelta(hours=1)), question.pop("look_ahead", timedelta(days=1))
        columns = question.pop("columns", None)
        bounded = question.get("start") is not None or question.get("end") is not None
        catalog = None if bounded else Catalog.of(self.store)  # else each lists the days that it needs
        owned: dict[str, Owned] = {}
        inside: dict[str, Flags] = {}
        for identifier in identifiers:
            request = request_of(model_name, identifier, anybody(question) if identifier in plan.across else question)
            wide = _wider(request, back, timedelta() if identifier == identifiers[0] else ahead)
            scan = Scan(self.store, self.url, wide, catalog)
            owned[identifier] = _with_keys(scan, identifier, columns, IDS[on]).to_owned()
            times = np.asarray(owned[identifier].table[names.TIMESTAMP].cast(pa.int64()).fill_null(0))
            inside[identifier] = (times >= request.start_ns // 1000) & (times < -(-request.end_ns // 1000))
        return join_tables(owned, plan, inside)

    def collectors(self, model_name: str | None, identifier: str | None) -> list[CollectorInventory]:
        """What is archived, see `Archive.collectors`."""
        if model_name is None and identifier is None:
            return inventory(self.store)
        wanted = {"model_name": model_name, "identifier": identifier}
        return inventory(self.store, lambda catalog: choose(catalog, wanted, self.url))

    def audit(self, check_bytes: bool, witness: Witness) -> Audit:
        """Is every row there, once, see `Archive.audit`."""
        return audit(self.store, check_bytes=check_bytes, witness=witness)

    def follow(
        self,
        model_name: str,
        identifier: str = "default",
        *,
        newest: int = 0,
        interval: float = 1.0,
        timeout: float | None = None,
        **question: Unpack[Question],
    ) -> Follow:
        """Rows as they arrive, see `Archive.follow`."""
        query = ReadQuery.of(self.store, self.url, request_of(model_name, identifier, question))
        return Follow(query, newest=newest, interval=interval, timeout=timeout)

    def sql(
        self, text: str, connection: Any = None, *, external: bool = False, errors: str = "raise", types: Types = None
    ) -> Any:
        """A DuckDB relation over views of the collectors, see `Archive.sql`."""
        return query(self.store, self.url, text, connection, external=external, errors=errors, types=types)


def _with_keys(scan: Scan, identifier: str, columns: Sequence[str] | None, id_column: str) -> Scan:
    """Features named `<identifier>.<name>` or `<name>` in `columns` (all, without), and what rows are joined by."""
    if columns is None:
        return scan
    keys = [*KEY, id_column]
    wanted = [name for name in scan.schema.names if name in columns or f"{identifier}.{name}" in columns]
    return scan.narrowed([*keys, *(name for name in wanted if name not in keys)])


def _wider(request: ReadRequest, back: timedelta, ahead: timedelta) -> ReadRequest:
    """Partners may be a little earlier and, above all, later; and earlier calls of an id are counted on both sides."""
    step = timedelta(microseconds=1)
    start = request.start_ns if request.start_ns == FIRST_NS else request.start_ns - back // step * 1000
    end = request.end_ns if request.end_ns == LAST_NS else request.end_ns + ahead // step * 1000
    return request._replace(start_ns=start, end_ns=end, among_others=True)
