"""`modeldata demo`, run as a person runs it."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from modeldata.cli.demo import service, tour
from modeldata.cli.demo.archive import CALL, POSITION, compare
from modeldata.errors import ModelDataError
from tests.support import archive, only, scripts

COMMAND = [sys.executable, "-m", "modeldata", "demo", "--archive", "here"]


def test_all_that_was_sent_is_in_the_archive_once(tmp_path: Path) -> None:
    hostile = scripts.environment(
        **only.environment(tmp_path, "modeldata[demo]"),
        COLUMNS="80", MODELDATA_ENABLED="false", MODELDATA_ARCHIVE="/nowhere", SERVICE_NAME="x",
    )  # fmt: skip
    done = subprocess.run(COMMAND, cwd=tmp_path, env=hostile, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    inputs, predictions = archive.rows(tmp_path / "here", "inputs"), archive.rows(tmp_path / "here", "prediction")
    assert len(inputs) == len(predictions) == 2 * 284
    assert sorted(row[CALL] for row in inputs) == sorted(row[CALL] for row in predictions)
    assert "NOT THE SAME" not in done.stdout
    assert done.stdout.count("the same") == 2
    assert max(map(len, done.stdout.splitlines())) <= max(80, len(str(tmp_path / "here")))

    printed = re.findall(r"^  (python -m modeldata .*|duckdb\..*)$", done.stdout, re.MULTILINE)
    assert [re.split(r"[ (]", line.removeprefix("python -m "))[:2] for line in printed] == [
        ["modeldata", "ls"], ["modeldata", "stats"], ["modeldata", "tail"], ["modeldata", "audit"], ["modeldata", "ui"], ["duckdb.sql", "\"from"],
    ]  # fmt: skip
    for line in printed:
        assert_it_runs(line.replace(" -f ", " ").replace(" --open", " --help"), tmp_path, hostile)  # both would go on without end


def assert_it_runs(line: str, folder: Path, env: dict[str, str]) -> None:
    command = [*shlex.split(line)[1:]] if line.startswith("python") else ["-c", f"import duckdb; assert {line}.fetchall()"]
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, line + done.stdout + done.stderr


def service_of(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], ModelDataError]:
    """What was shown, and how it ended, where the example is this."""
    (folder / "app.py").write_text(code)
    monkeypatch.setattr(service, "example_folder", lambda: folder)
    shown: list[str] = []
    with pytest.raises(ModelDataError) as error, service.Service(folder / "here", shown.append):
        pass
    return shown, error.value


def test_a_service_that_ends_at_its_start_leaves_its_words_and_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, error = service_of("print('no licence for this machine', flush=True); raise SystemExit(3)", tmp_path, monkeypatch)
    assert "no licence for this machine" in shown
    assert "exit status 3" in str(error)


def test_a_service_that_starts_slowly_is_waited_for_in_words_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SAY_SECONDS", 0.05)
    monkeypatch.setattr(service, "START_SECONDS", 0.2)
    shown, error = service_of("import time; time.sleep(60)", tmp_path, monkeypatch)
    assert [line.partition(":")[0] for line in shown] == ["Still starting after 0 s"] * 3
    assert "did not listen within 0 s" in str(error)


@pytest.mark.faults
def test_as_json_it_tells_what_was_compared_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--json"], cwd=tmp_path, env=scripts.environment(), capture_output=True, text=True, timeout=250, check=False
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert [(one["identifier"], one["sent"], one["archived"], one["good"]) for one in report["checks"]] == [
        ("inputs", 568, 568, True),
        ("prediction", 568, 568, True),
    ]
    assert "the same" in done.stderr


def test_a_row_that_is_missing_doubled_or_changed_is_reported() -> None:
    sent = pd.DataFrame({CALL: ["a", "a", "b"], POSITION: [0, 1, 0], "x": [1.0, 2.0, 3.0]})
    assert compare("inputs", sent, sent).good
    assert not compare("inputs", sent.iloc[:2], sent).good
    assert not compare("inputs", pd.concat([sent, sent.iloc[:1].assign(**{POSITION: 2})]), sent).good
    assert not compare("inputs", sent.assign(x=[1.0, 2.0, 4.0]), sent).good
    assert not compare("inputs", sent.iloc[:0], sent).good


def test_rows_that_were_refused_make_it_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour, "PATIENCE", 0.5)
    blocked = tmp_path / f".modeldata-spool-{os.getuid()}"
    blocked.write_text("a file where the spool would be")
    out = io.StringIO()
    assert [check.good for check in tour.Tour(tmp_path, Console(file=out, width=80)).run()] == [False, False]
    assert out.getvalue().count("NOT THE SAME") == 2
    assert "604 of 604 calls were refused" in " ".join(out.getvalue().split())  # a line may end anywhere in it


def test_a_folder_that_can_not_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("a file")
    done = subprocess.run(
        COMMAND, cwd=tmp_path, env=scripts.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("modeldata: could not make the archive's folder")
    assert done.stderr.count("\n") == 1


def processes_of(folder: Path) -> list[str]:
    """Processes that know an archive in this folder."""
    mark = f"MODELDATA_ARCHIVE={folder / 'here'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.sampled(3)
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_stays_behind(tmp_path: Path, how: signal.Signals) -> None:
    with (tmp_path / "output").open("wb") as output:
        demo = subprocess.Popen(COMMAND, cwd=tmp_path, env=scripts.environment(), stdout=output, stderr=output)
    try:
        scripts.wait_until(
            lambda: demo.poll() is not None or "listens" in (tmp_path / "output").read_text(), 120, "the demo serves"
        )
        assert demo.poll() is None, (tmp_path / "output").read_text()
        demo.send_signal(how)
        assert demo.wait(60) != 0
        scripts.wait_until(lambda: not processes_of(tmp_path), 60, "service and shipper leave")
    finally:
        demo.kill()
        demo.wait()
