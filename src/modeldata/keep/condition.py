"""Which rows fit a condition in SQL: DuckDB decides, batch by batch, on the columns that the condition names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modeldata.catalog.errors import Damaged, NotThere, near, need
from modeldata.encode import WrongRows
from modeldata.errors import SettingsError
from modeldata.keep.rows import part_of, proven
from modeldata.read import original
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.dataset import for_duckdb
from modeldata.read.forms import TEXT, promote
from modeldata.read.original import Original
from modeldata.read.part import Misfit, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeldata.catalog.batches import ArchivedBatch
    from modeldata.store import ReadStore

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

AT = "$At"
"""The place of a row in its batch, beside its own columns while DuckDB looks at them."""


class Condition:
    """`where` on the rows of one collector, whose columns and types are `schema`: the same in all of its batches.

    Raises `SettingsError` for what is no condition, `NotThere` for a column that the collector does not have.
    """

    def __init__(self, where: str, schema: pa.Schema) -> None:
        try:
            import duckdb
        except ImportError:
            raise need("duckdb", "sql", "find rows") from None
        self._errors = duckdb.Error
        self._unknown = duckdb.BinderException
        self._where = where
        self._connection = duckdb.connect(config={"enable_external_access": "false"})
        self._known = schema.names
        self._schema = self._needed(schema)
        try:
            self._ask(self._schema.empty_table())
        except SettingsError:
            self._schema = schema  # it names columns in a way of its own, such as COLUMNS(*)
            self._ask(schema.empty_table())

    def _needed(self, schema: pa.Schema) -> pa.Schema:
        text = self._where.lower()
        return pa.schema([field for field in schema if field.name.lower().replace('"', '""') in text])

    def rows(self, store: ReadStore, folder: str, batch: ArchivedBatch) -> Numbers:
        """Places of rows in a batch. Raises `Damaged`, `Gone`, `Unavailable`, `SettingsError`."""
        chunk = Chunk(folder, (batch,))
        part = part_of(store, chunk, proven(store, chunk))
        return self._fitting(lambda schema: table(part, chunk, schema), batch.rows, batch.path)

    def original_rows(self, store: ReadStore, folder: str, path: str) -> int:
        """How many rows of a file of the 2017 original fit. Raises as `rows`."""

        def damaged(error: Damaged) -> None:
            raise error

        whole = pa.schema({**OWN_TYPES, **dict(zip(self._schema.names, self._schema.types, strict=True))})
        return len(self._fitting(lambda schema: original.table(store, Original(folder, path), whole, damaged), None, path))

    def _fitting(self, table: Callable[[pa.Schema], pa.Table], rows: int | None, path: str) -> Numbers:
        schema = self._schema
        while True:
            try:
                wanted = table(schema)
                break
            except Misfit as misfit:
                had = schema.field(misfit.column).type
                wider = promote(had, misfit.found)
                at = schema.get_field_index(misfit.column)
                schema = schema.set(at, pa.field(misfit.column, TEXT if wider.equals(had) else wider))
            except WrongRows:
                raise Damaged("find rows", path, cause="its rows are not what its manifest says") from None
        count = wanted.num_rows if rows is None else rows
        there = dict(zip(wanted.column_names, wanted.columns, strict=True))
        columns = [there[field.name] if field.name in there else pa.nulls(count, field.type) for field in schema]
        return self._ask(pa.table(columns, schema=schema).append_column(AT, pa.array(np.arange(count))))

    def _ask(self, table: pa.Table) -> Numbers:
        table = for_duckdb(table)
        if AT not in table.column_names:
            table = table.append_column(AT, pa.array(np.arange(table.num_rows)))
        self._connection.register("rows", table)
        try:
            text = f'SELECT "{AT}" FROM rows WHERE (\n{self._where}\n)'
            numbers = self._connection.sql(text).fetchnumpy()[AT]
        except self._unknown as error:
            missing = re.search(r'column "([^"]+)"', str(error))
            hint = near(missing[1], self._known) if missing else ""
            raise NotThere("find rows", cause=_first_line(error), hint=hint) from None
        except self._errors as error:
            hint = "a condition in DuckDB's SQL, such as: customer_id = 17, or: name = 'Ann'"
            raise SettingsError("find rows", cause=_first_line(error), hint=hint) from None
        return np.sort(np.asarray(numbers, np.int64))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
