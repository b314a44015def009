"""The long way: a driver that is killed by the kernel, before and after it commits; a task that Spark runs twice at a time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from modeldata.catalog.audit import COMPLETE, NOTHING, audit
from modeldata.settings import Settings
from modeldata.spark.commit import ABANDONED_NS, sweep, uncommitted_calls
from modeldata.spool.files import Files
from modeldata.store.local import LocalStore
from tests.spark.archive import assert_nothing_left, rows
from tests.stores.buckets import LocalBucket
from tests.support import scripts
from tests.support.scripts import wait_until
from tests.support.spark import environment

pytestmark = [pytest.mark.spark, pytest.mark.faults, pytest.mark.timeout(600)]

DRIVER = """
import os, signal
from pyspark.sql import SparkSession
from modeldata import Archive
from modeldata.spark.commit import Driver

def dying(work, after):
    def die(*arguments):
        if after:
            work(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    return die

Driver.{step} = dying(Driver.{step}, {after})
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
Archive({root!r}, format="parquet", ship="off").collector("m", "inputs").collect(
    spark.range(100, numPartitions=4))
"""


@pytest.mark.parametrize(
    ("step", "after", "there"),
    [("commit", False, False), ("_copy", False, False), ("_copy", True, False), ("_switch", True, True)],
)
def test_a_driver_that_is_killed_leaves_all_rows_or_none(tmp_path: Path, step: str, after: bool, there: bool) -> None:
    root = tmp_path / "archive"
    done = scripts.run(
        DRIVER.format(step=step, after=after, root=str(root)), tmp_path, environment(tmp_path), timeout=300, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert len(rows(LocalBucket(root).files())) == (100 if there else 0)
    settings = Settings.build({}, archive=str(root))
    assert len(uncommitted_calls(LocalStore(str(root), Files()))) == 1
    assert sweep(settings, time.time_ns() + ABANDONED_NS) == 1
    files = LocalBucket(root).files()
    assert len(rows(files)) == (100 if there else 0)
    assert_nothing_left(files)
    found = audit(LocalStore(str(root), Files()))
    assert (found.verdict, found.unaccounted) == (COMPLETE if there else NOTHING, [])


SPECULATING = """
import os, sys, time
from pathlib import Path
from pyspark.sql import SparkSession
from modeldata import Archive

def slow_once(batches):
    from pyspark import TaskContext
    yield from batches
    context = TaskContext.get()
    flag = Path({flag!r})
    if context.partitionId() == 3 and context.attemptNumber() == 0:
        while not flag.exists():
            time.sleep(0.05)
    elif context.partitionId() == 3:
        flag.touch()

builder = SparkSession.builder.master({master!r}).config("spark.ui.enabled", "false")
for name, value in {settings!r}.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
frame = spark.range(100, numPartitions=4).mapInArrow(slow_once, "id long")
print(Archive({root!r}, format="parquet", ship="off").collector("m", "inputs").collect(frame))
spark.stop()
"""
SPECULATION = {
    "spark.speculation": "true",
    "spark.speculation.interval": "100ms",
    "spark.speculation.quantile": "0.5",
    "spark.speculation.multiplier": "1.1",
    "spark.speculation.minTaskRuntime": "100ms",
    "spark.executor.memory": "512m",
}


def test_a_partition_that_runs_twice_at_a_time_is_there_once(tmp_path: Path) -> None:
    """Spark runs a second attempt on another host only: two workers on two addresses of this machine are two hosts."""
    root, flag = tmp_path / "archive", tmp_path / "flag"
    with _cluster(tmp_path) as master:
        code = SPECULATING.format(flag=str(flag), master=master, settings=SPECULATION, root=str(root))
        done = scripts.run(code, tmp_path, environment(tmp_path), timeout=300)
    assert done.stdout.splitlines()[-1] == "True", done.stderr[-2000:]
    assert flag.exists()  # the second attempt ran to its end while the first was there
    files = LocalBucket(root).files()
    assert sorted(row["id"] for row in rows(files)) == list(range(100))
    sweep(Settings.build({}, archive=str(root)), time.time_ns() + 2 * ABANDONED_NS)  # of an attempt that was killed late
    assert_nothing_left(LocalBucket(root).files())


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    import pyspark

    spark_class = Path(str(pyspark.__file__)).parent / "bin" / "spark-class"
    port = _free_port()
    env = scripts.environment(**environment(folder), SPARK_HOME=str(spark_class.parents[1]))
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> Path:
            log = folder / f"{name}.log"
            with log.open("w") as file:
                command = [str(spark_class), f"org.apache.spark.deploy.{arguments[0]}", *arguments[1:]]
                process = subprocess.Popen(command, stdout=file, stderr=file, env=env, start_new_session=True)
            stack.callback(lambda: (os.killpg(process.pid, signal.SIGKILL), process.wait()))
            return log

        log = start("master", "master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0")
        wait_until(lambda: "I have been elected leader" in log.read_text(), what="a Spark master")
        for host in ("127.0.0.2", "127.0.0.3"):
            options = ["--host", host, "--cores", "2", "--memory", "1g", "--webui-port", "0", f"spark://127.0.0.1:{port}"]
            start(host, "worker.Worker", *options)
        wait_until(lambda: log.read_text().count("Registering worker") == 2, what="two Spark workers")
        yield f"spark://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
