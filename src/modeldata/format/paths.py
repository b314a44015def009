"""Paths in an archive, made and read back: folders of collectors and days, data files, manifests. Pure.

Each function that makes a name stands beside the one that reads it. A name that is none of ours reads as None.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, NamedTuple

from modeldata.format import names
from modeldata.format.files import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR_NS = 3_600_000_000_000
HYPHEN = "~2D"
_GUID = (8, 4, 4, 4, 12)
_DATED = re.compile(r"(?P<above>.+)/(?P<day>\d{4}/\d{2}/\d{2})(?:/(?P<hour>\d{2}))?")
_EPOCH = dt.date(1970, 1, 1)
_GROWN = re.compile(rf"data\.({'|'.join(name for name, facts in FORMATS.items() if facts.grows)})")
_NUMBERED = re.compile(rf"data-[0-9a-f]+-\d+\.({'|'.join(FORMATS)})")
_REWRITTEN = re.compile(rf"data-([0-9a-f]{{8}})[0-9a-f]{{32}}-\d+\.(?:{'|'.join(FORMATS)})")
"""A generation, then the id of the run that made it. Spools and Spark have shorter ids."""
_OF_A_CALL = re.compile(rf"data-[0-9a-f]{{24}}-\d+\.(?:{'|'.join(FORMATS)})")
_LITTER = frozenset(("thumbs.db", "desktop.ini", "icon\r"))
_GENERATION = re.compile(r"generation-(\d+)\.jsonl")
_PENDING_RECORD = re.compile(r"([0-9a-f]{32}-[0-9a-f]{8}-(\d+))\.record")


def day_folder(identity: Mapping[str, str], time_ns: int, hour_folders: bool) -> str:
    """Where rows of `time_ns` (nanoseconds since 1970, UTC) go, below the archive.

    `<collector_folder>/<yyyy>/<mm>/<dd>[/<hh>]`.
    """
    return f"{collector_folder(identity)}/{moment(time_ns, hour_folders)}"


def collector_folder(identity: Mapping[str, str]) -> str:
    """Where the days of a collector are: `<account>/<service>/<model_id>-<model_name>-<model_version>/<identifier>`.

    An account `subscription/group/name` gives three levels.
    """
    levels = identity["account"].split("/", 2)
    model = _model(identity["model_id"], identity["model_name"], identity["model_version"])
    above = [names.component(part) for part in (*levels, identity["service"])]
    return "/".join([*above, model, names.component(identity["identifier"])])


def _model(model_id: str, name: str, version: str) -> str:
    """`<id>-<name>-<version>`, different for different models although each part may have a `-` of its own.

    As it stands where a reader takes it apart as meant: up to the first `-` (or a GUID) it is the id, after the last `-` the
    version. Else every `-` inside a part becomes `~2D`.
    """
    joined = f"{model_id}-{name}-{version}"
    if taken_apart(joined) == (model_id, name, version):
        return names.component(joined)
    parts = (names.component(part).replace("-", names.escaped("-")) for part in (model_id, name, version))
    return names.shortened("-".join(parts))


def taken_apart(joined: str) -> tuple[str, str, str]:
    """(id, name, version) of a model's folder: up to the first `-` (or a GUID) it is the id, after the last `-` the version."""
    groups = joined.split("-")
    guid = len(groups) > len(_GUID) + 1 and all(
        len(group) == length and all(digit in "0123456789abcdefABCDEF" for digit in group)
        for group, length in zip(groups, _GUID, strict=False)
    )
    ends = len(_GUID) if guid else 1
    return "-".join(groups[:ends]), "-".join(groups[ends:-1]), groups[-1]


def moment(time_ns: int, hour_folders: bool) -> str:
    """`yyyy/mm/dd` or `yyyy/mm/dd/hh` in UTC, by whole numbers alone: no time zone of the machine has a say."""
    days, hour = divmod(time_ns // HOUR_NS, 24)
    text = dt.date.fromordinal(_EPOCH.toordinal() + days).isoformat().replace("-", "/")
    return f"{text}/{hour:02d}" if hour_folders else text


class DataFolder(NamedTuple):
    """One day, or one hour, of one collector. `collector` is the folder above it; rows there have times in [start_ns, end_ns)."""

    path: str
    collector: str
    start_ns: int
    end_ns: int


def place_of(folder: str) -> DataFolder | None:
    """What a folder is for; None for one that is no day or hour."""
    match = _DATED.fullmatch(folder)
    if match is None:
        return None
    try:
        day = dt.date(*map(int, match["day"].split("/")))
        hour = dt.time(int(match["hour"] or 0)).hour
    except ValueError:
        return None
    start = ((day - _EPOCH).days * 24 + hour) * HOUR_NS
    return DataFolder(folder, match["above"], start, start + (HOUR_NS if match["hour"] else 24 * HOUR_NS))


def place_around(path: str) -> DataFolder | None:
    """The day or hour that a file lies in, however deep; None for one that lies in none."""
    folder = path.rpartition("/")[0]
    while folder and place_of(folder) is None:
        folder = folder.rpartition("/")[0]
    return place_of(folder)


def identity_of(collector: str) -> dict[str, str] | None:
    """The collector of a folder's rows; None where its name does not say (a hash in it, cut off, not one of ours)."""
    levels = collector.split("/")
    if len(levels) < 4:
        return None
    *account, service, model, identifier = levels
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
        return None if joined is None else taken_apart(joined)
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


def is_same_folder(path: str, folder: str) -> bool:
    """Are two paths one folder, seen from archives that may begin at different levels? One is the end of the other."""
    return path == folder or path.endswith(f"/{folder}") or folder.endswith(f"/{path}")


def data_file(file_format: str, spool8: str, number: int) -> str:
    """`data.csv` for the first file of a folder, `data-<spool>-<n>.csv` for each other."""
    return f"data.{file_format}" if number == 0 else f"data-{spool8}-{number}.{file_format}"


def rewritten_file(file_format: str, generation: int, run: str, number: int) -> str:
    """A new data file of a rewrite. run: 32 hex digits that no other run has."""
    return data_file(file_format, f"{generation:08x}{run}", number)


def file_format(name: str) -> str | None:
    """The format for a name that a data file of ours can have, else None."""
    found = _GROWN.fullmatch(name) or _NUMBERED.fullmatch(name)
    return found[1] if found else None


def is_of_a_call(path: str) -> bool:
    """Has it the name of a file of one call on a Spark frame?"""
    return _OF_A_CALL.fullmatch(path.rpartition("/")[2]) is not None


def is_litter(name: str) -> bool:
    """Is it what file managers, Hadoop and consoles of stores leave in any folder, or the marker of an empty folder?"""
    return not name or name.isdigit() or name.lower() in _LITTER or name.endswith((".crc", "_$folder$"))


def generation_of_data(path: str) -> int | None:
    """The generation of a data file that a rewrite made; None for any other file."""
    found = _REWRITTEN.fullmatch(path.rpartition("/")[2])
    return int(found[1], 16) if found else None


def manifest_of(path: str) -> str:
    """The manifest of a data file."""
    folder, _, name = path.rpartition("/")
    return manifest_path(folder, name)


def manifest_path(folder: str, stem: str) -> str:
    return f"{folder}/{names.MANIFEST}/{stem}.jsonl"


def folder_of_manifest(path: str) -> str:
    """The data folder that a manifest, or another file beside it, is about."""
    return path.rpartition(f"/{names.MANIFEST}/")[0]


def owner_note(name: str) -> str:
    """In the folder of a data file: which spool may append to it."""
    return f"{names.MANIFEST}/{name}.owner"


def claim_of(folder: str) -> str:
    """What a rewrite of a folder holds while it works."""
    return f"{folder}/{names.MANIFEST}/rewrite.lock"


def generation_manifest(folder: str, generation: int) -> str:
    """The manifest of a generation: its put is the switch."""
    return manifest_path(folder, f"generation-{generation}")


def generation_of_manifest(path: str) -> int | None:
    """The generation of a manifest; None for any other file."""
    found = _GENERATION.fullmatch(path.rpartition("/")[2])
    return int(found[1]) if found else None


def pending_record(folder: str, log: str) -> str:
    """The record of a rewrite until its switch is known to be there. log: as `log_of_rewrite` makes it."""
    return f"{folder}/{names.MANIFEST}/{log}.record"


def log_of_rewrite(run: str, folder_hash: str, generation: int) -> str:
    """The log of the one record of a rewrite. run: 32 hex digits; folder_hash: at least 8."""
    return f"{run}-{folder_hash[:8]}-{generation}"


def log_of_record(path: str) -> str | None:
    """The log that a pending record is for; None for any other file."""
    found = _PENDING_RECORD.fullmatch(path.rpartition("/")[2])
    return found[1] if found else None


def generation_of_record(path: str) -> int | None:
    """The generation that a pending record waits for, until it is switched to; None for any other file."""
    found = _PENDING_RECORD.fullmatch(path.rpartition("/")[2])
    return int(found[2]) if found else None


def name_of_remnant(path: str) -> str:
    """The name that a hidden file of a put was to get."""
    return path.rpartition("/")[2][1:].rsplit(".", 2)[0]


def generation_of_remnant(path: str) -> int | None:
    """The generation of a hidden file of a rewrite that is not whole; None for any other file."""
    name = path.rpartition("/")[2]
    stem = ".".join(name.split(".")[1:3])
    if not name.startswith("."):
        return None
    return generation_of_data(stem) or generation_of_manifest(stem) or generation_of_record(stem)
