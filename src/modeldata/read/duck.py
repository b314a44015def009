"""DuckDB as we use it: a connection that opens nothing by itself, and what it says when it fails."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from modeldata.catalog.errors import need
from modeldata.errors import ModelDataError

CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}
ALLOW = "external=True lets a query open other files and the network"
_OURS = re.compile(r"could not read the archive: .*?(?=\. Detail: Python exception)", re.DOTALL)
_HINT = re.compile(r" \((?:read\(\) takes a wider type|[^()]*errors=\"skip\").*\)$", re.DOTALL)


def connected(operation: str, *, external: bool = False) -> Any:
    """A connection of our own, with times in UTC. No query on it opens a file or a network connection, loads an extension
    or changes that; with `external`, it does what DuckDB does. Raises `MissingExtra`.
    """
    try:
        import duckdb
    except ImportError:
        raise need("duckdb", "sql", operation) from None
    connection = duckdb.connect(config={} if external else CLOSED)
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
