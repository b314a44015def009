"""Every command ends with its own exit status and without a traceback, whatever its streams are (H66)."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import environment, modeldata

COMMANDS = {
    "doctor": 0, "status --json": 0, "audit": 0, "ls": 0, "stats churn/inputs": 0,
    "ship --drain": 0, "head nowhere/inputs": 1, "nonsense": 2,
}  # fmt: skip


def _shell(command: str, streams: str, folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m modeldata {command} {streams}', sys.executable],
        cwd=folder, env=environment(**env), capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.sampled(2)
@pytest.mark.skipif(os.name == "nt", reason="a shell's way to close a stream")
@pytest.mark.parametrize("command", COMMANDS)
def test_closed_streams_change_neither_the_exit_status_nor_what_a_file_holds(here: Path, command: str) -> None:
    for streams in (">&-", "<&- >&- 2>&-"):
        before = {path: path.read_bytes() for path in here.rglob("data*")}
        done = _shell(command, streams, here)

        assert done.returncode == COMMANDS[command], (streams, done.stderr)
        assert b"Traceback" not in done.stderr + done.stdout
        assert {path: path.read_bytes() for path in here.rglob("data*")} == before


@pytest.mark.skipif(os.name == "nt", reason="a shell's way to close a stream")
def test_what_goes_to_a_closed_stderr_does_not_come_out_of_stdout(here: Path) -> None:
    assert _shell("head nowhere/inputs", "2>&-", here).stdout == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is always full")
@pytest.mark.parametrize("command", ["doctor", "head churn/inputs"])
def test_a_full_disk_behind_stdout_is_said_in_one_line(here: Path, command: str) -> None:
    done = _shell(command, ">/dev/full", here)

    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["modeldata: could not go on: [Errno 28] No space left on device"]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("encoding", ["ascii:strict", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    "command", ["doctor", "status", "ls", "stats m/in", "head m/in", "coverage", "query 'select * from m_in'"]
)
def test_a_stream_without_our_characters_gets_escapes(made_abroad: Path, encoding: str, command: str) -> None:
    name = os.fsencode(made_abroad / "données-日本-") + b"\xff"
    done = subprocess.run(
        [sys.executable, "-m", "modeldata", *shlex.split(command), "--archive", name],
        env=environment(PYTHONIOENCODING=encoding), capture_output=True, timeout=60, check=False,
    )  # fmt: skip

    assert b"Traceback" not in done.stderr and b"UnicodeEncodeError" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr + done.stdout


def test_a_character_that_the_code_page_lacks_is_an_escape(made_abroad: Path) -> None:
    archive = os.fsencode(made_abroad / "données-日本-") + b"\xff"
    done = subprocess.run(
        [sys.executable, "-m", "modeldata", "stats", "m/in", "--archive", archive],
        env=environment(PYTHONIOENCODING="cp437"), capture_output=True, timeout=60, check=False,
    )  # fmt: skip

    said = done.stdout.decode("cp437")
    assert "näme" in said and "ÄÖ-\\u65e5\\u672c-" in said, done.stderr


@pytest.fixture(scope="module")
def made_abroad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose path and values are in no narrow character set; the path is not even UTF-8."""
    folder = tmp_path_factory.mktemp("abroad")
    code = """
import os, sys
from modeldata import Archive
archive = Archive(os.fsdecode(os.fsencode("données-日本-") + b"\\xff"), ship="thread", batch_seconds=0)
assert archive.collector("m", "in", ["näme"]).collect(["ÄÖ-日本-😀"]) and archive.close(60)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_status_shows_each_of_several_archives(tmp_path: Path) -> None:
    env = {"MODELDATA_ARCHIVE": f"{tmp_path}/one,{tmp_path}/two", "MODELDATA_SPOOL": str(tmp_path / "spool")}
    code = "from modeldata import Archive; a = Archive(ship='off'); assert a.collector('m').collect([[1], [2]]); a.close(0)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(**env), check=False).returncode == 0

    for pending, archived in ((2, 0), (0, 2)):
        done = modeldata("status", env=env)
        assert done.returncode == 0, done.stderr
        for name in ("one", "two"):
            assert f"{tmp_path}/{name}: archived {archived} pending {pending} " in done.stdout
        assert modeldata("ship", "--drain", env=env).returncode == 0


def test_a_library_that_can_not_be_loaded_is_said_in_one_line(here: Path, broken_arrow: str) -> None:
    for command in (["head", "churn/inputs"], ["ship", "--drain"], ["audit"]):
        done = modeldata(*command, "--archive", str(here / "modeldata"), env={"PYTHONPATH": broken_arrow})
        assert "Traceback" not in done.stderr, command
        if done.returncode:
            assert "libarrow.so.2600" in done.stderr


@pytest.fixture
def broken_arrow(tmp_path: Path) -> str:
    (tmp_path / "broken" / "pyarrow").mkdir(parents=True)
    (tmp_path / "broken" / "pyarrow" / "__init__.py").write_text("raise ImportError('libarrow.so.2600: cannot open')")
    return str(tmp_path / "broken")
