"""`tail -f` beside a shipper, as processes of their own: each row once, whole, in any format; it ends when it is asked to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modeldata.keep.compact import Sizes
from modeldata.keep.job import KeepJob
from modeldata.keep.jobs import compact
from modeldata.keep.rewrite import RewriteRun
from tests.keep.kit import local
from tests.read.kit import Shipped
from tests.support import scripts

ROUNDS, CALLS = 12, 25
LONG_AGO = "2020-01-05"


class Tail:
    """`modeldata tail -f` and the lines that it has printed."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, lines: int) -> None:
        scripts.wait_until(lambda: len(self.lines) >= lines, 60, f"{lines} lines, there are {len(self.lines)}")

    def numbers(self) -> list[int]:
        """The column n of all rows; fails on half a row."""
        return [json.loads(line)["n"] for line in self.lines]

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(how)
        code = self.process.wait(60)
        self._reader.join(60)
        assert self.process.stderr is not None
        return code, self.process.stderr.read().decode()


@contextmanager
def tail(folder: Path, *arguments: str) -> Iterator[Tail]:
    command = [sys.executable, "-m", "modeldata", "tail", "m/inputs", "-f", "--interval", "0.05", *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=scripts.environment(MODELDATA_ARCHIVE="archive"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield Tail(process)
    finally:
        process.kill()
        process.wait()


def filled(folder: Path, file_format: str) -> Shipped:
    shipped = Shipped(str(folder / "archive"), folder / "spool", file_format)
    shipped.collect("inputs", *[{"n": -1 - number} for number in range(3)])
    shipped.ship()
    return shipped


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_each_row_comes_once_whole_and_in_order_while_a_shipper_works(tmp_path: Path, file_format: str) -> None:
    shipped = filled(tmp_path, file_format)
    with tail(tmp_path, "--json", "-n", "3") as seen:
        seen.wait_for(3)
        assert sorted(seen.numbers()) == [-3, -2, -1]
        for round_ in range(ROUNDS):
            shipped.collect("inputs", *[{"n": round_ * CALLS + call} for call in range(CALLS)])
            shipped.ship()
        seen.wait_for(3 + ROUNDS * CALLS)
        assert seen.numbers()[3:] == list(range(ROUNDS * CALLS))
        assert seen.end() == (0, "")
        assert len(seen.lines) == 3 + ROUNDS * CALLS


def test_rows_that_come_late_are_shown_when_they_come_and_compaction_shows_none_again(tmp_path: Path) -> None:
    shipped = filled(tmp_path, "csv")
    shipped.collect("inputs", {"n": 1}, at=f"{LONG_AGO}T10:00:00")
    shipped.ship()
    with tail(tmp_path, "--json", "-n", "9") as seen:
        seen.wait_for(4)
        compacting = KeepJob(local(tmp_path), "archive", {}, RewriteRun("0" * 32, "host", time.time_ns()))
        assert [done.problem for done in compact(compacting, Sizes(), include_today=False, dry=False)] == [""]
        assert list((tmp_path / "archive").rglob("*.parquet"))
        shipped.collect("inputs", {"n": 2})
        shipped.ship()
        seen.wait_for(5)
        assert sorted(seen.numbers()) == [-3, -2, -1, 1, 2]


def test_csv_has_one_header_and_says_which_new_columns_it_leaves_out(tmp_path: Path) -> None:
    shipped = filled(tmp_path, "csv")
    with tail(tmp_path, "--csv", "-n", "1") as seen:
        seen.wait_for(2)
        shipped.collect("inputs", {"n": 7, "more": 1})
        shipped.ship()
        seen.wait_for(3)
        code, said = seen.end()
    header, _, last = (line.decode().strip().split(",") for line in seen.lines)
    assert header[-1] == "n" and last[-1] == "7" and len(last) == len(header)
    assert code == 0 and "new columns are not shown: more" in said


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends a process there without a word")
def test_ctrl_c_ends_it_with_0_and_without_a_word(tmp_path: Path) -> None:
    filled(tmp_path, "csv")
    with tail(tmp_path) as seen:
        seen.wait_for(4)
        assert seen.end() == (0, "")


@pytest.mark.skipif(not hasattr(__import__("select"), "poll"), reason="the system does not tell")
def test_it_ends_when_nobody_reads_any_more_although_no_row_arrives(tmp_path: Path) -> None:
    filled(tmp_path, "csv")
    command = f"{sys.executable} -m modeldata tail m/inputs -f --interval 0.05 | head -n 2; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=scripts.environment(MODELDATA_ARCHIVE="archive"), timeout=60,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (len(done.stdout.splitlines()), done.stdout.splitlines()[-1], done.stderr) == (3, "0", "")


def test_where_holds_for_rows_that_arrive_also_for_those_without_the_column(tmp_path: Path) -> None:
    shipped = filled(tmp_path, "csv")
    with tail(tmp_path, "--json", "--where", "n % 2 = 0") as seen:
        seen.wait_for(1)
        shipped.collect("inputs", {"other": 1}, {"n": 5})
        shipped.ship()
        shipped.collect("inputs", {"n": 6}, {"n": 7}, {"n": 8})
        shipped.ship()
        seen.wait_for(3)
        assert (seen.end(), seen.numbers()) == ((0, ""), [-2, 6, 8])
