"""What does a fleet write in a day, with the unit costs that the other benchmarks measured? Arithmetic; nothing is run.

Draws the tables of docs/scale.md: batches, objects, requests, bytes, and the shipper's share of a core, by rate, hosts and store.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import number, table
from benchmarks.peer_env import ROOT
from benchmarks.sections import RESULTS, with_section
from modeldata.settings import Settings
from modeldata.ship.gather import ROUND_BYTES

PAGE = ROOT / "docs" / "scale.md"
DAY = 86_400
RATES = (1, 1_000, 100_000)
HOSTS = (1, 10, 100, 1_000, 10_000)
SHAPE = "DataFrame 1x20"
MANIFEST_BYTES = 900
"""A batch's line, about: of 20 columns with their types."""
PUTS_A_SECOND = 3_500
"""What S3 promises for one prefix before it has split it: a day of a collector is one."""


class Units(NamedTuple):
    """What a row costs, of 20 columns, one a call: measured here."""

    collect_us: float
    spool_bytes: float
    ship_us: dict[str, float]
    crumb_ms: float
    archive_bytes: dict[str, float]


class Way(NamedTuple):
    """A kind of archive. `grows`: a host has one file a day and collector; else every batch is an object of its own."""

    title: str
    file_format: str
    grows: bool
    seconds: float
    batch_bytes: float


class Day(NamedTuple):
    """What one collector brings to an archive in a day."""

    batches: float
    objects: float
    requests: float
    stored: float
    core: float
    """Of one core on each host, for shipping: 1 is all of it."""


def ways() -> list[Way]:
    """The defaults, and what a large fleet sets."""

    def way(title: str, url: str, grows: bool, **given: Any) -> Way:
        settings = Settings.build({}, archive=url, **given)
        return Way(title, settings.format, grows, settings.batch_seconds, settings.batch_bytes)

    return [
        way("Azure, CSV", "az://models", True),
        way("S3, CSV", "s3://models", False),
        way("S3, Parquet", "s3://models", False, format="parquet"),
        way("S3, Parquet, a batch an hour", "s3://models", False, format="parquet", batch_seconds=3600.0),
    ]


def day(units: Units, way: Way, rate: float, hosts: int) -> Day:
    """rate: rows a second of one collector, over all hosts."""
    mine = rate / hosts
    size = units.archive_bytes[way.file_format]
    each = max(min(1 / way.seconds, mine), mine * units.spool_bytes / min(way.batch_bytes, ROUND_BYTES))
    batches = hosts * DAY * each
    return Day(
        batches,
        2.0 * hosts if way.grows else 2 * batches,
        2 * batches,
        rate * DAY * size + batches * MANIFEST_BYTES,
        mine * units.ship_us[way.file_format] / 1e6 + each * units.crumb_ms / 1e3,
    )


def read_units(results: Path = RESULTS) -> Units:
    """From the runs that are kept as references."""
    peers, shipper, shipping = (
        json.loads((results / f"{name}.json").read_text()) for name in ("reference", "reference-shipper", "reference-shipping")
    )
    mine = [one for one in shipper["figures"] if one["shape"] == SHAPE]
    return Units(
        peers["peers"]["peer_modeldata:Modeldata"]["times"][f"{SHAPE}, paced"]["median"],
        mine[0]["spool_bytes_a_row"],
        {one["format"]: one["us_a_row"]["whole"] for one in mine},
        shipper["crumb_ms"],
        {one["format"]: one["bytes_per_row"] for one in shipping["figures"] if one["store"] == "local"},
    )


def size(found: float) -> str:
    """Bytes, with the unit that a person would take."""
    for unit in ("B", "kB", "MB", "GB"):
        if found < 1000:
            return f"{found:.3g} {unit}"
        found /= 1000
    return f"{found:,.3g} TB"


def share(core: float) -> str:
    """A part of a core."""
    return f"{100 * core:.2g} %" if core >= 1e-4 else "< 0.01 %"


def section(units: Units) -> str:
    """The tables of the page: of the same measured costs always the same."""
    return "\n\n".join([_units(units), *(_fleet(units, way) for way in ways()), _outage(units)])


def _units(units: Units) -> str:
    rows = [
        ["`collect()` in the service, a data frame of one row, one call per 4 ms, median", f"{number(units.collect_us)} µs"],
        ["spool, bytes a row", number(units.spool_bytes)],
        *([f"shipper, processor time a row, {form}", f"{cost:.1f} µs"] for form, cost in units.ship_us.items()),
        *([f"archive, bytes a row, {form}", number(cost)] for form, cost in units.archive_bytes.items()),
        ["shipper, processor time a batch, however small", f"{units.crumb_ms:.1f} ms"],
        ["a batch", "2 requests: its rows, its manifest line"],
        ["a manifest line, about", f"{MANIFEST_BYTES} bytes"],
    ]
    return table(["what", "measured"], rows)


def _fleet(units: Units, way: Way) -> str:
    rows = []
    for rate in RATES:
        for hosts in HOSTS:
            found = day(units, way, rate, hosts)
            if found.core > 1:
                rows.append([f"{rate:,}", f"{hosts:,}", "more than one host ships", "", "", "", ""])
                continue
            late = found.requests / DAY > PUTS_A_SECOND and not way.grows
            cells = [
                f"{found.batches:,.0f}",
                f"{found.objects:,.0f}",
                f"{number(found.requests / DAY)}" + (" **!**" if late else ""),
            ]
            rows.append([f"{rate:,}", f"{hosts:,}", *cells, size(found.stored), share(found.core)])
    head = ["rows/s", "hosts", "batches a day", "objects a day", "requests/s", "stored a day", "shipper, of a core a host"]
    return f"### {way.title}: a batch every {way.seconds:g} s and host\n\n{table(head, rows)}"


def _outage(units: Units) -> str:
    rows = []
    for mine in (1, 10, 100, 1_000, 10_000):
        hours = Settings.build({}).spool_max_bytes / (mine * units.spool_bytes) / 3600
        rows.append([f"{mine:,}", size(mine * units.spool_bytes * 3600), f"{number(hours)} h"])
    return "### A store that is down\n\n" + table(
        ["rows/s of a host", "spool an hour", "until 1 GiB is full (the default)"], rows
    )


def page() -> None:
    """Draws the tables from the runs that are kept as references."""
    PAGE.write_text(with_section(PAGE.read_text(), "fleet", section(read_units())))


def main() -> None:
    print(section(read_units()))


if __name__ == "__main__":
    main()
