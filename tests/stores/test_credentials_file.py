"""Keys that an operator keeps in a file: read again, never shown, and warned of where others may read them (fault matrix G9)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from modeldata.errors import SettingsError, mask
from modeldata.spool.files import Files
from modeldata.store.credentials import Credentials, parse

SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCY-in-a-file"


def _file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "keys"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_lines_are_read_as_a_shell_would_mean_them() -> None:
    text = "# a comment\nA=1\nexport B = two words \nC=\"quoted\"\nD='a=b'\n\nnonsense\nE=\n"
    assert parse(text) == {"A": "1", "B": "two words", "C": "quoted", "D": "a=b", "E": ""}


def test_the_file_wins_over_the_environment_and_is_read_again(tmp_path: Path) -> None:
    path = _file(tmp_path, f"AWS_SECRET_ACCESS_KEY={SECRET}\n")
    report: list[str] = []
    credentials = Credentials(path, Files(), report.append, {"AWS_SECRET_ACCESS_KEY": "old", "AWS_REGION": "eu-west-1"})
    assert credentials() == {"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}
    _file(tmp_path, "AWS_SECRET_ACCESS_KEY=another-secret\n")
    assert credentials()["AWS_SECRET_ACCESS_KEY"] == "another-secret"
    assert not report


def test_a_secret_from_a_file_is_masked_wherever_it_turns_up_and_a_region_is_not(tmp_path: Path) -> None:
    Credentials(_file(tmp_path, f"AWS_SECRET_ACCESS_KEY={SECRET}\nAWS_REGION=eu-west-1\n"), Files(), print, {})()
    assert SECRET not in mask(f"it was {SECRET} in eu-west-1")
    assert "eu-west-1" in mask(f"it was {SECRET} in eu-west-1")


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_a_file_that_others_may_read_is_used_and_warned_of_once(tmp_path: Path) -> None:
    report: list[str] = []
    credentials = Credentials(_file(tmp_path, "A=1\n", 0o644), Files(), report.append, {})
    assert credentials() == credentials() == {"A": "1"}
    assert len(report) == 1 and "chmod 600" in report[0]


def test_a_file_that_is_not_there_is_named_with_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"read the credentials.*keys.*MODELDATA_CREDENTIALS"):
        Credentials(str(tmp_path / "keys"), Files(), print, {})()


def test_without_a_file_the_environment_is_what_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Credentials(None, Files(), print)
    monkeypatch.setenv("SOMETHING_NEW", "here")
    assert credentials()["SOMETHING_NEW"] == "here" and credentials() is os.environ
