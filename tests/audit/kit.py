"""An archive to do harm to, and an audit that waits for nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

from modeldata.catalog.audit import Audit, audit
from modeldata.spool.files import Files
from modeldata.store import ReadStore, open_store
from tests.read.kit import Shipped

HEADS_CAME_WITH = ("archived_ns", "host", "spool")
"""Fields of manifest lines."""

Wait = Callable[[float], None]


def store_at(root: Path) -> ReadStore:
    return open_store(str(root), Files())


def audited(root: Path | ReadStore, wait: Wait = lambda seconds: None, **options: Any) -> Audit:
    return audit(store_at(root) if isinstance(root, Path) else root, wait=wait, **options)


class Harmed:
    """An archive of one day with two batches of three rows, one data file a batch where the format has it so."""

    def __init__(self, folder: Path, file_format: str = "csv") -> None:
        self.root = folder / "archive"
        self.shipped = Shipped(str(self.root), folder / "spool", file_format)
        for number in range(2):
            self.add(number)

    def add(self, number: int, identifier: str = "inputs") -> None:
        self.shipped.collect(identifier, *({"n": 3 * number + row, "text": 'a "b"\nc'} for row in range(3)))
        self.shipped.ship()

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("data*.*") if path.parent.name != "_manifest")

    @property
    def logs(self) -> list[Path]:
        """The manifests of data."""
        return sorted(self.root.rglob("_manifest/data*.jsonl"))

    @property
    def last_log(self) -> Path:
        return max(self.logs, key=lambda path: (path.stat().st_mtime_ns, path))

    def lines(self, log: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines()]

    def make_old(self) -> None:
        """As versions before heads left it."""
        shutil.rmtree(self.root / "_heads")
        for log in self.logs:
            lines = [{name: value for name, value in line.items() if name not in HEADS_CAME_WITH} for line in self.lines(log)]
            log.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def forge(self, **fields: Any) -> None:
        """Say something else in the newest line."""
        log = self.last_log
        lines = self.lines(log)
        lines[-1] |= fields
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def change_a_value(self, old: bytes = b",5,", new: bytes = b",7,") -> None:
        """As somebody would who knows the format: the checksum fits afterwards."""
        line = self.lines(self.last_log)[-1]
        path = self.last_log.parent.parent / line["file"]
        content = path.read_bytes()
        start = line["offset"] + line["bytes"] - line["row_bytes"]
        rows = content[start : line["offset"] + line["bytes"]].replace(old, new, 1)
        path.write_bytes(content[:start] + rows + content[start + len(rows) :])
        self.forge(crc32=crc32(rows))
