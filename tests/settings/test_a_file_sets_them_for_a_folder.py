"""`modeldata.toml`: services and commands in a folder see it; arguments and the environment go before it; it holds no key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from modeldata.errors import SettingsError
from modeldata.settings import Settings
from modeldata.settings.file import find_file
from modeldata.settings.table import SETTINGS
from tests.cli.kit import run
from tests.support import scripts

SERVICE = """
    from pathlib import Path
    from modeldata import ModelDataCollector, flush

    file = Path("modeldata.toml")
    inputs, text = ModelDataCollector("churn", "inputs", ["age"]), file.read_text()
    file.write_text("of a later version = true")  # a shipper asks its service, not the file
    assert inputs.collect([34])
    assert flush(30)
    file.write_text(text)
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "modeldata.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_service_and_the_commands_see_what_init_wrote(here: Path) -> None:
    report = run("init", "rows here", "--format", "jsonl", "--json")
    assert json.loads(report.out) == {
        "file": str(here / "modeldata.toml"),
        "settings": {"archive": str(here / "rows here"), "format": "jsonl"},
    }
    scripts.run(SERVICE, here, {"MODELDATA_SHIP": "process"})
    assert list((here / "rows here").glob("*/*/*/inputs/*/*/*/data*.jsonl"))
    assert run("head", "churn", "--columns", "age").out == "age\n34\n"
    assert f"format = jsonl (from {here / 'modeldata.toml'})" in run("doctor", columns=500).out
    again = run("init")
    assert again.code == 1 and "--overwrite replaces it" in again.err


def test_arguments_then_the_environment_then_the_file_then_defaults(here: Path) -> None:
    path = write(here, 'format = "parquet"\nfsync = "never"\nship = "off"\nbatch_seconds = 7\nexcel_safe = true\n')
    made = Settings.here({"MODELDATA_FSYNC": "always", "MODELDATA_SHIP": "thread"}, ship="process")
    assert (made.ship, made.fsync, made.format, made.batch_seconds) == ("process", "always", "parquet", 7.0)
    assert [made.origin[name] for name in ("ship", "fsync", "format", "excel_safe", "spool")] == [
        "argument", "MODELDATA_FSYNC", str(path), str(path), "default",
    ]  # fmt: skip
    assert Settings.build({}) != made  # a shipper, which has all settings in its environment, asks for no file
    assert Settings.build(made.to_env()) == made


def test_relative_paths_begin_at_the_file(tmp_path: Path, here: Path) -> None:
    (folder := tmp_path / "etc").mkdir()
    path = write(folder, 'archive = ["rows", "s3://bucket/rows"]\nspool = "spool"\nheads = "-"\nheads_key = "key.pem"\n')
    made = Settings.here({"MODELDATA_CONFIG": str(path)})
    assert made.archives == [str(folder / "rows"), "s3://bucket/rows"]
    assert (made.spool, made.heads, made.heads_key) == (str(folder / "spool"), "-", str(folder / "key.pem"))
    assert Settings.here({"MODELDATA_CONFIG": os.devnull}).origin["spool"] == "default"


def test_every_setting_can_stand_in_the_file(here: Path) -> None:
    values = {name: setting.as_text(setting.default) for name, setting in SETTINGS.items()}
    write(here, "".join(f"{name} = {json.dumps(text)}\n" for name, text in values.items()))
    made = Settings.here({})
    defaults = Settings.build({}, archive=made.archive)
    assert [name for name in SETTINGS if getattr(made, name) != getattr(defaults, name)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('formt = "csv"', "'formt' is no setting (did you mean 'format'?)"),
        ('MODELDATA_FORMAT = "csv"', "did you mean 'format'?"),
        ('format = "xml"', "could not understand format in"),
        ("format = 2026-11-23", "date is not valid"),
        ("archive = [1]", "list is not valid"),
        ("[store]", "'store' is no setting"),
        ("format = ", "not valid TOML"),
        ('heads_key = "PRIVATE+KEY+us+c0ffee+S3cr3t"', "it holds a private key"),
        ('archive = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=S3cr3t"', "connection string"),
    ],
)
def test_what_is_wrong_in_it_is_said_with_its_path_and_no_secret(here: Path, text: str, said: str) -> None:
    write(here, text)
    with pytest.raises(SettingsError) as raised:
        Settings.here({})
    assert said in str(raised.value)
    assert "modeldata.toml" in str(raised.value) or "connection string" in said
    assert "S3cr3t" not in str(raised.value)


def test_a_file_that_was_named_has_to_be_there(here: Path) -> None:
    with pytest.raises(SettingsError, match="`modeldata init` writes one"):
        find_file({"MODELDATA_CONFIG": "elsewhere.toml"})


@pytest.mark.posix("owners and modes")
def test_a_file_that_others_could_have_put_there_does_not_say_where_rows_go(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(here, 'archive = "s3://theirs/rows"')
    path.chmod(0o666)
    with pytest.raises(SettingsError, match="every user can write it"):
        Settings.here({})
    assert Settings.here({"MODELDATA_CONFIG": str(path)}).archive == "s3://theirs/rows"
    path.chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid:
        with pytest.raises(SettingsError, match="it belongs to another user"):
            Settings.here({})
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SettingsError, match="it is not a file"):
        Settings.here({})


@pytest.mark.posix("users and modes")
def test_a_working_directory_that_may_not_be_looked_into_has_no_file_and_stops_no_service(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    code = """
import os, sys
from modeldata.settings import Settings
os.chdir(sys.argv[1])
os.chmod(".", 0)
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
print(Settings.here({}).origin["archive"])
"""
    done = subprocess.run([sys.executable, "-c", code, str(locked)], capture_output=True, text=True, check=False)
    locked.chmod(0o700)
    assert done.stdout.strip() == "default", done.stderr


def test_what_init_writes_is_valid_and_a_variable_that_goes_before_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELDATA_ARCHIVE", "other")
    done = run("init", 'a "quoted"\\ name')
    assert tomllib.loads((here / "modeldata.toml").read_text(encoding="utf-8")) == {"archive": 'a "quoted"\\ name'}
    assert "the variable MODELDATA_ARCHIVE is set and goes before the file" in done.err
    wrong = run("init", "--format", "xml", "--overwrite")
    assert wrong.code == 1 and "csv, jsonl, parquet" in wrong.err
