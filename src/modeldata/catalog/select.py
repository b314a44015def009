"""Which collectors a reader means. Names in an archive say it, except where a name is a hash."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from modeldata.catalog.batches import LEVELS, start_of
from modeldata.catalog.errors import NotThere, near
from modeldata.format import names
from modeldata.format.paths import collector_folder, identity_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.catalog.batches import Catalog, Listing


class CollectorFolders(NamedTuple):
    """Days and hours of one collector, in the order of time."""

    identity: dict[str, str]
    listings: list[Listing]


def collectors(catalog: Catalog) -> list[CollectorFolders]:
    """Every collector of an archive. Folders that manifests call one collector's, such as a backup's, are one collector."""
    merged: dict[tuple[str, ...], CollectorFolders] = {}
    ends = Counter(_end(path) for path in catalog.collectors)
    for path, listings in catalog.collectors.items():
        sure = ends[_end(path)] == 1 or path.count("/") == LEVELS
        identity = (identity_of(path) if sure else None) or _told(catalog, listings) or identity_of(path)
        if identity is not None:
            same = merged.setdefault(tuple(identity.values()), CollectorFolders(identity, []))
            same.listings.extend(listings)
    for each in merged.values():
        each.listings.sort(key=lambda listing: (start_of(listing), len(listing.path), listing.path))
    return list(merged.values())


def _end(path: str) -> str:
    """The last names of a collector's path: where two share them, one may be a copy in the archive of the other."""
    return "/".join(path.rsplit("/", LEVELS)[-LEVELS:])


def _told(catalog: Catalog, listings: list[Listing]) -> dict[str, str] | None:
    """The collector of these rows, by the first manifest that names it."""
    return next((one for listing in listings if listing.manifests and (one := catalog.read(listing).identity)), None)


def _twins(catalog: Catalog, candidates: list[CollectorFolders], part: str, value: str) -> list[CollectorFolders]:
    """Collectors in the folder of another, on a disk that takes `Churn` and `churn` for one name."""
    twins: dict[tuple[str, ...], CollectorFolders] = {}
    for each in candidates:
        if each.identity[part].casefold() != value.casefold():
            continue
        for contents in catalog.read_all(each.listings):
            for twin in contents.twins:
                if twin[part] == value:
                    of_twin = twins.setdefault(tuple(twin.values()), CollectorFolders(twin, []))
                    of_twin.listings.append(contents.listing.of_twin(collector_folder(twin)))
    return list(twins.values())


def choose(catalog: Catalog, wanted: Mapping[str, str | None], archive: str) -> list[CollectorFolders]:
    """The collectors that have every part of `wanted` that is not None.

    Raises `NotThere`, with the names that may have been meant.
    """
    left = collectors(catalog)
    if not left:
        hint = "nothing was archived here yet, or it is another archive; `modeldata status` shows rows that still wait in a spool"
        raise NotThere("read the archive", archive, cause="it has no collectors", hint=hint)
    for part in ("model_name", "identifier", *(part for part in names.IDENTITY if part not in ("model_name", "identifier"))):
        value = wanted.get(part)
        if value is None:
            continue
        fitting = [one for one in left if one.identity[part] == value] or _twins(catalog, left, part, value)
        if not fitting:
            about = _about(wanted, part)
            raise NotThere(
                "read the archive", archive, cause=f"no {_WORDS[part]} {value!r}{about}", hint=near(value, _known(left, part))
            )
        left = fitting
    return left


def _known(collectors: list[CollectorFolders], part: str) -> set[str]:
    return {one.identity[part] for one in collectors}


def _about(wanted: Mapping[str, str | None], part: str) -> str:
    return "" if part == "model_name" or not wanted.get("model_name") else f" of model {wanted['model_name']!r}"


_WORDS = {
    "model_name": "model",
    "identifier": "identifier",
    "account": "account",
    "service": "service",
    "model_id": "model id",
    "model_version": "version",
}
