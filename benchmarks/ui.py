"""How long does the page wait for its answers? Each question of `modeldata ui`, cold and warm, and the most memory that it had.

The archive is that of `reading`: inputs of ten columns, as many predictions, 30 days. BENCH_ROWS lie there as Parquet, a tenth of
them as CSV. Cold: a new process and an empty cache folder. Columns are asked for until no day is left. Beside it: DuckDB on
the same manifests.
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
ROWS = {"csv": reading.ROWS // 10, "parquet": reading.ROWS}


def main() -> None:
    began, kept = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
        cache = Path(os.environ.get("BENCH_CACHE") or scratch)
        for form, count in ROWS.items():
            folder = cache / f"reading-{count}-{form}"
            if not (folder / "made").exists():
                reading.make(folder, form, count)
            figures = _measured(folder / "archive", Path(scratch, f"cache-{form}"))
            kept.append({"format": form, "rows": count, "duckdb": _duckdb(folder / "archive"), **figures})
    result = {"figures": kept}
    print(_tables(result))
    sections.keep("ui", result, time.monotonic() - began, quick=reading.ROWS < reading.FULL)


def page() -> None:
    sections.draw("ui", section, plotted=False)


def section(result: dict[str, Any]) -> str:
    return f"""## The page

{sections.source("ui", result)} How long `modeldata ui` takes to answer, and
the most memory that its process had. Cold: the first time, in a new process with an empty cache. Columns are asked for until no
day is left. Beside the rows there are as many predictions, over 30 days.

{_tables(result)}"""


def _tables(result: dict[str, Any]) -> str:
    figures = result["figures"]
    head = ["question", *(f"{one['rows'] / 1e6:g} M {one['format']}, {word}, s" for one in figures for word in ("cold", "warm"))]
    rows = [[name, *(f"{at:.3f}" for one in figures for at in one["seconds"][name])] for name in QUESTIONS]
    memory = " and ".join(f"{one['mib']:,.0f} MiB ({one['format']})" for one in figures)
    duckdb = " and ".join(f"{one['duckdb']:.3f} s" for one in figures)
    return f"{table(head, rows)}\n\nMost memory: {memory}. DuckDB alone reads the same manifests in {duckdb}."


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
