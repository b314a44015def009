"""`modeldata tail -f` beside a shipper: each row once, whole, as it comes; and it ends when it is told to."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modeldata import Archive
from tests.support.scripts import environment, wait_until


class Tail:
    """A following process, and the lines that it wrote so far."""

    def __init__(self, archive: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "modeldata", "tail", "m/inputs", "-f", "--interval", "0.05", *arguments]
        env = environment(MODELDATA_ARCHIVE=str(archive))
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def rows(self) -> list[int]:
        return [int(row["n"]) for row in csv.DictReader(self.lines)]


@contextmanager
def tailing(archive: Path, *arguments: str) -> Iterator[Tail]:
    made = Tail(archive, *arguments)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_each_row_comes_once_and_whole_beside_a_live_shipper(tmp_path: Path, form: str) -> None:
    archive = Archive(tmp_path / "archive", format=form, ship="thread", batch_seconds=0.05, min_free_bytes=0)
    collector = archive.collector("m", "inputs")
    assert collector.collect({"n": 0, "text": "first"}) and archive.flush(30)
    with tailing(tmp_path / "archive") as tail:
        wait_until(lambda: tail.rows() == [0], 60, "what was there is shown")
        for number in range(1, 201):
            assert collector.collect({"n": number, "text": "x" * number})
            if number % 20 == 0:
                assert archive.flush(30)
        wait_until(lambda: len(tail.rows()) >= 201, 60, "all rows are shown")
        assert tail.rows() == list(range(201))
        assert all(len(row["text"]) == int(row["n"]) for row in csv.DictReader(tail.lines) if int(row["n"]))
        tail.process.send_signal(signal.SIGINT)
        assert tail.process.wait(30) == 0
        assert tail.process.stderr is not None and tail.process.stderr.read() == ""
    archive.close(5)


def test_rows_that_are_compacted_meanwhile_are_not_shown_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", ship="thread", batch_seconds=0.05, format="parquet", min_free_bytes=0)
    collector = archive.collector("m", "inputs")
    for number in range(3):
        assert collector.collect({"n": number}) and archive.flush(30)
    with tailing(tmp_path / "archive") as tail:
        wait_until(lambda: tail.rows() == [0, 1, 2], 60, "what was there is shown")
        command = [sys.executable, "-m", "modeldata", "compact", str(tmp_path / "archive"), "--include-today"]
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        assert collector.collect({"n": 3}) and archive.flush(30)
        wait_until(lambda: len(tail.rows()) >= 4, 60, "the next row is shown")
        assert tail.rows() == [0, 1, 2, 3]
    archive.close(5)


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", ship="thread", batch_seconds=0.05, min_free_bytes=0)
    collector = archive.collector("m", "inputs")
    assert collector.collect({"n": 0}) and archive.flush(30)
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "modeldata", "tail", "m/inputs", "-f", "--interval", "0.05"]
    env = environment(MODELDATA_ARCHIVE=str(tmp_path / "archive"))
    with subprocess.Popen(command, env=env, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)

        def gone() -> bool:
            assert collector.collect({"n": 1}) and archive.flush(30)
            return process.poll() is not None

        wait_until(gone, 60, "it ends")
        assert process.stderr is not None and b"Traceback" not in process.stderr.read()
    archive.close(5)
