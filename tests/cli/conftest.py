"""A small archive of three collectors, made once, and `modeldata` run beside it as a user would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from modeldata.cli import main
from tests.read.kit import Shipped


class Ran(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]
WORDS = ["north", "south", "east", "west"]


def fill(shipped: Shipped) -> None:
    """Twelve calls of five rows on three days; predictions of ten of them, labels (a day later) of four."""
    for number in range(12):
        at = f"2026-11-{20 + number // 4:02d}T10:{number:02d}:00"
        rows = [
            {"age": 20 + number + row, "income": 1000.5 * (row + 1), "region": WORDS[(number + row) % 4], "note": None if row else "a,\nb"}
            for row in range(5)
        ]  # fmt: skip
        shipped.collect("inputs", rows, ids=f"order-{number}", at=at, model="churn")
        if number < 10:
            shipped.collect("predictions", [{"score": row / 5} for row in range(5)], ids=f"order-{number}", at=at, model="churn")
        if number < 4:
            late = f"2026-11-21T09:{number:02d}:00"
            shipped.collect("labels", [{"label": row % 2} for row in range(5)], ids=f"order-{number}", at=late, model="churn")
    shipped.ship()


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Only to be read."""
    folder = tmp_path_factory.mktemp("cli")
    fill(Shipped(str(folder / "archive"), folder / "spool"))
    return folder / "archive"


@pytest.fixture
def run(archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """`modeldata` with these arguments and MODELDATA_ARCHIVE set, in an empty folder and a pipe of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MODELDATA_ARCHIVE", str(archive))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr("sys.argv", ["modeldata", *arguments])
        try:
            code = main()
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capfdbinary.readouterr()
        return Ran(code, out.decode(), err.decode())

    return run
