"""The pages that manifests and notes alone answer: how many rows came when, the audit, the spool, what housekeeping did."""

from __future__ import annotations

import os
from collections import Counter
from itertools import groupby, pairwise
from socket import gethostname
from typing import TYPE_CHECKING, Any

from modeldata.catalog.audit import audit
from modeldata.catalog.coverage import coverage
from modeldata.catalog.ledger import Ledger
from modeldata.catalog.witness import Witness, spool_looker
from modeldata.errors import mask
from modeldata.format.paths import HOUR_NS, generation_of_manifest
from modeldata.ship.status import status_of
from modeldata.spool.files import Files
from modeldata.spool.location import locate_spool, spool_folder_if_any
from modeldata.ui.days import hours_of, known_hours
from modeldata.ui.values import day_of, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modeldata.catalog.batches import Catalog
    from modeldata.format.head import Record
    from modeldata.ui.facts import FolderFacts
    from modeldata.ui.source import Clock, Look, Source

QUIET_HOURS = 2
"""So many hours without a row, between two with rows, are named."""
MOST_QUIET = 20
COVERED_NS = 31 * 24 * HOUR_NS
"""How far back it is looked whether writers lived: a record for each round is read."""


def overview(source: Source, clock: Clock | None, now_ns: int) -> dict[str, Any]:
    """What is archived of each collector, by day and hour, from manifests.

    clock: as long as it runs, the hours of batches that lie across several are read from their rows.
    """
    look = source.look()
    if clock is not None:
        for folder in reversed(look.facts):
            if known_hours(source, folder) is None and not clock.is_over:
                hours_of(source, look, folder)
    groups = [list(group) for _, group in groupby(look.facts, key=lambda each: each.view)]
    return {
        "archive": mask(source.archive),
        "at": moment(now_ns),
        "rows": sum(each.rows for each in look.facts),
        "bytes": sum(each.bytes for each in look.facts),
        "collectors": [_collector(source, group) for group in groups],
        "problems": [problem for each in look.facts for problem in each.problems],
    }


def _collector(source: Source, folders: Sequence[FolderFacts]) -> dict[str, Any]:
    identity = {part: value for part, value in folders[0].identity.items() if part != "model_version"}
    hours, unknown = _hours(source, folders)
    return {
        "view": folders[0].view,
        "name": f"{identity['model_name']}/{identity['identifier']}",
        "identity": identity,
        **_totals(folders),
        "files": sum(each.files for each in folders),
        "columns": list(dict.fromkeys(name for each in folders for name in each.columns)),
        "versions": [
            {"version": version, **_totals([each for each in folders if each.version == version])}
            for version in dict.fromkeys(each.version for each in folders)
        ],
        "days": [
            {"day": day, "rows": sum(each.rows for each in part), "versions": _summed({each.version: each.rows} for each in part)}
            for day, part in _by_day(folders)
        ],
        "hours": [{"hour": moment(hour * HOUR_NS), "rows": rows} for hour, rows in sorted(hours.items())],
        "rows_without_hour": unknown,
        "quiet": _quiet(hours) if not unknown else [],
        "refused": _summed(each.refused for each in folders),
        "lost": _summed(each.lost for each in folders),
        "files_without_manifest": sum(each.originals for each in folders),
    }


def _totals(folders: Sequence[FolderFacts]) -> dict[str, Any]:
    return {
        "rows": sum(each.rows for each in folders),
        "bytes": sum(each.bytes for each in folders),
        "first": moment(min((each.first_ns for each in folders if each.first_ns is not None), default=None)),
        "last": moment(max((each.last_ns for each in folders if each.last_ns is not None), default=None)),
    }


def _by_day(folders: Sequence[FolderFacts]) -> list[tuple[str, list[FolderFacts]]]:
    return [
        (day, list(part))
        for day, part in groupby(sorted(folders, key=lambda each: each.start_ns), key=lambda each: day_of(each.start_ns))
    ]


def _hours(source: Source, folders: Sequence[FolderFacts]) -> tuple[Counter[int], int]:
    """Rows by hour, and how many rows lie in batches across several hours that were not read yet."""
    hours: Counter[int] = Counter()
    unknown = 0
    for each in folders:
        known = known_hours(source, each)
        hours.update(each.hours if known is None else known)
        unknown += each.spread if known is None else 0
    return hours, unknown


def _quiet(hours: Mapping[int, int]) -> list[dict[str, Any]]:
    """The longest stretches without a row, between the first and the last hour with rows."""
    busy = sorted(hour for hour, rows in hours.items() if rows)
    gaps = [(after - before - 1, before + 1) for before, after in pairwise(busy) if after - before > QUIET_HOURS]
    longest = sorted(gaps, key=lambda gap: (-gap[0], gap[1]))[:MOST_QUIET]
    return [
        {"from": moment(start * HOUR_NS), "to": moment((start + count) * HOUR_NS), "hours": count} for count, start in longest
    ]


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def proof(source: Source, *, check_bytes: bool, now_ns: int) -> dict[str, Any]:
    """The audit with the spools of this host as witnesses; and in which hours no writer lived, as far as heads say it."""
    files, settings = Files(), source.settings.only(source.archive)
    usual = spool_folder_if_any(settings, files, os.environ)
    witness = Witness([], None, spool_looker(source.archive, source.store, files, gethostname(), [], usual))
    report = audit(source.store, check_bytes=check_bytes, witness=witness)
    hours = coverage(source.store, now_ns - COVERED_NS, now_ns)
    unrecorded = [hour for hour in hours if hour.state]
    return {
        "archive": mask(source.archive),
        "checked_bytes": check_bytes,
        **report.as_dict(),
        "hours_without_rows": [
            {
                "hour": moment(hour.start_ns),
                "host": hour.host,
                "service": hour.service,
                "writers": hour.writers,
                "state": hour.state,
            }
            for hour in unrecorded
        ],
    }


def spool(source: Source, now_ns: int) -> dict[str, Any]:
    """What waits, who leads, the last error, the lag: of the spool of these settings, read from its own files."""
    files = Files()
    location = locate_spool(source.settings, files, os.environ)
    status = status_of(source.settings, files, now_ns).as_dict()
    leader = status["leader"]
    if isinstance(leader, dict):
        status["leader"] = {**leader, "since": moment(leader.get("since_ns")), "beat": moment(leader.get("beat_ns"))}
    return {
        "archive": mask(source.settings.archive),
        "spool": location.folder,
        "note": location.note,
        "at": moment(now_ns),
        **status,
    }


def keeping(source: Source) -> dict[str, Any]:
    """What `compact`, `prune` and `erase` did: folders that were rewritten, and the records that runs left."""
    runs: list[dict[str, Any]] = []

    def seen(log: str, record: Record) -> None:
        if record.replaces or record.pruned:
            runs.append({
                "at": moment(record.time_ns), "host": record.host, "run": log, "batches": len(record.batches),
                "replaced": len(record.replaces), "pruned": record.pruned,
            })  # fmt: skip

    Ledger.read(source.store, seen)
    look = source.look()
    return {
        "archive": mask(source.archive),
        "lost": _summed(each.lost for each in look.facts),
        "folders": list(_rewritten(look, look.catalog)),
        "runs": sorted(runs, key=lambda run: str(run["at"]), reverse=True),
    }


def _rewritten(look: Look, catalog: Catalog) -> Iterable[dict[str, Any]]:
    for each in look.facts:
        numbers = [number for log in catalog.listings[each.path].manifests if (number := generation_of_manifest(log))]
        if numbers:
            yield {
                "folder": each.path, "view": each.view, "version": each.version, "day": day_of(each.start_ns),
                "generation": max(numbers), "rows": each.rows, "files": each.files, "lost": each.lost,
            }  # fmt: skip
