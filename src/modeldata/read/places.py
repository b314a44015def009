"""Folders of an archive by their names alone: whose rows are there, of which day or hour. The reverse of `names.folder`; pure."""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from modeldata import names

HOUR_NS = 3_600_000_000_000
_DATED = re.compile(r"(?P<above>.+)/(?P<day>\d{4}/\d{2}/\d{2})(?:/(?P<hour>\d{2}))?")
HYPHEN = "~2D"
_EPOCH = dt.date(1970, 1, 1)
_GROWN = re.compile(r"data\.(csv|jsonl)")
_NUMBERED = re.compile(r"data-[0-9a-f]+-\d+\.(csv|jsonl|parquet)")


class DataFolder(NamedTuple):
    """One day, or one hour, of one collector. `collector` is the folder above it; rows there have times in [start_ns, end_ns)."""

    path: str
    collector: str
    start_ns: int
    end_ns: int


def place_of(folder: str) -> DataFolder | None:
    """What a folder is for; None for one that is no day or hour."""
    found = _DATED.fullmatch(folder)
    if found is None:
        return None
    try:
        day = dt.date(*map(int, found["day"].split("/")))
        hour = dt.time(int(found["hour"] or 0)).hour
    except ValueError:
        return None
    start = ((day - _EPOCH).days * 24 + hour) * HOUR_NS
    return DataFolder(folder, found["above"], start, start + (HOUR_NS if found["hour"] else 24 * HOUR_NS))


def identity_of(collector: str) -> dict[str, str] | None:
    """Whose rows are below a collector's folder; None where its name does not tell (a hash in it, or not one of ours)."""
    *account, service, model, identifier = collector.split("/")
    if not account:
        return None
    parts = _model_parts(model)
    decoded = [_decoded(part) for part in (*account, service, identifier)]
    if parts is None or None in decoded:
        return None
    *levels, service_name, identifier_name = (part or "" for part in decoded)
    values = ("/".join(levels), service_name, *parts, identifier_name)
    return dict(zip(names.IDENTITY, values, strict=True))


def _model_parts(model: str) -> tuple[str, str, str] | None:
    """(id, name, version); where hyphens inside of them are escaped, those between them are the only ones."""
    if HYPHEN not in model:
        joined = _decoded(model)
        return None if joined is None else names.taken_apart(joined)
    parts = [_decoded(part.replace(HYPHEN, "-")) for part in model.split("-")]
    if len(parts) != 3 or None in parts:
        return None
    first, second, third = parts
    return str(first), str(second), str(third)


def _decoded(component: str) -> str | None:
    """Names that are not in our form are as they are: the original wrote them so."""
    try:
        return names.decode_component(component)
    except ValueError:
        return component


def file_format(name: str) -> str | None:
    """csv, jsonl or parquet for a name that a data file of ours can have, else None."""
    found = _GROWN.fullmatch(name) or _NUMBERED.fullmatch(name)
    return found[1] if found else None
