"""`--where`: rows of a collector that fit a condition, as `erase` understands it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from modeldata.catalog.errors import NotThere, near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

    from modeldata.keep.condition import Condition
    from modeldata.keep.expression import Expression
    from modeldata.read.query import ReadQuery
    from modeldata.read.scan import Scan

Answer = TypeVar("Answer")

WhereOption = Annotated[
    str | None, typer.Option("--where", metavar="SQL", help="Only rows that fit, such as: age > 40. Needs modeldata[sql].")
]


class FittingRows:
    """A scan without the rows that do not fit, and with some of its columns: for whoever takes a scan."""

    def __init__(self, scan: Scan, expression: Expression, columns: list[str]) -> None:
        self._scan = scan
        self._expression = expression
        self._columns = columns

    @property
    def schema(self) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([self._scan.schema.field(name) for name in self._columns])

    @property
    def most_rows(self) -> int | None:
        return self._scan.most_rows

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._fitting(self._scan)

    def consume(self, work: Callable[[Iterator[pa.RecordBatch]], Answer]) -> Answer:
        """As `Scan.consume`."""
        return self._scan.consume(lambda batches: work(self._fitting(batches)))

    def narrowed(self, columns: list[str]) -> FittingRows:
        """As `Scan.narrowed`: what the condition asks is read all the same."""
        return FittingRows(self._scan, self._expression, columns)

    def _fitting(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        fitting = Fitting(self._expression)
        for batch in batches:
            yield from fitting(pa.Table.from_batches([batch])).select(self._columns).to_batches()


class Fitting:
    """Rows → those that fit. A column that they lack is null, as it is where a collector got it later."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self._bound: tuple[pa.Schema, Condition] | None = None

    def __call__(self, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        known = {name.lower() for name in rows.column_names}
        wide = rows
        for name in self._expression.names:
            if name.lower() not in known:
                wide = wide.append_column(name, pa.nulls(rows.num_rows))
        return rows.take(pa.array(self._condition(wide.schema).fitting(wide, rows.num_rows)))

    def _condition(self, schema: pa.Schema) -> Condition:
        """Bound once, as long as batches are alike: to bind asks DuckDB twice."""
        from modeldata.keep.condition import Condition

        if self._bound is None or not self._bound[0].equals(schema):
            self._bound = schema, Condition.bound(self._expression, schema)
        return self._bound[1]


def expression_of(where: str | None) -> Expression | None:
    """Raises `SettingsError`, `MissingExtra`."""
    from modeldata.keep.expression import Expression

    return None if where is None else Expression(where)


def rows_of(query: ReadQuery, where: Expression | None, whole: bool = True) -> Scan | FittingRows:
    """All rows of a query, or those that fit. Raises `SettingsError`; `NotThere` for a name that is no column of the `whole`."""
    if where is None:
        return query.scan()
    scan = query._replace(request=query.request._replace(columns=None)).scan()
    known = scan.schema.names
    for name in where.names if whole else ():
        if name.lower() not in map(str.lower, known):
            raise NotThere("find rows", query.archive, cause=f"{query.name} has no column {name!r}", hint=near(name, known))
    return FittingRows(scan, where, list(query.scan().schema.names))
