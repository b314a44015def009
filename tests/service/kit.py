"""A recorder over an archive of its own, and what the archive holds in the end, read as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modeldata import Archive, Recorder
from tests.support.archive import rows_of
from tests.support.scripts import drain

Rows = list[dict[str, Any]]


class Recording:
    """Make a recorder, use it, ask once for what was archived."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.archive = Archive(folder, format="jsonl", ship="off", **settings)

    def recorder(self, **options: Any) -> Recorder:
        return Recorder("m", archive=self.archive, **options)

    def rows(self) -> dict[str, Rows]:
        """By identifier; only what was collected has columns, ours aside."""
        self.archive.close(0)
        return read(self.folder)


def read(folder: Path) -> dict[str, Rows]:
    """What was collected into the archive of a folder, shipped first."""
    drain(folder)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.jsonl") if path.is_file()}
    found: dict[str, Rows] = {"inputs": [], "predictions": [], "requests": []}
    for row in rows_of({"/" + name: data for name, data in files.items() if not name.startswith(".")}):
        identifier = next(part for part in str(row["@path"]).split("/") if part in found)
        found[identifier].append(dict(row))
    return found


def features(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(value for name, value in row.items() if name[0] not in "$@") for row in rows]
