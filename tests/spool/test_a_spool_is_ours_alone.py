"""A spool is used where nobody else can write into it or carry it away; a mode that somebody widened is mended (H60, H61)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeldata import Archive, SpoolError
from modeldata.settings import Settings
from modeldata.ship.former_spools import beyond_reach
from modeldata.spool.accounts import Accounts
from modeldata.spool.files import Files
from modeldata.spool.folder import open_place
from modeldata.spool.location import locate_spool
from tests.support.archive import features
from tests.support.scripts import drain
from tests.support.service import NOON
from tests.support.users import SERVICE, STRANGER, VOLUME_GROUP, as_user, made, open_folder, python_as, root_only

__all__ = ["open_folder"]
pytestmark = pytest.mark.posix("owners and modes")

COLLECT = """
import logging, sys
from modeldata import Archive
logging.disable(logging.CRITICAL)
archive = Archive(sys.argv[1], spool=sys.argv[2] if len(sys.argv) > 2 else None, ship="off", fsync="never", min_free_bytes=1)
print(archive.collector("m", "inputs", ["n"]).collect([1]), archive.flush(0), archive.stats().dropped.get("spool_unusable", 0))
"""
TAKEN, REFUSED = "True False 0", "False False 1"


def _open(folder: Path, files: Files | None = None) -> object:
    return open_place(str(folder), files or Files(), b"\1" * 16, NOON)


# a mode that somebody widened


def _kubelet(volume: Path, group: int) -> None:
    """What kubelet does to a volume with `fsGroup`, at each mount: the group, and rw for it; x and setgid for folders."""
    for path in [volume, *volume.rglob("*")]:
        os.lchown(path, -1, group)
        path.chmod(stat.S_IMODE(path.lstat().st_mode) | (0o2770 if path.is_dir() else 0o660))


@pytest.mark.parametrize(
    "mode", [0o2770, 0o1777, *(pytest.param(mode, marks=pytest.mark.faults) for mode in (0o770, 0o777, 0o722, 0o2777))]
)
def test_a_spool_of_ours_gets_its_mode_back_and_goes_on_where_it_was(tmp_path: Path, mode: int) -> None:
    spool = tmp_path / "volume" / "spool"
    first = Archive(tmp_path / "archive", spool=spool, ship="off", min_free_bytes=1)
    assert first.collector("m", "inputs", ["n"]).collect([1])
    first.close(0)
    (folder,) = spool.iterdir()
    folder.chmod(mode)

    second = Archive(tmp_path / "archive", spool=spool, ship="off", min_free_bytes=1)
    assert second.collector("m", "inputs", ["n"]).collect([2])
    second.close(0)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    drain(tmp_path / "archive", "--spool", str(spool))
    assert sorted(features(tmp_path / "archive")) == [("1",), ("2",)]


@root_only
@pytest.mark.parametrize("beside", [False, True], ids=["a named spool", "a spool beside its archive"])
@pytest.mark.parametrize("root", [(0, 0o755), (SERVICE, 0o700)], ids=["volume of root", "volume of the service"])
def test_each_later_pod_with_an_fs_group_takes_up_the_spool_of_the_first(
    open_folder: Path, root: tuple[int, int], beside: bool
) -> None:
    volume = made(open_folder / "volume", root[1], root[0])
    where = [str(volume / "archive"), *([] if beside else [str(volume / "spool")])]
    groups = (VOLUME_GROUP,)
    for _ in range(3):
        _kubelet(volume, VOLUME_GROUP)
        assert python_as(SERVICE, COLLECT, *where, groups=groups) == TAKEN
    _kubelet(volume, VOLUME_GROUP)

    options = ["--archive", where[0], *(["--spool", where[1]] if len(where) > 1 else [])]
    done = as_user(SERVICE, sys.executable, "-m", "modeldata", "ship", "--drain", *options, groups=groups)
    assert done.returncode == 0, done.stderr
    assert features(volume / "archive") == [("1",)] * 3


def _modeldata(user: int, volume: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    where = ("--archive", str(volume / "archive"), "--spool", str(volume))
    return as_user(user, sys.executable, "-m", "modeldata", *arguments, *where, groups=(VOLUME_GROUP,))


@root_only
@pytest.mark.parametrize("look", [True, False], ids=["its folder can be read", "its folder is closed"])
def test_a_pod_of_another_user_has_a_spool_of_its_own_and_says_where_rows_of_the_first_wait(
    open_folder: Path, look: bool
) -> None:
    volume = made(open_folder / "volume", 0o755)
    _kubelet(volume, VOLUME_GROUP)
    where = (str(volume / "archive"), str(volume))
    assert python_as(SERVICE, COLLECT, *where, groups=(VOLUME_GROUP,)) == TAKEN
    (first,) = (path for path in volume.iterdir() if path.name != "archive")
    if look:
        _kubelet(volume, VOLUME_GROUP)
    assert python_as(STRANGER, COLLECT, *where, groups=(VOLUME_GROUP,)) == TAKEN

    assert (volume / f"{first.name}-{STRANGER}").stat().st_uid == STRANGER
    for command in (["status"], ["doctor"], ["ship", "--drain"]):
        done = _modeldata(STRANGER, volume, *command)
        assert f"rows may wait in {first}: user id {SERVICE} has to ship them" in done.stdout + done.stderr, done
    assert done.returncode == 1
    assert features(volume / "archive") == [("1",)]

    _kubelet(volume, VOLUME_GROUP)
    _modeldata(SERVICE, volume, "ship", "--drain")
    assert features(volume / "archive") == [("1",)] * 2
    _kubelet(volume, VOLUME_GROUP)
    assert _modeldata(STRANGER, volume, "ship", "--drain").returncode == 0


def test_where_a_named_spool_is_of_another_user_the_place_beside_it_is_chosen_and_its_rows_are_named(tmp_path: Path) -> None:
    settings = Settings.build({}, archive=tmp_path / "archive", spool=tmp_path / "root")
    usual = tmp_path / "root" / settings.spool_key()
    usual.mkdir(parents=True)

    class Theirs(Files):
        def stat(self, path: str) -> os.stat_result:
            seen = list(super().stat(path))
            return os.stat_result([*seen[:4], seen[4] + (path == str(usual)), *seen[5:]])

        def listdir(self, path: str) -> list[str]:
            if path.startswith(str(usual)):
                raise PermissionError(path)
            return super().listdir(path)

    assert locate_spool(settings, Theirs(), {}).folder == f"{usual}-{os.getuid()}"
    assert f"rows may wait in {usual}: user id {os.getuid() + 1}" in (beyond_reach(settings, Theirs()) or "")


@root_only
def test_the_root_user_learns_of_rows_that_wait_in_the_spool_of_a_service(open_folder: Path) -> None:
    volume = made(open_folder / "volume", 0o755)
    _kubelet(volume, VOLUME_GROUP)
    assert python_as(SERVICE, COLLECT, str(volume / "archive"), str(volume), groups=(VOLUME_GROUP,)) == TAKEN

    done = _modeldata(0, volume, "ship", "--drain")

    assert done.returncode == 1 and f"user id {SERVICE} has to ship them" in done.stderr


def test_a_file_system_that_keeps_no_modes_is_refused_with_the_reason(tmp_path: Path) -> None:
    class NoModes(Files):
        def set_mode(self, fd: int, mode: int) -> None:
            return

    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(0o777)
    with pytest.raises(SpoolError, match=r"0777 lets others write.*does not change it.*MODELDATA_SPOOL"):
        _open(tmp_path / "spool", NoModes())


def test_no_link_is_followed_to_the_folder_that_gets_its_mode_back(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    spool = tmp_path / "spool"
    spool.mkdir()
    spool.chmod(0o777)

    class Switched(Files):
        def stat(self, path: str) -> os.stat_result:
            seen = super().stat(path)
            if path == str(spool) and looked.append(path) is None and len(looked) == 2:
                spool.rmdir()
                spool.symlink_to(victim)
            return seen

    looked: list[str] = []  # first: is it there; then: whose is it
    with pytest.raises(SpoolError):
        _open(spool, Switched())
    assert stat.S_IMODE(victim.stat().st_mode) == 0o755


@pytest.mark.parametrize("below", ["segments", "sinks", "quarantine"])
def test_what_others_put_into_an_open_spool_is_not_followed(tmp_path: Path, below: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    spool = tmp_path / "spool"
    spool.mkdir()
    spool.chmod(0o777)
    (spool / below).symlink_to(elsewhere)

    with pytest.raises(SpoolError, match=f"{below}.*link"):
        _open(spool)
    assert list(elsewhere.iterdir()) == []


# folders above


@root_only
@pytest.mark.parametrize(
    ("mode", "user", "group", "expected"),
    [
        (0o755, 0, 0, TAKEN),
        (0o755, SERVICE, 0, TAKEN),
        (0o1777, 0, 0, TAKEN),
        (0o1777, STRANGER, 0, REFUSED),
        (0o775, 0, 0, TAKEN),
        (0o2775, 0, VOLUME_GROUP, TAKEN),
        (0o775, SERVICE, SERVICE, TAKEN),
        (0o777, 0, 0, REFUSED),
        (0o777, SERVICE, SERVICE, REFUSED),
        (0o757, 0, 0, REFUSED),
        (0o755, STRANGER, 0, REFUSED),
        (0o775, SERVICE, 1, REFUSED),
        (0o2777, 0, VOLUME_GROUP, REFUSED),
    ],
)
@pytest.mark.parametrize("depth", [1, 3])
def test_a_spool_is_used_only_where_nobody_else_can_carry_it_away(
    open_folder: Path, mode: int, user: int, group: int, expected: str, depth: int
) -> None:
    """Group 1 is that of the user `daemon`."""
    shared = made(open_folder / "shared", mode, user, group)
    inner = shared
    for number in range(depth):
        inner = made(inner / f"inner{number}", 0o700, SERVICE, SERVICE)

    assert python_as(SERVICE, COLLECT, str(inner), str(inner), groups=(VOLUME_GROUP,)) == expected


@root_only
def test_nobody_can_carry_a_spool_away_that_said_true(open_folder: Path) -> None:
    shared = made(open_folder / "shared", 0o777)
    said = python_as(SERVICE, COLLECT, str(shared), str(shared / "spool"))
    moved = as_user(STRANGER, "mv", str(shared / "spool"), str(shared / ".gone")).returncode == 0

    assert moved and said == REFUSED, "what could be carried away was accepted"


@root_only
def test_a_folder_in_tmp_that_somebody_made_first_is_not_ours(open_folder: Path) -> None:
    temporary = made(open_folder / "tmp", 0o1777)
    made(temporary / f"modeldata-{SERVICE}", 0o777, STRANGER, STRANGER)

    assert python_as(SERVICE, COLLECT, "s3://some-bucket/a", TMPDIR=str(temporary)) == REFUSED


@root_only
def test_a_link_that_others_can_switch_leads_to_no_spool(open_folder: Path) -> None:
    made(open_folder / "ours", 0o700)
    shared = made(open_folder / "shared", 0o1777)
    link, hop = shared / "link", open_folder / "hop"
    link.symlink_to(open_folder / "ours")
    os.lchown(link, STRANGER, STRANGER)
    hop.symlink_to(link)

    for way in (link, hop):
        with pytest.raises(SpoolError, match=f"{link} belongs to another user"):
            _open(way / "spool")
    os.lchown(link, 0, 0)
    _open(hop / "spool")


class Shared(Files):
    """A folder that everybody may write, said to be a volume that is mounted there."""

    def __init__(self, mounted: str) -> None:
        self._mounted = mounted

    def mount_point(self, path: str) -> str:
        return self._mounted if path.startswith(self._mounted) else "/"


@pytest.mark.parametrize("mode", [0o777, 0o2777])
@pytest.mark.parametrize("name", ["KUBERNETES_SERVICE_HOST", ""], ids=["in a pod", "on a host"])
def test_an_empty_dir_of_a_pod_is_taken_and_a_shared_disk_of_a_host_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, name: str
) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path, real=os.path.exists: path not in MARKS and real(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    if name:
        monkeypatch.setenv(name, "10.0.0.1")
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(mode)

    if name:
        _open(volume / "spool", Shared(str(volume)))
    with pytest.raises(SpoolError, match="carry the spool away"):
        _open(volume / "spool", Shared("/") if name else Shared(str(volume)))


MARKS = ("/.dockerenv", "/run/.containerenv")


# who is in a group

PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1::/:/sbin/nologin
me:x:1000:1000::/home/me:/bin/bash
you:x:1001:1001::/home/you:/bin/bash
"""
GROUP = """root:x:0:
daemon:x:1:
me:x:1000:
you:x:1001:
mine:x:2000:me
ours:x:2001:me,you
theirs:x:2002:somebody
roots:x:2003:root
"""


@pytest.mark.parametrize(
    ("group", "nsswitch", "ours"),
    [
        (0, "", True), (1000, "", True), (1000, "group: files sss", True), (2000, "", True), (2003, "", True),
        (1001, "", False), (2001, "", False), (2002, "", False),
        (5000, "", True), (5000, "group: files systemd", True), (5000, "group: files [SUCCESS=merge] systemd", True),
        (5000, "group: files sss", False), (5000, "passwd: files ldap # x", False), (5000, "# group: ldap", True),
    ],
)  # fmt: skip
def test_a_group_is_ours_alone_by_what_the_files_of_the_machine_say(group: int, nsswitch: str, ours: bool) -> None:
    assert Accounts(PASSWD, GROUP, nsswitch, 1000).only_ours(group) is ours


def test_the_own_group_of_a_user_of_a_directory_service_is_his() -> None:
    assert Accounts(PASSWD, GROUP, "group: files sss", 60_000).only_ours(60_000)
    assert not Accounts(PASSWD + "+::::::\n", GROUP, "", 60_000).only_ours(60_001), "NIS adds accounts by a plus"


@given(st.text(alphabet="ab:+,0123456789\n -x[]#", max_size=200), st.text(max_size=100), st.text(max_size=60))
def test_files_of_accounts_may_hold_anything(passwd: str, group: str, nsswitch: str) -> None:
    assert isinstance(Accounts(passwd, group, nsswitch, 7).only_ours(5), bool)
