"""Names of what a rewrite makes: the one place where they are known. Pure."""

from __future__ import annotations

import re

from modeldata import names

CLAIM = f"{names.MANIFEST}/rewrite.lock"
_MANIFEST = re.compile(r"generation-(\d+)\.jsonl")
_DATA = re.compile(r"data-([0-9a-f]{8})[0-9a-f]{32}-\d+\.(?:csv|jsonl|parquet)")
"""A generation, then the id of the run that made it. Spools and Spark have shorter ids."""


def manifest(folder: str, generation: int) -> str:
    """The manifest whose put is the switch to a generation."""
    return f"{folder}/{names.MANIFEST}/generation-{generation}.jsonl"


def of_manifest(path: str) -> int | None:
    """The generation of a manifest; None for any other file."""
    found = _MANIFEST.fullmatch(path.rpartition("/")[2])
    return int(found[1]) if found else None


def data_file(generation: int, run: str, number: int, file_format: str) -> str:
    """The name of a new data file. run: 32 hex digits that no other run has."""
    return f"data-{generation:08x}{run}-{number}.{file_format}"


def of_data(path: str) -> int | None:
    """The generation of a data file that a rewrite made; None for any other file."""
    found = _DATA.fullmatch(path.rpartition("/")[2])
    return int(found[1], 16) if found else None


def of_remnant(path: str) -> int | None:
    """The generation of a hidden file, of either, that is not whole; None for any other file."""
    name = path.rpartition("/")[2]
    stem = ".".join(name.split(".")[1:3])
    return None if not name.startswith(".") else of_data(stem) or of_manifest(stem)
