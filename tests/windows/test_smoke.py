"""On any platform: accepted rows outlive their process, are archived once, read, audited and erased, and every command answers.

One service and one shipper are processes of their own. The commands run in the test's process, because starts are slow in Wine.
"""

from __future__ import annotations

import csv
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modeldata import Archive
from modeldata.cli.app import COMMANDS, app
from tests.support.archive import data_files
from tests.support.scripts import environment, modeldata

ROWS = 60
SERVICE = f"""
import sys
from modeldata import ModelDataCollector
inputs = ModelDataCollector("m", identifier="inputs", feature_names=["customer", "n"])
scores = ModelDataCollector("m", identifier="scores", feature_names=["score"])
for n in range({ROWS}):
    assert inputs.collect([n % 10, n], str(n)) and scores.collect([n / 2], str(n)), inputs.archive.stats()
print("accepted", flush=True)
sys.stdin.read()
"""
ANSWERS = {
    "status": "pending      0",
    "audit": f"{2 * ROWS} rows in 2 batches",
    "coverage": f"{2 * ROWS}",
    "doctor": "archive: can be written and read back",
    "ls": "m/inputs",
    "head m/inputs": ",customer,n",
    "tail m/scores": f",{(ROWS - 1) / 2}",
    "query 'SELECT count(*) AS n FROM m_inputs'": f"n\n{ROWS}",
    "join m scores inputs": "scores.score",
    "export m/inputs": f",9,{ROWS - 1}",
    "stats m/inputs": f"{ROWS} rows",
    "prune --older-than 1d": "nothing to do",
    "compact --include-today": "nothing to do",
    "erase --where 'customer = 7' --yes": f"{ROWS // 10} rows erased",
    "ship --drain": "nothing is pending",
    "init": "modeldata.toml is written",
}
"""Commands, and a text of each answer."""
OTHERS = {"demo", "run", "sidecar", "ui"}
"""They serve, or run a service, and have tests of their own."""


def killed_service(folder: Path) -> Path:
    """The archive of a service that was ended without a word when all its rows were accepted."""
    archive = folder / "archive"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env=environment(MODELDATA_ARCHIVE=str(archive), MODELDATA_SHIP="off"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    process.kill()
    process.communicate()
    assert said == "accepted"
    return archive


def numbers(archive: Path) -> list[int]:
    """Column `n` of all rows of `inputs`, as the csv module reads them."""
    found = []
    for path in data_files(archive, "inputs"):
        with path.open(newline="", encoding="utf-8") as file:
            found += [int(row["n"]) for row in csv.DictReader(file)]
    return sorted(found)


def answer(archive: Path, command: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, [*shlex.split(command), "--archive", str(archive)])
    assert done.exit_code == status, f"{command}: {done.output}\n{done.exception!r}"
    return str(done.output).replace("\r\n", "\n")


def test_rows_of_a_killed_process_are_archived_once_and_every_command_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    archive = killed_service(tmp_path)
    shipper = modeldata("ship", "--drain", "--archive", str(archive), timeout=280)
    assert shipper.returncode == 0, shipper.stdout + shipper.stderr
    assert numbers(archive) == list(range(ROWS))
    assert sorted(Archive(archive).read("m", "inputs").column("n").to_pylist()) == list(range(ROWS))

    for command, text in ANSWERS.items():
        assert text in answer(archive, command), command
    assert {command.split()[0] for command in ANSWERS} == set(COMMANDS) - OTHERS

    assert numbers(archive) == [n for n in range(ROWS) if n % 10 != 7]
    assert f"{2 * ROWS - ROWS // 10} rows" in answer(archive, "audit", status=3), "rows are missing, each with a reason"
