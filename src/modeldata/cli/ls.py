"""`modeldata ls`: what is in an archive, by its manifests alone."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from modeldata.cli.common import ArchiveOption, JsonOption, reader_of, warn
from modeldata.errors import mask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.read.catalog import Catalog
    from modeldata.read.choose import Collector
    from modeldata.read.reader import Reader

FOLDERS = 64
"""Whose manifests are in memory at once."""


class Summary(NamedTuple):
    """One collector of one model version, as its manifests tell. Times in ns since 1970, UTC; None without rows.

    original: files of the 2017 original, whose rows nobody counted.
    """

    identity: dict[str, str]
    days: int
    files: int
    rows: int
    bytes: int
    first_ns: int | None
    last_ns: int | None
    original: int

    @property
    def name(self) -> str:
        return f"{self.identity['model_name']}/{self.identity['identifier']}"

    def as_dict(self) -> dict[str, object]:
        return {**self.identity, **{name: value for name, value in self._asdict().items() if name != "identity"}}


def ls(
    pattern: Annotated[str, typer.Argument(help="Only collectors like this: churn/*, */inputs.")] = "*",
    archive: ArchiveOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the collectors of an archive: versions, rows, bytes, first and last row.

    Told by manifests: no row is read, however many there are. Rows that still wait in a spool are not counted (see
    `modeldata status`).
    """
    reader = reader_of(archive)
    found = [one for one in summaries(reader) if fnmatchcase(one.name, pattern) or fnmatchcase(one.name, f"{pattern}/*")]
    if as_json:
        print(json.dumps({"archive": mask(reader.url), "collectors": [one.as_dict() for one in found]}))
        return
    if found:
        Console(highlight=False).print(_table(found))
    else:
        warn(f"no collectors{'' if pattern == '*' else f' like {pattern!r}'} in {reader.url}")


def summaries(reader: Reader) -> list[Summary]:
    """Every collector, by name and version. Raises `Unavailable`."""
    from modeldata.read.catalog import Catalog
    from modeldata.read.choose import collectors

    catalog = Catalog.of(reader.store)
    made = [_summary(catalog, reader, one) for one in collectors(catalog)]
    return sorted(made, key=lambda one: (one.name, one.identity["model_version"], sorted(one.identity.values())))


def _summary(catalog: Catalog, reader: Reader, collector: Collector) -> Summary:
    rows = size = original = 0
    times: list[int] = []
    files: set[str] = set()
    for told_rows, told_bytes, path, first, last in _batches(catalog, reader, collector):
        rows, size = rows + told_rows, size + told_bytes
        files.add(path)
        times += [first, last] if told_rows else []
        original += not told_rows
    days = {listing.place.start_ns // 86_400_000_000_000 for listing in collector.listings if listing.place}
    first_ns, last_ns = (min(times), max(times)) if times else (None, None)
    return Summary(collector.identity, len(days), len(files), rows, size, first_ns, last_ns, original)


def _batches(catalog: Catalog, reader: Reader, collector: Collector) -> Iterator[tuple[int, int, str, int, int]]:
    """(rows, bytes, path, first, last) of each live batch, and of each file of the original, which has no rows to tell of."""
    for start in range(0, len(collector.listings), FOLDERS):
        for contents in catalog.read_all(collector.listings[start : start + FOLDERS]):
            for problem in contents.problems:
                warn(problem)
            try:
                for batch in contents.batches():
                    yield batch.rows, batch.size, batch.path, batch.first_ns, batch.last_ns
            except ValueError as error:
                warn(str(error))
            for path in contents.originals:
                yield 0, reader.store.length(path), path, 0, 0


def _table(found: list[Summary]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    services = len({one.identity["service"] for one in found}) > 1
    versions = any(one.identity["model_version"] != "unknown" for one in found)
    shown.add_column("collector", overflow="fold")
    if services:
        shown.add_column("service", overflow="fold")
    if versions:
        shown.add_column("version", overflow="fold")
    for name in ("rows", "bytes", "days"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("first (UTC)", "last (UTC)"):
        shown.add_column(name, no_wrap=True)
    for one in found:
        extra = [one.identity["service"]] * services + [one.identity["model_version"]] * versions
        rows = f"{one.rows:,}" + ("+?" if one.original else "")
        shown.add_row(one.name, *extra, rows, size_text(one.bytes), str(one.days), moment(one.first_ns), moment(one.last_ns))
    return shown


def moment(time_ns: int | None) -> str:
    """To the minute: that is what fits."""
    import datetime as dt

    if time_ns is None:
        return ""
    return (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=time_ns // 1000)).strftime("%Y-%m-%d %H:%M")


def size_text(size: float) -> str:
    """Bytes, with the unit that a person would take."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"
