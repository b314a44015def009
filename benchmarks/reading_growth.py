"""How does the cost of reading grow with columns, and with schemas of one collector?

Rows of 256 to 4,096 columns (three calls), and 10 to 300 schemas (a call and a file each), as Parquet. Seconds of processor time
of each question, and the exponent k of cost = c * size^k: 1 is proportional. BENCH_QUICK=1 takes less than a minute.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.figures import exponent
from benchmarks.turns import QUICK
from modeldata import Archive
from modeldata.read.profile import summarize

COLUMNS = (64, 256) if QUICK else (256, 512, 1024, 2048, 4096)
SCHEMAS = (10, 30) if QUICK else (10, 30, 100, 300)
QUESTIONS: dict[str, Callable[[Archive], object]] = {
    "read": lambda archive: archive.read("m", "i"),
    "to_pylist": lambda archive: archive.scan("m", "i").to_pylist(),
    "collectors": lambda archive: archive.collectors(),
    "sql": lambda archive: archive.sql("select count(*) from m_i").fetchall(),
    "stats": lambda archive: summarize(archive.scan("m", "i")),
}


def main() -> None:
    _grows("columns", COLUMNS, _wide)
    _grows("schemas", SCHEMAS, _many)


def _grows(what: str, sizes: tuple[int, ...], fill: Callable[[Archive, int], None]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="modeldata-bench-") as scratch:
            archive = Archive(Path(scratch) / "archive", format="parquet", ship="thread", batch_seconds=0.05, min_free_bytes=1)
            fill(archive, size)
            for name, ask in QUESTIONS.items():
                began = time.process_time()
                ask(archive)
                seconds[name].append(time.process_time() - began)
            archive.close()
    print(f"{what:12}" + "".join(f"{size:>9,}" for size in sizes) + f"{'exponent':>10}")
    for name, each in seconds.items():
        print(f"{name:12}" + "".join(f"{one:9.2f}" for one in each) + f"{exponent(list(sizes), each):10.2f}")
    print()


def _wide(archive: Archive, size: int) -> None:
    collector = archive.collector("m", "i")
    assert all(collector.collect(np.random.default_rng(call).random(size, "f4")) for call in range(3))
    assert archive.flush(120)


def _many(archive: Archive, size: int) -> None:
    collector = archive.collector("m", "i")
    for number in range(size):
        assert collector.collect({"v": number, f"k{number}": number})
        assert archive.flush(120)  # a file each: of many schemas at once, one file of JSON is made


if __name__ == "__main__":
    main()
