"""What the commands ask for, and what became of it, folder by folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.format.paths import DataFolder
    from modeldata.keep.rewrite import RewriteRun
    from modeldata.store import Store


class KeepJob(NamedTuple):
    """An archive, and which folders are meant: parts of the identity, None for any."""

    store: Store
    archive: str
    wanted: Mapping[str, str | None]
    run: RewriteRun
    patient: bool = True
    """A folder that somebody else is rewriting is reported as a problem; else `Busy` is raised."""


class FolderResult(NamedTuple):
    """What became of one folder, or in a dry run would. `rows`: compacted, pruned or erased. `files`: old ones and their `bytes`.

    problem: why it was not done, or not all of it; empty if it was. note: what else to know. `day` is empty where it is about
    the whole collector. still_there: old files that the store would not remove (another program holds them): the next run does.
    """

    collector: str
    day: str
    rows: int
    files: int
    bytes: int
    problem: str = ""
    note: str = ""
    still_there: tuple[str, ...] = ()


Each: TypeAlias = "Callable[[Callable[[DataFolder], list[Any]], list[DataFolder]], Iterable[list[Any]]]"
"""Does some work on each of some folders, here or elsewhere. The work is a `functools.partial`; its first argument is the job."""
