"""design.md §6: arguments, then the environment, then defaults; each with its origin; what is not valid is said at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from modeldata import Archive, windows
from modeldata.errors import SettingsError
from modeldata.keywords import SettingsOptions
from modeldata.parsing import boundary, flag, path_text, positive_seconds, positive_size, seconds, size
from modeldata.settings import Settings
from modeldata.settings.archives import check_archive
from modeldata.settings.folders import state_folder
from modeldata.settings.table import SETTINGS, Setting
from modeldata.spool.files import Files
from modeldata.spool.location import locate_spool
from modeldata.urls import local_folder

UNHURRIED = hypothesis_settings(deadline=None)  # a busy machine proves nothing
MIB = 1024 * 1024
DEFAULTS = {
    "enabled": True, "debug": False, "format": "csv", "hour_folders": False, "spool": None, "spool_max_bytes": 1024 * MIB,
    "when_full": "drop_newest", "block_timeout": 0.05, "fsync": "interval", "fsync_seconds": 1.0, "ship": "auto",
    "batch_bytes": 4 * MIB, "batch_seconds": 1.0, "max_row_bytes": 4 * MIB, "exit_timeout": 2.0, "excel_safe": False,
    "config_map": "/var/azureml-app/model_config_map.json", "service_name": "",
}  # fmt: skip
EXAMPLES: list[tuple[str, str, str, object]] = [
    ("archive", "MODELDATA_ARCHIVE", "/srv/a", os.path.abspath("/srv/a")),
    ("enabled", "MODELDATA_ENABLED", "false", False),
    ("enabled", "AML_MODEL_DC_STORAGE_ENABLED", "FALSE", False),
    ("debug", "AML_MODEL_DC_DEBUG", "true", True),
    ("format", "MODELDATA_FORMAT", "Parquet", "parquet"),
    ("credentials", "MODELDATA_CREDENTIALS", "/run/secrets/store", os.path.abspath("/run/secrets/store")),
    ("allow_insecure", "MODELDATA_ALLOW_INSECURE", "true", True),
    ("allow_network_spool", "MODELDATA_ALLOW_NETWORK_SPOOL", "true", True),
    ("heads", "MODELDATA_HEADS", "s3://proofs/ours", "s3://proofs/ours"),
    ("heads_key", "MODELDATA_HEADS_KEY", "/run/secrets/heads.pem", os.path.abspath("/run/secrets/heads.pem")),
    ("hour_folders", "AML_MODEL_DC_BOUNDARY", "hour", True),
    ("spool", "MODELDATA_SPOOL", "/var/spool/md", os.path.abspath("/var/spool/md")),
    ("spool_max_bytes", "MODELDATA_SPOOL_MAX_BYTES", "512M", 512 * MIB),
    ("when_full", "MODELDATA_WHEN_FULL", "drop_oldest", "drop_oldest"),
    ("block_timeout", "MODELDATA_BLOCK_TIMEOUT", "20ms", 0.02),
    ("min_free_bytes", "MODELDATA_MIN_FREE_BYTES", "0", 0),
    ("fsync", "MODELDATA_FSYNC", "always", "always"),
    ("fsync_seconds", "MODELDATA_FSYNC_SECONDS", "5s", 5.0),
    ("ship", "MODELDATA_SHIP", "thread", "thread"),
    ("batch_bytes", "MODELDATA_BATCH_BYTES", "1MiB", MIB),
    ("batch_seconds", "MODELDATA_BATCH_SECONDS", "500ms", 0.5),
    ("max_row_bytes", "MODELDATA_MAX_ROW_BYTES", "65536", 65536),
    ("exit_timeout", "MODELDATA_EXIT_TIMEOUT", "0", 0.0),
    ("excel_safe", "MODELDATA_EXCEL_SAFE", "yes", True),
    ("on_error", "MODELDATA_ON_ERROR", "raise", "raise"),
    ("config_map", "MODELDATA_CONFIG_MAP", "/etc/map.json", "/etc/map.json"),
    ("service_name", "SERVICE_NAME", "svc", "svc"),
]


def test_with_nothing_set_the_defaults_of_the_design_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Settings.build({})
    assert {name: getattr(made, name) for name in DEFAULTS} == DEFAULTS
    assert made.archive == str(tmp_path / "modeldata")
    assert set(made.origin.values()) == {"default"} and set(made.origin) == set(SETTINGS)


@pytest.mark.parametrize(("name", "variable", "text", "value"), EXAMPLES)
def test_each_variable_sets_its_setting_and_is_named_as_its_origin(name: str, variable: str, text: str, value: object) -> None:
    made = Settings.build({variable: text})
    assert getattr(made, name) == value
    assert made.origin[name] == variable


@pytest.mark.parametrize(("name", "variable", "text", "value"), EXAMPLES)
def test_an_argument_wins_over_the_environment(name: str, variable: str, text: str, value: object) -> None:
    other = next((example[2] for example in EXAMPLES if example[0] == name), text)
    made = Settings.build({variable: "broken \0 value"}, **{name: other})  # type: ignore[arg-type] # any setting by its name
    assert getattr(made, name) == value
    assert made.origin[name] == "argument"


def test_every_setting_has_an_example_here() -> None:
    assert {example[0] for example in EXAMPLES} == set(SETTINGS)


def test_our_variable_wins_over_the_originals() -> None:
    made = Settings.build({"MODELDATA_ENABLED": "true", "AML_MODEL_DC_STORAGE_ENABLED": "false"})
    assert made.enabled is True and made.origin["enabled"] == "MODELDATA_ENABLED"


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_variable_counts_as_not_set(blank: str) -> None:
    made = Settings.build({field.variables[0]: blank for field in SETTINGS.values()})
    assert set(made.origin.values()) == {"default"}


def test_an_argument_of_none_counts_as_not_given() -> None:
    assert Settings.build({"MODELDATA_SHIP": "off"}, ship=None).ship == "off"


def test_the_shim_is_off_by_default_and_only_by_default() -> None:
    assert Settings.build({}, enabled_default=False).enabled is False
    assert Settings.build({"AML_MODEL_DC_STORAGE_ENABLED": "true"}, enabled_default=False).enabled is True
    assert Settings.build({"MODELDATA_ENABLED": "1"}, enabled_default=False).enabled is True
    assert Settings.build({}, enabled_default=False, enabled=True).enabled is True


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1", 1), ("1k", 1024), ("1KB", 1024), ("1.5 MiB", 3 * MIB // 2), ("2g", 2048 * MIB), ("1_000", 1000),
     ("1T", MIB * MIB), ("10b", 10), (" 5 M\n", 5 * MIB), ("4611686018427387904", 1 << 62)],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert Settings.build({"MODELDATA_MIN_FREE_BYTES": text}).min_free_bytes == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5.0), ("5s", 5.0), ("500ms", 0.5), ("2min", 120.0), ("0.25", 0.25), ("1e-3", 0.001), (" 1 s ", 1.0)],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert Settings.build({"MODELDATA_BATCH_SECONDS": text}).batch_seconds == pytest.approx(seconds)


BAD = [
    ("MODELDATA_ENABLED", "maybe", "true or false"),
    ("AML_MODEL_DC_STORAGE_ENABLED", "2", "true or false"),
    ("AML_MODEL_DC_DEBUG", "x", "true or false"),
    ("MODELDATA_FORMAT", "xlsx", "csv"),
    ("MODELDATA_FORMAT", "orc", "csv, jsonl, parquet"),
    ("MODELDATA_CREDENTIALS", "s3://bucket/key", "local path"),
    ("AML_MODEL_DC_BOUNDARY", "minute", "day, hour"),
    ("MODELDATA_WHEN_FULL", "panic", "drop_newest, drop_oldest, block"),
    ("MODELDATA_FSYNC", "sometimes", "always, interval, never"),
    ("MODELDATA_SHIP", "boat", "auto, process, thread, off"),
    ("MODELDATA_SPOOL_MAX_BYTES", "0", "more than 0"),
    *(
        ("MODELDATA_SPOOL_MAX_BYTES", text, "512M|64M|1GiB")
        for text in ("-1", "nan", "inf", "1e99", "five", "5 apples", "9" * 5000)
    ),
    *(("MODELDATA_BATCH_SECONDS", text, "500ms") for text in ("-1", "nan", "inf", "soon", "1y", "1e10")),
    ("MODELDATA_FSYNC_SECONDS", "0", "500ms"),
    ("MODELDATA_SPOOL", "s3://bucket/spool", "local path"),
]


@pytest.mark.parametrize(("variable", "text", "allowed"), BAD)
def test_what_cannot_be_meant_names_the_variable_the_value_and_what_is_allowed(variable: str, text: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.build({variable: text})
    shown = str(caught.value)
    assert any(part in shown for part in allowed.split("|"))
    assert text[:20] in shown and len(shown) < 500
    assert variable in shown or variable.removeprefix("MODELDATA_").lower() in shown


@pytest.mark.parametrize(
    "value", [5, b"x", [], [5], "", "a\0b", pytest.param("\ud800", marks=pytest.mark.posix("names that are bytes")), True]
)
def test_an_archive_argument_that_is_no_path_is_refused(value: object) -> None:
    with pytest.raises(SettingsError, match="archive"):
        Settings.build({}, archive=value)  # type: ignore[arg-type] # that is the point


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"unknown: spol .*spool"):
        Settings.build({}, spol="x")


@UNHURRIED
@given(st.dictionaries(st.sampled_from([variable for field in SETTINGS.values() for variable in field.variables]), st.text()))
def test_no_environment_raises_anything_but_settings_errors(env: dict[str, str]) -> None:
    try:
        Settings.build(env)
    except SettingsError as error:
        assert str(error).isprintable()


def test_settings_are_frozen_equal_by_value_and_can_be_keys() -> None:
    one, other = Settings.build({"MODELDATA_SHIP": "off"}), Settings.build({}, ship="off")
    assert one == other and hash(one) == hash(other) and one != Settings.build({})
    with pytest.raises(AttributeError):
        one.ship = "auto"
    with pytest.raises(AttributeError):
        del one.ship
    assert not hasattr(one, "__dict__")


@pytest.mark.parametrize("archive", ["x", "a b ", "file:///srv/a%20b", "~/x", "/srv/a://b", "é\u2028"])
def test_a_child_builds_the_same_settings_from_what_it_is_given(
    archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given_ = {"hour_folders": True, "enabled": False, "exit_timeout": 1e-05, "spool": "sp ool ", "service_name": "s"}
    ours = Settings.build({}, archive=archive, **given_)  # type: ignore[arg-type] # any setting by its name
    monkeypatch.chdir("/")
    theirs = Settings.build(ours.to_env())
    assert theirs == ours
    assert (theirs.spool_folder(), theirs.sink_key()) == (ours.spool_folder(), ours.sink_key())


def test_paths_are_fixed_when_the_settings_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Settings.build({"MODELDATA_ARCHIVE": "data/../archive", "MODELDATA_SPOOL": "spool"})
    monkeypatch.chdir("/")
    assert (made.archive, made.spool) == (str(tmp_path / "archive"), str(tmp_path / "spool"))
    assert made.spool_folder().startswith(str(tmp_path / "spool") + os.sep)


def test_building_touches_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Settings.build({})
    made.spool_folder()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.posix("a working directory that can be removed")
def test_a_working_directory_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SettingsError, match="absolute path"):
        Settings.build({})
    assert Settings.build({}, archive="/srv/x").archive == "/srv/x"


@pytest.mark.parametrize("scheme", ["ftp", "http", "azz", "s4", "hdfs", "x"])
def test_an_unknown_scheme_is_refused_with_the_known_ones_also_when_switched_off(scheme: str) -> None:
    for enabled in (True, False):
        with pytest.raises(SettingsError, match=rf"'{scheme}' is not known .*a path, file://.*s3://"):
            Settings.build({}, archive=f"{scheme}://host/x", enabled=enabled)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("az://container", "az://container"), ("AZ://container/a//b/", "az://container/a/b"),
        ("abfss://data@acct.dfs.core.windows.net/x", "abfss://data@acct.dfs.core.windows.net/x"),
        ("s3://bucket/x", "s3://bucket/x"), ("S3://my.bucket", "s3://my.bucket"), ("gs://bucket_1/ü", "gs://bucket_1/ü"),
    ],
)  # fmt: skip
def test_a_remote_archive_is_kept_in_one_form_and_waits_longer_for_its_batches(url: str, kept: str) -> None:
    made = Settings.build({}, archive=url)
    assert (made.archive, made.batch_seconds, made.batch_bytes) == (kept, 5.0, 4 * MIB)
    assert Settings.build({}, archive=url, batch_seconds=2).batch_seconds == 2.0
    parquet = Settings.build({}, archive=url, format="parquet")
    assert (parquet.batch_seconds, parquet.batch_bytes) == (60.0, 64 * MIB)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3:/bucket", "begin with s3://"), ("s3://", "missing"), ("s3:///x", "missing"), ("s3://b", "can't be the name"),
        ("s3://UPPER/x", "can't be the name"), ("az://key:secret@container", "user, a password"), ("az://host:80/x", "a port"),
        ("s3://bucket/x?sig=abcdefgh", "never from the URL"), ("abfss://container/x", "abfss://container@account"),
        ("gs://bucket/a/../b", "would change"), ("gs://bucket/a\nb", "would change"),
    ],
)  # fmt: skip
def test_a_remote_url_that_can_not_be_meant_is_refused_with_an_example(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=f"{why}.*az://container/prefix") as report:
        Settings.build({}, archive=url)
    assert "secret" not in str(report.value) and "abcdefgh" not in str(report.value)


def test_a_store_whose_library_is_not_installed_says_what_to_install_unless_it_is_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r'azure.storage.blob is not installed.*pip install "modeldata\[azure\]"'):
        Settings.build({}, archive="az://container")
    with pytest.raises(SettingsError, match="pip install obstore"):
        Settings.build({}, archive="s3://bucket")
    assert Settings.build({}, archive="az://container", enabled=False).archive == "az://container"


def test_the_originals_connection_string_names_the_archive() -> None:
    env = {"AML_MODEL_DC_STORAGE": "AccountName=a;AccountKey=b"}
    made = Settings.build(env)
    assert (made.archive, made.origin["archive"]) == ("az://modeldata", "AML_MODEL_DC_STORAGE")
    assert Settings.build({**env, "MODELDATA_ARCHIVE": "/srv/x"}).archive == os.path.abspath("/srv/x")


def test_several_archives_are_named_in_one_setting_each_with_its_own_progress(tmp_path: Path) -> None:
    made = Settings.build({"MODELDATA_ARCHIVE": "/srv/a, s3://bucket/x ,/srv/a,"})
    assert made.archives == [os.path.abspath("/srv/a"), "s3://bucket/x"]
    assert made.batch_seconds == 5.0
    assert len({made.only(url).sink_key() for url in made.archives} | {made.sink_key()}) == 3
    assert Settings.build({}, archive=["/srv/a", tmp_path]).archives == [os.path.abspath("/srv/a"), str(tmp_path)]
    assert Settings.build(made.to_env()).archives == made.archives


def test_a_path_with_a_comma_is_one_archive_when_it_comes_as_a_path(tmp_path: Path) -> None:
    made = Settings.build({}, archive=tmp_path / "a,b 50%")
    assert [local_folder(url) for url in made.archives] == [str(tmp_path / "a,b 50%")]
    assert made.spool_folder().startswith(str(tmp_path / "a,b 50%") + os.sep)
    assert Settings.build(made.to_env()).archives == made.archives


@pytest.mark.parametrize(
    ("url", "is_windows", "folder"),
    [
        ("/a/b", False, "/a/b"), ("a/b", False, "a/b"), ("file:///a/b", False, "/a/b"), ("FILE:///a", False, "/a"),
        ("file:/a", False, "/a"), ("file://localhost/a", False, "/a"), ("file:///a%20b%C3%A9", False, "/a bé"),
        ("file:///50%/x%2", False, "/50%/x%2"), ("file:///a%  b", False, "/a%  b"), ("/a://b", False, "/a://b"),
        ("file://other/a", False, None), ("s3://b", False, None), ("c://x", False, None),
        ("C:\\a\\b", True, "C:\\a\\b"), ("C:/a", True, "C:/a"), ("c://a", True, None), ("x://host/p", True, None), ("C:a", True, "C:a"),
        ("file:///C:/a%20b", True, "C:/a b"), ("file:/C:/a", True, "C:/a"), ("file://server/share", True, None),
        ("//server/share", True, "//server/share"), ("\\\\?\\C:\\a", True, "\\\\?\\C:\\a"),
        ("C:\\a://b", True, "C:\\a://b"), (".\\x://b", True, ".\\x://b"),
        ("file:C:/a", True, "C:/a"), ("\\\\server\\share", True, "\\\\server\\share"), ("s3://b", True, None),
    ],
)  # fmt: skip
def test_which_folder_a_url_means(url: str, is_windows: bool, folder: str | None) -> None:
    assert local_folder(url, is_windows=is_windows) == folder


@pytest.mark.parametrize("url", ["file://other/x", "file://", "file:", "file:///a%00b"])
def test_a_file_url_that_names_no_folder_here_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="folder of this host"):
        check_archive(url)


@pytest.mark.posix("users that are numbers")
def test_the_spool_lies_beside_a_local_archive_hidden_from_readers_and_one_for_each_user(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Settings.build({}, archive="/srv/archive")
    folders = set()
    for user in (0, 1000, 1001):
        monkeypatch.setattr(os, "getuid", lambda user=user: user)
        folder, name = os.path.split(made.spool_folder())
        assert folder == "/srv/archive" and name.startswith(".") and name.endswith(f"-{user}")
        folders.add(name)
    assert len(folders) == 3


def test_two_archives_may_share_a_named_spool_and_stay_apart() -> None:
    one = Settings.build({"MODELDATA_SPOOL": "/var/spool/md"}, archive="/srv/a").spool_folder()
    other = Settings.build({"MODELDATA_SPOOL": "/var/spool/md"}, archive="/srv/b").spool_folder()
    assert one != other and os.path.dirname(one) == os.path.dirname(other) == os.path.abspath("/var/spool/md")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG places are those of Linux")
def test_a_remote_archives_spool_lies_in_the_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    one = Settings.build({}, archive="s3://aaa", enabled=False)
    other = Settings.build({}, archive="s3://bbb", enabled=False)
    assert one.spool_folder({}) != other.spool_folder({})
    assert os.path.dirname(one.spool_folder({})) == str(tmp_path / ".local/state/modeldata")
    assert state_folder({"XDG_STATE_HOME": str(tmp_path / "state")}) == str(tmp_path / "state/modeldata")
    assert state_folder({"XDG_STATE_HOME": "relative"}) == str(tmp_path / ".local/state/modeldata")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG places are those of Linux")
def test_without_a_home_that_can_be_written_the_spool_goes_to_the_temporary_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) == str(tmp_path))
    assert state_folder({"TMPDIR": str(tmp_path)}) == str(tmp_path / f"modeldata-{os.getuid()}")
    env = {"TMPDIR": str(tmp_path)}
    assert "a restart may empty" in _note(env, archive="s3://aaa")
    assert _note(env, archive="s3://aaa", spool="/x") == _note(env, archive="/x") == ""


def _note(env: dict[str, str], **given: str) -> str:
    return locate_spool(Settings.build({}, **given), Files(), env).note  # type: ignore[arg-type]  # names of settings


@pytest.mark.parametrize(("platform", "place"), [("darwin", "Library/Application Support"), ("win32", "AppData/Local")])
@pytest.mark.posix("a home that is named by HOME")
def test_each_platform_has_its_own_state_directory(
    platform: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(windows, "HERE", platform == "win32")
    assert state_folder({}) == str(tmp_path / place / "modeldata")


# Keywords that an editor completes

TEXT, FILE = str | None, str | os.PathLike[str] | None
ACCEPTED = {
    flag: bool | None, boundary: bool | None, size: int | str | None, positive_size: int | str | None,
    seconds: float | str | None, positive_seconds: float | str | None, str: TEXT, path_text: FILE,
}  # fmt: skip
"""How text becomes a value → the type of the keyword."""
KEPT = {flag: bool, boundary: bool, size: int, positive_size: int, seconds: float, positive_seconds: float, str: str}
"""How text becomes a value → the type of the setting."""


def _choices(setting: Setting) -> tuple[str, ...]:
    with pytest.raises(ValueError) as refused:
        setting.parse("\0")
    return tuple(str(refused.value).removeprefix("one of ").split(", "))


def test_the_keywords_of_an_archive_are_the_settings_with_the_types_that_they_take() -> None:
    keywords = get_type_hints(SettingsOptions)
    assert set(keywords) == set(SETTINGS) - {"archive"}, "the archive itself is the first argument"
    for name, hint in keywords.items():
        setting = SETTINGS[name]
        if setting.parse in ACCEPTED:
            assert hint == ACCEPTED[setting.parse], name
        else:
            (literal,) = (part for part in get_args(hint) if part is not type(None))
            assert get_args(literal) == _choices(setting), name


def test_each_setting_is_an_attribute_of_its_type() -> None:
    hints = Settings.__annotations__
    assert set(hints) - {"origin", "others"} == set(SETTINGS)
    for name, setting in SETTINGS.items():
        kept = KEPT.get(setting.parse, str).__name__
        assert hints[name] == (f"{kept} | None" if setting.default is None else kept), name


def test_an_archive_takes_the_keywords_and_no_other(tmp_path: Path) -> None:
    assert Archive.__init__.__annotations__["settings"] == "Unpack[SettingsOptions]"
    with pytest.raises(SettingsError, match="unknown: colour"):
        Archive(tmp_path, colour="red")  # type: ignore[call-arg] # that is the point
