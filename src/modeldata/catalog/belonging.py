"""To which collector the lines of a folder belong, and which count: the manifest decides, each batch counts once. Pure.

A line names its collector and the times of its rows. Where the folder is another collector's, or another day, somebody copied
the line there: its batch is *misplaced*, and counts for nobody, unless it is the collector's own and its day has no folder: then
the folder was renamed, and nothing else has the rows. A line that repeats another is a *copy*: sync programs leave
whole manifests under a second name. Folders that hold the same day of one collector (a backup of an archive inside of it) are
compared by the numbers of their rows.

Where a disk takes `Churn` and `churn` for one name, the second gets another (see `names.respelled`). Earlier versions put both
into one folder. Their lines are *twins*: each is read by its name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from modeldata.format import names
from modeldata.format.paths import collector_folder, generation_of_manifest, is_same_folder
from modeldata.format.ranges import Ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from modeldata.catalog.batches import Contents
    from modeldata.catalog.lines import ManifestLine
    from modeldata.format.manifest import Entry
    from modeldata.format.paths import DataFolder


class SortedLines(NamedTuple):
    """The committed lines of a folder. `counted`: those that lie where they belong, once each, and those of a renamed day.

    twins: the identities among them that share the folder because only the case of a letter tells them apart.
    problems: ids that two lines give with different content.
    """

    counted: list[ManifestLine]
    copies: list[ManifestLine]
    misplaced: list[ManifestLine]
    twins: list[dict[str, str]]
    problems: list[str]


def sort_lines(
    lines: Iterable[ManifestLine], place: DataFolder | None, has_day: Callable[[DataFolder, int], bool]
) -> SortedLines:
    """place: the day or hour that the folder is; None where it is none, and then no line belongs there.

    has_day: has its collector a folder of the day of a time (nanoseconds since 1970)?
    """
    result = SortedLines([], [], [], [], [])
    first: dict[str, ManifestLine] = {}
    for line in sorted(lines, key=lambda line: (len(line.log), line.log, line.number)):
        known = first.setdefault(line.batch, line) if line.batch else line
        if line.problem or (known is line and (_belongs(line, place) or _is_renamed(line, place, has_day))):
            result.counted.append(line)
        elif known is line:
            result.misplaced.append(line)
        else:
            result.copies.append(line)
            if _content(line.entry) != _content(known.entry):
                result.problems.append(f"{known.where} and {line.where} both say what batch {line.batch} is, and not the same")
    if place is not None:
        strangers = {home(line): line.entry.identity for line in result.counted if not line.problem and not is_own(line, place)}
        result.twins.extend(strangers.values())
    return result


def _content(entry: Entry) -> Entry:
    """What a line says of its rows. A shipper that lost its memory may have put them into a second place."""
    return entry._replace(file="", offset=0, size=0, archived_ns=0, spool="", host="", others={})


def _belongs(line: ManifestLine, place: DataFolder | None) -> bool:
    if place is None:
        return False
    entry, folder = line.entry, place.collector
    if entry.file and entry.rows and not place.start_ns <= entry.first_ns <= entry.last_ns < place.end_ns:
        return False
    return is_own(line, place) or is_same_folder(home(line).casefold(), folder.casefold())


def _is_renamed(line: ManifestLine, place: DataFolder | None, has_day: Callable[[DataFolder, int], bool]) -> bool:
    """Is it of a day of the same collector that has no folder of its own?"""
    return place is not None and is_own(line, place) and not has_day(place, line.entry.first_ns)


def is_own(line: ManifestLine, place: DataFolder) -> bool:
    """Is a line that belongs into a folder its collector's own, under either of its names, and no twin's?"""
    return is_same_folder(home(line), place.collector) or is_same_folder(_respelled(home(line)), _respelled(place.collector))


def home(line: ManifestLine) -> str:
    """The folder of the collector that a line names."""
    return _home(*(line.entry.identity[part] for part in names.IDENTITY))


_respelled = lru_cache(4096)(names.respelled)


@lru_cache(4096)
def _home(*identity: str) -> str:
    return collector_folder(dict(zip(names.IDENTITY, identity, strict=True)))


def name_of(identity: Mapping[str, str]) -> str:
    """A collector for messages."""
    return f"{identity['model_name']}/{identity['identifier']}"


def described(misplaced: Sequence[ManifestLine], place: str) -> list[str]:
    """What to say of lines that lie where they don't belong, one text for each manifest and collector."""
    groups = Counter((line.log.rpartition("/")[2], home(line)) for line in misplaced)
    return [f"{place}: {count} batches in {log} are of another day or of {folder}" for (log, folder), count in groups.items()]


def count_once(each: Sequence[Contents], originals: Sequence[str]) -> None:
    """Take batches out of later folders if an earlier one accounts for their rows: all of them hold one day of one collector.

    Rows are known by their writer and number, so a batch that was rewritten in one of the folders is still known in the other.
    A batch of which only some rows are known is a problem. originals: files of the last folder that are elsewhere, too.
    """
    rows: dict[tuple[str, str], Ranges] = defaultdict(Ranges)
    notes: set[str] = set()
    for contents in each:
        copies, torn = [], []
        for line in contents.live:
            common, total = _known_rows(line, rows)
            is_note = not line.entry.sequences and line.batch in notes
            if is_note or (total and common == total):
                copies.append(line)
            elif common:
                torn.append(line)
        contents.leave_out(copies, torn, originals)
        for line in contents.live:
            notes.add(line.batch if generation_of_manifest(f"{line.batch}.jsonl") is None else "")
            for writer, low, high in (*line.entry.sequences, *(gap[:3] for gap in line.entry.lost)):
                rows[home(line), writer].add(low, high)


def _known_rows(line: ManifestLine, rows: Mapping[tuple[str, str], Ranges]) -> tuple[int, int]:
    """(how many of its rows are known, how many it has)."""
    entry, known, total = line.entry, 0, 0
    for writer, low, high in entry.sequences:
        total += high - low + 1
        ranges = rows.get((home(line), writer))
        known += sum(last - first + 1 for first, last in ranges.common(low, high)) if ranges else 0
    return known, total
