"""DuckDB as we use it: a connection that opens nothing by itself, and what it says when it fails."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from modeldata.catalog.errors import need
from modeldata.errors import ModelDataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

Options = dict[str, str | bool | int | float | list[str]]
CLOSED: Options = {"autoload_known_extensions": False, "autoinstall_known_extensions": False}
HAS_PATHS: bool = sys.platform == "linux"
"""Has a descriptor a path here, by which its file is opened anew?"""
BATCH_ROWS = 65_536
AS_TEXT = ("INTERVAL", "BIT", "TIME WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE")
"""Types that Arrow has no type for, or only with data that may not be installed."""
ALLOW = "external=True lets a query open other files and the network"
_OURS = re.compile(r"could not read the archive: .*?(?=\. Detail: Python exception)", re.DOTALL)
_LIVE = re.compile(r"/proc/self/fd/\d+")
_HINT = re.compile(r" \((?:read\(\) takes a wider type|[^()]*errors=\"skip\").*\)$", re.DOTALL)


def library(operation: str) -> Any:
    """DuckDB. Raises `MissingExtra`."""
    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", operation) from None
    return duckdb


def connected(
    operation: str, *, external: bool = False, limits: Mapping[str, str | int] | None = None, files: Sequence[int] = ()
) -> Any:
    """A connection of our own, with times in UTC. No query on it opens a file or a network connection, loads an extension
    or changes that; with `external`, it does what DuckDB does. limits: settings of DuckDB besides, such as `memory_limit`.
    files: descriptors of files that may be read, and by `COPY` written: run nothing there but a SELECT. Raises `MissingExtra`.
    """
    duckdb = library(operation)
    connection = duckdb.connect(config={**({} if external else CLOSED), **(limits or {})})
    with suppress(duckdb.Error):  # a build without zones has nothing to set
        connection.execute("SET GLOBAL TimeZone = 'UTC'")  # of its cursors, too
    if not external:
        if files:
            _allow(connection, files)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    return connection


def _allow(connection: Any, files: Sequence[int]) -> None:
    """DuckDB allows paths, and follows each to its end at once. A descriptor has two: the name of its file and, once that is
    removed, its own. It takes down the second only while the descriptor leads to nothing that has a name.
    """
    names = [os.readlink(path_of(descriptor)) for descriptor in files]
    copies = [os.dup(descriptor) for descriptor in files]
    nameless, other_end = os.pipe()
    try:
        for descriptor in files:
            os.dup2(nameless, descriptor, inheritable=False)
        paths = [*names, *map(path_of, files)]
        connection.execute(f"SET allowed_paths = [{', '.join(map(_literal, paths))}]")
    finally:
        for copy, descriptor in zip(copies, files, strict=True):
            os.dup2(copy, descriptor, inheritable=False)
        for used in (nameless, other_end, *copies):
            os.close(used)


def path_of(descriptor: int) -> str:
    """The path under which this process, and no other, opens the file of a descriptor anew. Linux only."""
    return f"/proc/self/fd/{descriptor}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def skips_by_time() -> bool:
    """Does this DuckDB skip row groups by a condition on what is made of their times? Before 2.0, it read all days."""
    import duckdb

    return int(duckdb.__version__.partition(".")[0]) >= 2


def reads_only(text: str) -> bool:
    """Is it nothing but SELECT, which writes no file? False also for what DuckDB can't parse."""
    import duckdb

    try:
        return all(statement.type == duckdb.StatementType.SELECT for statement in duckdb.extract_statements(text))
    except duckdb.Error:
        return False


def failed(operation: str, error: Exception, hint: str = "") -> ModelDataError:
    """hint: what helps where a value of the archive is not of its column's type, or bytes are damaged."""
    ours = _OURS.search(str(error))
    if ours is not None:
        return ModelDataError(operation, cause=_HINT.sub("", ours[0]), hint=hint)
    text, _, _ = str(error).partition("\n\nLINE ")  # after it comes a picture of the place, of several lines
    if type(error).__name__ == "PermissionException":
        hint = ALLOW
    text = _LIVE.sub(lambda path: os.readlink(path[0]) if os.path.islink(path[0]) else path[0], text)
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
