"""CSV, with a header or without one, and lines of JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Cell = str | int | float | None
ABSENT, PRESENT = "header=absent", "header=present"


def csv_rows(body: bytes, headers: Mapping[str, str]) -> object:
    """Dicts where there is a header, else lists. There is one where the content type says so, or where no cell of the first line
    is a number and one of the second is."""
    lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")) if line]
    rows = [list(map(_cell, line)) for line in lines]
    if not rows or not _has_header(rows, headers.get("content-type", "").replace(" ", "").lower()):
        return rows
    names = lines[0]
    return [dict(zip(names, row, strict=False)) for row in rows[1:]]


def _has_header(rows: list[list[Cell]], content_type: str) -> bool:
    if ABSENT in content_type or PRESENT in content_type:
        return PRESENT in content_type
    if len(rows) < 2 or len(set(map(str, rows[0]))) < len(rows[0]):
        return False
    return all(isinstance(cell, str) for cell in rows[0]) and any(isinstance(cell, (int, float)) for cell in rows[1])


def _cell(text: str) -> Cell:
    for kind in (int, float):
        try:
            number: int | float = kind(text)
        except ValueError:
            continue
        return text if "_" in text else number
    return text or None


def json_lines(body: bytes, headers: Mapping[str, str]) -> object:
    return [json.loads(line) for line in body.splitlines() if line.strip()]
