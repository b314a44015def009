"""Which archive may have been meant, where there is nothing of ours: a near name, or a folder further up or down."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

from modeldata import urls
from modeldata.store.archive_id import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeldata.spool.files import Files

UP = 6
"""Folders above: a collector's day has so many."""
MOST = 1000
"""Names of a folder that are looked at."""
UNKNOWN = "nothing was archived here yet, or it is another place; `modeldata status` shows rows that still wait in a spool"


def meant(archive: str, files: Files) -> list[str]:
    """Hints, in words, for an archive in which nothing was found."""
    folder = None if urls.scheme_of(archive) else urls.local_folder(archive)
    places = list(dict.fromkeys(_archives_near(os.path.abspath(folder), files))) if folder else []
    return [f"an archive that may be meant: {place}" for place in places] or [UNKNOWN]


def _archives_near(folder: str, files: Files) -> Iterator[str]:
    """Of what is there: names like this one beside it, and what is above or right below."""
    above, name = os.path.split(folder)
    near = difflib.get_close_matches(name, _names(above, files), 3)
    beside = [os.path.join(above, other) for other in near if other != name]
    below = [os.path.join(folder, other) for other in _names(folder, files)]
    for _ in range(UP):
        beside.append(above)
        above = os.path.dirname(above)
    yield from (place for place in (*beside, *below) if _is_archive(place, files))


def _names(folder: str, files: Files) -> list[str]:
    try:
        return files.listdir(folder)[:MOST]
    except OSError:
        return []


def _is_archive(folder: str, files: Files) -> bool:
    try:
        files.stat(os.path.join(folder, NAME))
    except OSError:
        return False
    return True
