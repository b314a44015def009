"""A small archive as the pages show it, and the command line run beside it."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modeldata.cli import run as run_command
from modeldata.cli.ctrl_c import CtrlC
from tests.read.kit import Shipped

DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")
CALLS = 40
PLANS = ("basic", "basic", "plus", "basic", "pro", "plus", "basic", None)


class Done(NamedTuple):
    """How a command ended, and what it said where."""

    code: int
    data: bytes
    err: str

    @property
    def out(self) -> str:
        return self.data.decode("utf-8")

    def rows(self) -> list[dict[str, str]]:
        """stdout, read by the csv module."""
        return list(csv.DictReader(io.StringIO(self.out)))

    def objects(self) -> list[dict[str, Any]]:
        """stdout, read by json, line by line."""
        return [json.loads(line) for line in self.out.splitlines()]


def age(number: int) -> int:
    return 18 + number * 37 % 61


def score(number: int) -> float:
    return round(number * 29 % 97 / 97, 3)


def fill(folder: Path, file_format: str = "csv") -> Shipped:
    """Three days of a model, 40 calls each: inputs, predictions, and labels for every third call."""
    shipped = Shipped(str(folder / "archive"), folder / "spool", file_format)
    for day, date in enumerate(DAYS):
        for call in range(CALLS):
            number = day * CALLS + call
            at, ids = f"{date}T{9 + call // 8:02}:{call % 8 * 7:02}:01.250", f"order-{number}"
            inputs = {"age": age(number), "income": 20_000.0 + number * 461 % 50_000, "plan": PLANS[number % len(PLANS)]}
            shipped.collect("inputs", inputs, ids=ids, at=at, model="churn")
            shipped.collect("predictions", {"score": score(number)}, ids=ids, at=at, model="churn")
            if number % 3 == 0:
                shipped.collect("labels", {"left": score(number) > 0.5}, ids=ids, at=f"{date}T23:00:00", model="churn")
        shipped.ship()
    return shipped


class Stream(io.TextIOWrapper):
    """A stdout or stderr that keeps what was written."""

    def __init__(self, tty: bool) -> None:
        self.bytes = io.BytesIO()
        self._tty = tty
        super().__init__(self.bytes, encoding="utf-8", newline="\n", write_through=True)

    def isatty(self) -> bool:
        return self._tty


def run(*arguments: str, tty: bool = False, typed: str = "", err_tty: bool = False, columns: int = 80) -> Done:
    """The command line, in this process, `columns` wide, without colours; `typed` is on stdin."""
    out, err = Stream(tty), Stream(err_tty)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["modeldata", *arguments])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setenv("COLUMNS", str(columns))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("TERM", "xterm" if err_tty else "dumb")
        try:
            code = run_command(CtrlC())
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(code, out.bytes.getvalue(), err.bytes.getvalue().decode("utf-8"))


def at_a_terminal(line: str, columns: int = 80) -> Done:
    """A line as it is typed."""
    program, *arguments = shlex.split(line)
    assert program == "modeldata", line
    return run(*arguments, tty=True, columns=columns)
