"""Systems without a call that others have (sandboxes, Android, odd file systems): another way is taken, or the reason is reported."""

from __future__ import annotations

import errno
import logging
import mmap
import os
import sys
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.spool.files import Files, create_once, give_name
from modeldata.spool.fork import own_mark
from modeldata.spool.kernel_lock import hold_lead
from tests.support.archive import features
from tests.support.scripts import drain, run

pytestmark = pytest.mark.posix("calls of POSIX that a system may lack")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the calls are those of POSIX")


def _refuses(code: int) -> object:
    def refused(*arguments: object, **named: object) -> None:
        raise OSError(code, os.strerror(code))

    return refused


def _collect(folder: Path) -> tuple[bool, dict[str, int]]:
    archive = Archive(folder / "archive", ship="off", fsync="never", min_free_bytes=1)
    taken = archive.collector("m", "inputs", ["n"]).collect([1])
    archive.close(0)
    return taken, dict(archive.stats().dropped)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EACCES, errno.EOPNOTSUPP])
def test_rows_are_archived_where_a_sandbox_refuses_to_reserve_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "posix_fallocate", _refuses(code), raising=False)
    assert _collect(tmp_path) == (True, {})
    drain(tmp_path / "archive")
    assert features(tmp_path / "archive") == [("1",)]


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOMEM, errno.ENODEV])
def test_a_fork_is_noticed_where_memory_can_not_be_mapped(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(mmap, "mmap", _refuses(code))
    _sees_a_fork()


def test_a_fork_is_noticed_by_a_python_without_mmap(tmp_path: Path) -> None:
    run(
        """
import os, sys
sys.modules["mmap"] = None
from modeldata.spool.fork import own_mark
mark = own_mark()
assert mark[0]
child = os.fork()
if child == 0:
    os._exit(1 if mark[0] else 0)
assert os.waitpid(child, 0)[1] == 0
""",
        tmp_path,
    )


def _sees_a_fork() -> None:
    mark = own_mark()
    assert mark[0]
    child = os.fork()
    if child == 0:
        os._exit(1 if mark[0] else 0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EPERM])
def test_rows_are_refused_with_the_reason_where_no_file_can_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    """Without locks a reader can't tell a living writer from a dead one."""
    monkeypatch.setattr("fcntl.flock", _refuses(code))
    with caplog.at_level(logging.WARNING):
        assert _collect(tmp_path) == (False, {"spool_unusable": 1})
    assert "no file locks" in caplog.text and "MODELDATA_SPOOL" in caplog.text
    assert not list((tmp_path / "archive").rglob("*.seg*"))


@pytest.mark.skipif(sys.platform != "linux", reason="locks of open files are Linux's")
@pytest.mark.parametrize("code", [errno.EPERM, errno.EINVAL, errno.ENOSYS])
def test_one_process_leads_also_where_a_sandbox_refuses_the_better_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr("fcntl.fcntl", _refuses(code))
    with open(tmp_path / "lock", "w") as first, open(tmp_path / "lock", "w") as second:
        assert hold_lead(first.fileno())
        assert not hold_lead(second.fileno())


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, None])
def test_names_are_given_once_where_files_have_one_name_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    """Android says EACCES; its Python may have no `os.link` at all."""
    if code is None:
        monkeypatch.delattr(os, "link")
    else:
        monkeypatch.setattr(os, "link", _refuses(code))
    path = str(tmp_path / "note")
    assert create_once(Files(), path, b"first", "a") and not create_once(Files(), path, b"second", "b")
    (tmp_path / "hidden").write_bytes(b"third")
    with pytest.raises(FileExistsError):
        give_name(Files(), str(tmp_path / "hidden"), path)
    give_name(Files(), str(tmp_path / "hidden"), str(tmp_path / "other"))

    assert Path(path).read_bytes() == b"first" and (tmp_path / "other").read_bytes() == b"third"
    assert sorted(os.listdir(tmp_path)) == ["note", "other"]


FULL_SYNC = 51
"""`F_FULLFSYNC` of macOS, where fsync leaves content in the cache of the disk."""


@pytest.mark.parametrize("answer", [None, errno.ENOTSUP, errno.EIO])
def test_content_leaves_the_cache_of_the_disk_where_the_system_has_a_call_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int | None
) -> None:
    import fcntl

    asked: list[object] = []

    def full(fd: int, command: int) -> None:
        asked.append(command)
        if answer is not None:
            raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL_SYNC, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", full)
    monkeypatch.setattr(os, "fdatasync", lambda fd: asked.append("fdatasync"), raising=False)

    fd = Files().open(str(tmp_path / "file"), os.O_WRONLY | os.O_CREAT)
    try:
        if answer == errno.EIO:
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                Files().sync(fd)
        else:
            Files().sync(fd)
    finally:
        os.close(fd)

    assert asked == [FULL_SYNC, *(["fdatasync"] if answer == errno.ENOTSUP else [])]
