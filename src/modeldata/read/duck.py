"""DuckDB as we use it: a connection that opens nothing by itself, and what it says when it fails."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modeldata.catalog.errors import need
from modeldata.errors import ModelDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

Options = dict[str, str | bool | int | float | list[str]]
CLOSED: Options = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}
BATCH_ROWS = 65_536
AS_TEXT = ("INTERVAL", "BIT", "TIME WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE")
"""Types that Arrow has no type for, or only with data that may not be installed."""
ALLOW = "external=True lets a query open other files and the network"
_OURS = re.compile(r"could not read the archive: .*?(?=\. Detail: Python exception)", re.DOTALL)
_HINT = re.compile(r" \((?:read\(\) takes a wider type|[^()]*errors=\"skip\").*\)$", re.DOTALL)


def connected(operation: str, *, external: bool = False, limits: Mapping[str, str | int] | None = None) -> Any:
    """A connection of our own, with times in UTC. No query on it opens a file or a network connection, loads an extension
    or changes that; with `external`, it does what DuckDB does. limits: settings of
    DuckDB besides, such as `memory_limit`. Raises `MissingExtra`.
    """
    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", operation) from None
    connection = duckdb.connect(config={**({} if external else CLOSED), **(limits or {})})
    with suppress(duckdb.Error):  # a build without zones has nothing to set
        connection.execute("SET GLOBAL TimeZone = 'UTC'")  # of its cursors, too
    if not external:
        connection.execute("SET lock_configuration = true")
    return connection


def failed(operation: str, error: Exception, hint: str = "") -> ModelDataError:
    """hint: what helps where a value of the archive is not of its column's type, or bytes are damaged."""
    ours = _OURS.search(str(error))
    if ours is not None:
        return ModelDataError(operation, cause=_HINT.sub("", ours[0]), hint=hint)
    text, _, _ = str(error).partition("\n\nLINE ")  # after it comes a picture of the place, of several lines
    if type(error).__name__ == "PermissionException":
        hint = ALLOW
    return ModelDataError(operation, cause=" ".join(text.split()), hint=hint)


def record_batches(relation: Any) -> pa.RecordBatchReader:
    """The rows of a query, as they are asked for, in columns of different names and of types that all our forms know."""
    readable = _readable(relation)
    read = getattr(readable, "to_arrow_reader", None) or readable.fetch_arrow_reader  # another name since DuckDB 1.4
    return read(BATCH_ROWS)


def _readable(relation: Any) -> Any:
    """Each column under a name of its own and of a type that all forms know."""
    seen: dict[str, int] = {}
    projected = []
    for at, (name, kind) in enumerate(zip(relation.columns, map(str, relation.types), strict=True), 1):
        seen[name] = seen.get(name, 0) + 1
        mine = name if seen[name] == 1 else f"{name}_{seen[name]}"
        value = f"CAST(#{at} AS VARCHAR)" if kind in AS_TEXT else f"#{at}"
        projected.append(f'{value} AS "{mine.replace(chr(34), chr(34) * 2)}"')
    return relation.project(", ".join(projected))
