"""What does it take to ship a million rows of 20 columns: rows a second, requests, bytes a row, the shipper's peak memory?

A spool is filled once (calls of 100 rows, as a batch service makes them), then shipped from a fresh copy to each store in each
format by `modeldata ship --drain` in a process of its own. Beside it: pyarrow writing such a table to a local file here.
The servers are emulators on this machine and share its cores: compare rows with rows, not with a cloud.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks import sections
from benchmarks.figures import number, table
from modeldata import Archive
from modeldata.settings import Settings
from modeldata.spool.files import Files
from modeldata.store import open_store

FULL = 1_000_000
ROWS = int(os.environ.get("BENCH_ROWS", str(FULL)))
CALL = 100
FORMATS = tuple(os.environ.get("BENCH_FORMATS", "csv jsonl parquet").split())


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as name:
        folder = Path(name)
        _fill(folder)
        spooled = sum(path.stat().st_size for path in (folder / "filled").rglob("*.seg"))
        floors = _floors(folder)
        print(f"{ROWS:,} rows in calls of {CALL}; {spooled / ROWS:.0f} bytes a row in the spool\n")
        print(f"{'':20}{'rows/s':>10}{'of pyarrow':>12}{'requests':>10}{'bytes/row':>11}{'peak MiB':>10}")
        kept = []
        for store in os.environ.get("BENCH_STORES", " ".join(_STORES)).split():
            opened = _STORES[store]
            for file_format in FORMATS:
                with opened(folder / f"{store}-{file_format}") as (url, env, requests):
                    figures = _ship(folder, url, env, file_format, requests)
                figures |= {"store": store, "format": file_format, "of_pyarrow": figures["rows_per_s"] / floors[file_format]}
                kept.append(figures)
                print(
                    f"{store + ' ' + file_format:20}{figures['rows_per_s']:10,.0f}{figures['of_pyarrow']:12.2f}"
                    f"{figures['requests']:10,.0f}{figures['bytes_per_row']:11.0f}{figures['peak_mib']:10.0f}",
                    flush=True,
                )
    result = {"rows": ROWS, "spool_bytes_per_row": round(spooled / ROWS), "floors_rows_per_s": floors, "figures": kept}
    sections.keep("shipping", result, time.monotonic() - began, quick=ROWS < FULL)


def page() -> None:
    sections.draw("shipping", section, plotted=False)


def _frame(rows: int, seed: int) -> pd.DataFrame:
    dice = np.random.default_rng(seed)
    words = np.array(["north", "south", "east", "west, by sea", 'the "centre"'])
    return pd.DataFrame(
        {f"x{n}": dice.normal(size=rows) for n in range(12)}
        | {f"n{n}": dice.integers(0, 10_000, rows) for n in range(4)}
        | {f"s{n}": words[dice.integers(0, 5, rows)] for n in range(3)}
        | {"ok": dice.random(rows) < 0.9}
    )


def _fill(folder: Path) -> None:
    archive = Archive(folder / "nowhere", spool=folder / "filled", ship="off", spool_max_bytes="16G", min_free_bytes=0)
    collector = archive.collector("bench", "inputs")
    for call in range(ROWS // CALL):
        assert collector.collect(_frame(CALL, call), f"order-{call}")
    archive.close(0)
    (only,) = (folder / "filled").iterdir()
    only.rename(folder / "filled" / "spool")


def _floors(folder: Path) -> dict[str, float]:
    """Rows a second of pyarrow's own writers, for the same rows in one table (JSON lines: pandas, there is no other)."""
    table = pa.Table.from_pandas(_frame(min(ROWS, 200_000), 17))
    ways: dict[str, Callable[[str], object]] = {
        "csv": lambda path: pa.csv.write_csv(table, path),
        "jsonl": lambda path: table.to_pandas().to_json(path, orient="records", lines=True),
        "parquet": lambda path: pa.parquet.write_table(table, path, compression="zstd"),
    }
    found = {}
    for name, way in ways.items():
        began = time.perf_counter()
        way(str(folder / f"floor.{name}"))
        found[name] = table.num_rows / (time.perf_counter() - began)
    return found


def _ship(folder: Path, url: str, env: Mapping[str, str], file_format: str, requests: Callable[[], int]) -> dict[str, float]:
    settings = {**env, "MODELDATA_ARCHIVE": url, "MODELDATA_SPOOL": str(folder / "run"), "MODELDATA_FORMAT": file_format}
    spool = Settings.build({**os.environ, **settings}).spool_folder()
    shutil.copytree(folder / "filled" / "spool", spool)
    command = [sys.executable, "-m", "modeldata", "ship", "--drain", "--json", "--timeout", "3600"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _peak_mib(process.pid))
        time.sleep(0.02)
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    seconds = time.perf_counter() - began
    assert process.returncode == 0 and report["archived"] == ROWS, report
    asked = requests()
    shutil.rmtree(folder / "run")
    store = open_store(url, Files(), credentials=lambda: {**os.environ, **env})
    stored = sum(store.length(path) for path in store.walk())
    return {
        "rows_per_s": ROWS / seconds,
        "requests": asked * 1e6 / ROWS,
        "bytes_per_row": stored / ROWS,
        "peak_mib": peak,
    }


def _peak_mib(pid: int) -> float:
    """The most memory that a living process had since it was exec'ed. (`ru_maxrss` would count ours, from before the exec.)"""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


Opened = Iterator[tuple[str, Mapping[str, str], Callable[[], int]]]


@contextmanager
def _local(folder: Path) -> Opened:
    yield str(folder), {}, lambda: 0
    shutil.rmtree(folder)


@contextmanager
def _azurite(folder: Path) -> Opened:
    from azure.storage.blob import BlobServiceClient
    from tests.support.azurite import azurite
    from tests.support.proxy import proxying

    with azurite() as server, proxying(server.url) as proxy:
        text = server.connection_string.replace(server.url, proxy.url)
        BlobServiceClient.from_connection_string(text).create_container("bench")
        before = len(proxy.seen())
        yield "az://bench", {"AZURE_STORAGE_CONNECTION_STRING": text}, lambda: len(proxy.seen()) - before


@contextmanager
def _s3(folder: Path) -> Opened:
    import boto3
    from tests.support.proxy import proxying
    from tests.support.s3 import moto_server

    with moto_server() as server, proxying(server.url) as proxy:
        keys = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark-secret", "AWS_REGION": "us-east-1"}
        boto3.client(
            "s3",
            endpoint_url=proxy.url,
            region_name="us-east-1",
            aws_access_key_id="benchmark",
            aws_secret_access_key="benchmark-secret",
        ).create_bucket(Bucket="bench")
        before = len(proxy.seen())
        yield "s3://bench", {**keys, "AWS_ENDPOINT_URL": proxy.url}, lambda: len(proxy.seen()) - before


_STORES = {"local": _local, "azurite": _azurite, "s3": _s3}
_TITLES = {"local": "local", "azurite": "Azurite", "s3": "S3 (moto)"}


def section(result: dict[str, Any]) -> str:
    """What the page says of a run: of the same run always the same."""
    head = ["store, format", "rows/s", "of pyarrow", "requests per million rows", "bytes a row", "peak memory, MiB"]
    rows = [
        [
            f"{_TITLES[one['store']]} {one['format']}",
            *(number(one["rows_per_s"]), f"{one['of_pyarrow']:.2f}"),
            *(f"{one[name]:,.0f}" for name in ("requests", "bytes_per_row", "peak_mib")),
        ]
        for one in result["figures"]
    ]
    return f"""## Shipping a million rows

{sections.source("shipping", result)} {result["rows"]:,} rows of 20 columns (12 floats, 4 whole numbers, 3 short texts,
1 bool). They were collected as data frames of {CALL} rows, {result["spool_bytes_per_row"]} bytes a row in the spool.
They are shipped by `modeldata ship --drain`, its start (about a second) included. The servers are emulators on the
same cores. Requests to them went through a counting proxy.
"Of pyarrow": against pyarrow's own writer of the format (pandas' for JSON lines), from one table in memory to a local file.

{table(head, rows)}

A batch is two requests: its rows and its manifest line. Rows that arrive slowly make smaller batches: one every 5 s (Parquet:
every 60 s) and collector at the least. Memory does not grow with the backlog. A round takes at most 32 MiB of frames and is
encoded in portions. Each batch is written to the disk before the next one is made."""


if __name__ == "__main__":
    main()
