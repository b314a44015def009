"""Which rows of one collector fit a condition: DuckDB decides, batch by batch, on the columns that the condition names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from modeldata.catalog.errors import Damaged
from modeldata.encode import WrongRows
from modeldata.errors import SettingsError
from modeldata.keep.expression import HINT, PLACE, duck
from modeldata.keep.rows import part_of, proven
from modeldata.read import original
from modeldata.read.chunks import OWN_TYPES, Chunk
from modeldata.read.dataset import for_duckdb
from modeldata.read.forms import TEXT, promote
from modeldata.read.original import Original
from modeldata.read.part import Misfit, table

if TYPE_CHECKING:
    from modeldata.catalog.lines import ArchivedBatch
    from modeldata.keep.expression import Expression
    from modeldata.store import ReadStore

    Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Condition(NamedTuple):
    """An expression on the rows of one collector. Each of its names is a column: DuckDB sees `c0`, `c1`, ... in their place.

    schema: these columns in this order, with types that are the same for all rows that are asked. texts: what it compares with.
    """

    sql: str
    schema: pa.Schema
    texts: tuple[str, ...] = ()

    @classmethod
    def bound(cls, expression: Expression, schema: pa.Schema) -> Condition:
        """schema: of a collector that has every column. Raises `SettingsError` where types do not fit."""
        fields = {name: schema.field(_column(name, schema.names)) for name in expression.names}
        needed = list({field.name: field for field in fields.values()})
        places = {name: f"c{needed.index(field.name)}" for name, field in fields.items()}
        columns = pa.schema([schema.field(name) for name in needed])
        condition = cls(expression.rows_sql(places.__getitem__), columns, tuple(expression.texts))
        condition._check_types(*expression.types_sql(places.__getitem__))
        return condition

    def widened(self, misfit: Misfit) -> pa.Schema:
        """The columns in types that hold, too, what was found."""
        at = self.schema.get_field_index(misfit.column)
        had = self.schema.field(at).type
        wider = promote(had, misfit.found)
        return self.schema.set(at, pa.field(misfit.column, TEXT if wider.equals(had) else wider))

    def rows(self, store: ReadStore, folder: str, batch: ArchivedBatch) -> Numbers:
        """Places of rows in a batch. Raises `Damaged`, `Gone`, `Unavailable`, `SettingsError`, `Misfit`."""
        chunk = Chunk(folder, (batch,))
        part = part_of(store, chunk, proven(store, chunk))
        try:
            return self.fitting(table(part, chunk, self.schema), batch.rows)
        except WrongRows:
            raise Damaged("find rows", batch.path, cause="its rows are not what its manifest says") from None

    def original_rows(self, store: ReadStore, folder: str, path: str) -> int:
        """How many rows of a file of the 2017 original fit. Raises as `rows`."""

        def damaged(error: Damaged) -> None:
            raise error

        whole = pa.schema({**OWN_TYPES, **dict(zip(self.schema.names, self.schema.types, strict=True))})
        rows = original.table(store, Original(folder, path), whole, damaged)
        return len(self.fitting(rows, rows.num_rows))

    def fitting(self, there: pa.Table, count: int) -> Numbers:
        """Places of the rows that fit, in a table that has the condition's columns, or lacks some: those are null."""
        columns = dict(zip(there.column_names, there.columns, strict=True))
        wanted = [columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in self.schema]
        answer = self._asked(self.sql, pa.table(wanted, schema=self.schema))
        return np.sort(np.asarray(answer.fetchnumpy()[PLACE], np.int64))

    def _asked(self, sql: str, rows: pa.Table) -> Any:
        """What DuckDB answers. Raises `SettingsError`."""
        import duckdb

        columns = for_duckdb(rows).columns
        names = [f"c{number}" for number in range(len(columns))]
        connection = duck().cursor()
        connection.register("rows", pa.table([*columns, pa.array(np.arange(rows.num_rows))], [*names, PLACE]))
        try:
            return connection.execute(sql)
        except duckdb.Error as error:
            raise SettingsError("find rows", cause=self._in_words(error), hint=HINT) from None

    def _check_types(self, sql: str, with_columns: list[list[bool]]) -> None:
        """Raises `SettingsError` where DuckDB would take text for something else, or a value for true or false."""
        rows = self.schema.empty_table()
        self._asked(self.sql, rows)
        whole, *sides = (str(column[1]) for column in self._asked(sql, rows).description)
        if whole != "BOOLEAN":
            raise SettingsError("find rows", cause=f"it is a value ({whole}), neither true nor false", hint=HINT)
        for named in with_columns:
            mine, sides = sides[: len(named)], sides[len(named) :]
            others = {kind for kind in mine if kind not in ("VARCHAR", '"NULL"')}
            if others and any(kind == "VARCHAR" and is_column for kind, is_column in zip(mine, named, strict=True)):
                cause = f"text is compared with {' and '.join(sorted(others))}; {self._types()}"
                raise SettingsError(
                    "find rows", cause=cause, hint="put text in quotes ('17'), or convert: column::VARCHAR = '17'"
                )

    def _in_words(self, error: Exception) -> str:
        return f"{str(error).partition(chr(10))[0]}; {self._types()}"

    def _types(self) -> str:
        return ", ".join(f"c{number} is the column {field.name!r} ({field.type})" for number, field in enumerate(self.schema))


def _column(name: str, known: list[str]) -> str:
    """The column that a name means: exactly that, or else the one that differs only in case, as in SQL."""
    if name in known:
        return name
    alike = [each for each in known if each.lower() == name.lower()]
    if len(alike) > 1:
        cause = f"{name} may be {' or '.join(map(repr, alike))}"
        raise SettingsError("find rows", cause=cause, hint='write the one that you mean in double quotes: "Name"')
    return alike[0]
