"""`--where`: rows of a collector that fit a condition, as `erase` understands it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from modeldata.catalog.errors import NotThere, near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa

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

        from modeldata.keep.condition import Condition

        condition = Condition.bound(self._expression, self._scan.schema)
        for batch in batches:
            places = condition.fitting(pa.Table.from_batches([batch]), batch.num_rows)
            yield batch.select(self._columns).take(pa.array(places))


def rows_of(query: ReadQuery, where: str | None) -> Scan | FittingRows:
    """All rows of a query, or those that fit. Raises `NotThere`, `SettingsError`, `MissingExtra`."""
    if where is None:
        return query.scan()
    from modeldata.keep.expression import Expression

    expression = Expression(where)
    scan = query._replace(request=query.request._replace(columns=None)).scan()
    known = scan.schema.names
    for name in expression.names:
        if name.lower() not in map(str.lower, known):
            raise NotThere("find rows", query.archive, cause=f"{query.name} has no column {name!r}", hint=near(name, known))
    return FittingRows(scan, expression, list(query.scan().schema.names))
