"""How long does the page wait for its answers? Each question of `modeldata ui`, cold and warm, and the most memory that it had.

The archive is that of `reading`: BENCH_ROWS inputs of ten columns, as many predictions, 30 days. Cold: a new process and an empty
cache folder. Columns are asked for until no day is left. Beside the overview: DuckDB on the same manifests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import reading, sections
from benchmarks.draining import peak_mib
from benchmarks.figures import table
from benchmarks.turns import environment

VIEW = {"collector": "m_inputs"}
QUESTIONS: dict[str, dict[str, str]] = {
    "overview": {}, "proof": {}, "columns": VIEW, "drift": VIEW, "rows": VIEW, "case": {"id": "order-10-00000001"}, "spool": {},
    "keeping": {}, "sql": {"sql": "SELECT count(*), avg(x0) FROM m_inputs"},
}  # fmt: skip
FORMATS = ("csv", "parquet")


def main() -> None:
    began, kept = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        cache = Path(os.environ.get("BENCH_CACHE") or scratch)
        for form in FORMATS:
            folder = cache / f"reading-{reading.ROWS}-{form}"
            if not (folder / "made").exists():
                reading.make(folder, form)
            figures = _measured(folder / "archive", Path(scratch, f"cache-{form}"))
            kept.append({"format": form, "duckdb": _duckdb(folder / "archive"), **figures})
            rows = [[name, f"{cold:.3f}", f"{warm:.3f}"] for name, (cold, warm) in figures["seconds"].items()]
            print(f"\n{form}, {reading.ROWS:,} rows: server {figures['mib']:,.0f} MiB, DuckDB {kept[-1]['duckdb']:.3f} s\n")
            print(table(["question", "cold, s", "warm, s"], rows), flush=True)
    sections.keep("ui", {"rows": reading.ROWS, "figures": kept}, time.monotonic() - began, quick=reading.ROWS < reading.FULL)


def _measured(archive: Path, cache: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "modeldata", "ui", str(archive), "--json"]
    env = environment(XDG_CACHE_HOME=str(cache))
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            seconds = {name: (_asked(url, name, asked), _asked(url, name, asked)) for name, asked in QUESTIONS.items()}
            return {"seconds": seconds, "mib": peak_mib(process.pid)}
        finally:
            process.terminate()


def _asked(url: str, question: str, arguments: dict[str, str]) -> float:
    """Seconds until the whole answer is there."""
    page, _, token = url.partition("#token=")
    request = urllib.request.Request(
        f"{page}api/{question}?{urllib.parse.urlencode(arguments)}", headers={"Authorization": f"Bearer {token}"}
    )
    began, left = time.perf_counter(), True
    while left:
        with urllib.request.urlopen(request) as answer:
            left = bool(json.load(answer).get("days_left"))
    return time.perf_counter() - began


def _duckdb(archive: Path) -> float:
    began = time.perf_counter()
    manifests = f"{archive}/*/*/*/*/*/*/*/_manifest/*.jsonl"
    duckdb.sql(f"SELECT sum(rows) FROM read_json('{manifests}', columns={{'rows': 'BIGINT', 'batch': 'VARCHAR'}})").fetchall()
    return time.perf_counter() - began
