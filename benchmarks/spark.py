"""What does it cost to archive a Spark frame, beside `frame.write.parquet` and `toPandas()` of the same frame?

SPARK_ROWS (5,000,000) rows of 20 mixed columns in 16 partitions, on a cluster of SPARK_CORES (2) executors with one core each.
The frame is made while it is written, by all alike; `noop` is what that alone costs. Memory is the most that the driver's Python
and its JVM had during the call, beyond what they had before it.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = int(os.environ.get("SPARK_ROWS", "5_000_000"))
CORES = int(os.environ.get("SPARK_CORES", "2"))
ROUNDS = int(os.environ.get("SPARK_ROUNDS", "3"))
PARTITIONS = 16
COLUMNS = (
    "id",
    *(f"(xxhash64(id, {n}) % 1000000) / 1000D d{n}" for n in range(5)),
    *(f"cast(xxhash64(id, {n}) % 1000 as int) i{n}" for n in range(4)),
    "concat('customer-', xxhash64(id) % 100000) customer",
    "sha1(cast(id as string)) token",
    "element_at(array('red', 'green', 'blue'), 1 + cast(pmod(xxhash64(id), 3) as int)) colour",
    "timestamp_seconds(1795000000 + id) at",
    "date_add(date'2026-01-01', cast(id % 365 as int)) day",
    "cast(id % 100000 as decimal(12, 2)) amount",
    "id % 2 = 0 flag",
    "array(id, id + 1) pair",
    "named_struct('x', id, 'y', cast(id as string)) point",
    "if(id % 10 = 0, null, float(id)) gap",
)


def session(scratch: Path) -> SparkSession:
    from pyspark.sql import SparkSession

    os.environ |= {
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "SPARK_WORKER_DIR": str(scratch / "work"),
        "SPARK_LOCAL_DIRS": str(scratch / "local"),
    }
    builder = SparkSession.builder.master(f"local-cluster[{CORES},1,2048]").config("spark.executor.memory", "1g")
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "4g", "spark.driver.maxResultSize": "0"}
    for name, value in {**settings, "spark.sql.parquet.compression.codec": "zstd"}.items():
        builder = builder.config(name, value)
    made: SparkSession = builder.getOrCreate()
    made.sparkContext.setLogLevel("FATAL")
    return made


def frame_of(spark: SparkSession) -> DataFrame:
    assert len(COLUMNS) == 20
    return spark.range(0, ROWS, 1, PARTITIONS).selectExpr(*COLUMNS)


def driver_pids() -> dict[str, int]:
    """Our own process and the JVM that it started."""
    mine = os.getpid()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name == "java" and int(rest.split()[1]) == mine:
            return {"Python": mine, "JVM": int(stat.parent.name)}
    return {"Python": mine}


def memory(pid: int, what: str) -> int:
    """Bytes: VmRSS is now, VmHWM the most since it was last reset."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(what))


def measured(work: Callable[[], object]) -> tuple[float, dict[str, float]]:
    """Seconds, and MiB that each process of the driver had at most beyond what it had before."""
    pids = driver_pids()
    before = {name: memory(pid, "VmRSS") for name, pid in pids.items()}
    for pid in pids.values():
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return seconds, {name: max(0.0, memory(pid, "VmHWM") - before[name]) / 2**20 for name, pid in pids.items()}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="spark-") as name:
        scratch = Path(name)
        spark = session(scratch)
        try:
            _compare(spark, scratch)
        finally:
            spark.stop()


def _compare(spark: SparkSession, scratch: Path) -> None:
    from modeldata import Archive

    frame = frame_of(spark)
    made: dict[str, list[tuple[float, dict[str, float]]]] = {}
    archives = {form: Archive(scratch / form, format=form, ship="off") for form in ("parquet", "csv")}

    def collect(form: str, rows: DataFrame = frame) -> None:
        assert archives[form].collector("m", "inputs").collect(rows)

    ways: dict[str, Callable[[], Any]] = {
        "noop": lambda: frame.write.format("noop").mode("append").save(),
        "write.parquet": lambda: frame.write.mode("append").parquet(str(scratch / "plain")),
        "collect, parquet": lambda: collect("parquet"),
        "write.csv, without nested columns": lambda: frame.drop("pair", "point").write.mode("append").csv(str(scratch / "text")),
        "collect, csv, without nested columns": lambda: collect("csv", frame.drop("pair", "point")),
    }
    for way in ways.values():  # workers and code are warm from here on
        way()
    for _ in range(ROUNDS):
        for title, way in ways.items():
            made.setdefault(title, []).append(measured(way))
    if "--no-pandas" not in sys.argv:
        made["toPandas"] = [measured(frame.toPandas)]
    _print(made)
    print(f"\n{ROWS:,} rows, {len(frame.columns)} columns, {PARTITIONS} partitions, {CORES} executors, {ROUNDS} rounds")
    assert spark.read.parquet(f"{scratch}/parquet/*/*/*/*/*/*/*").count() == ROWS * (ROUNDS + 1)


def _print(made: dict[str, list[tuple[float, dict[str, float]]]]) -> None:
    against = {"collect, parquet": "write.parquet", "collect, csv, without nested columns": "write.csv, without nested columns"}
    times = {title: statistics.median(seconds for seconds, _ in rounds) for title, rounds in made.items()}
    print("| | s, median | ratio | driver's Python, MiB | driver's JVM, MiB |\n|---|---|---|---|---|")
    for title, rounds in made.items():
        ratio = f"{times[title] / times[against[title]]:.2f}" if title in against else ""
        peaks = [max(peak.get(name, 0.0) for _, peak in rounds) for name in ("Python", "JVM")]
        print(f"| {title} | {times[title]:.1f} | {ratio} | {peaks[0]:.0f} | {peaks[1]:.0f} |")


if __name__ == "__main__":
    main()
