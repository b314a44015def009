"""A shipper finds its modules, survives what breaks, and says what keeps it from its work (H63, H64, H65, H67)."""

from __future__ import annotations

import _thread
import errno
import logging
import os
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from modeldata import Archive
from modeldata.settings import Settings
from modeldata.ship import supervisor
from modeldata.ship.failure_report import WarnOnce
from modeldata.ship.spawn import LOG_BYTES, child_environment, put_log_aside, searched
from modeldata.spool.files import Files
from modeldata.spool.folder import SpoolFolder, open_place
from tests.support.archive import features
from tests.support.scripts import modeldata, run, wait_until
from tests.support.service import spool_of

LIBRARY = os.path.dirname(os.__file__)
SOURCE = str(Path(supervisor.__file__).parents[2])
"""The folder of the package that is under test."""


def _place(folder: Path) -> SpoolFolder:
    return open_place(str(folder / "spool"), Files(), b"\1" * 16, 0)


# where it looks for modules


def test_the_shipper_looks_in_the_standard_library_first_and_in_the_scripts_folder_last(tmp_path: Path) -> None:
    site, script, extra = (str(tmp_path / name) for name in ("site-packages", "service", "extra"))
    for name in (site, script, extra):
        os.mkdir(name)
    dynamic = os.path.join(LIBRARY, "lib-dynload")
    zipped = os.path.join(os.path.dirname(LIBRARY), f"python{sys.version_info.major}{sys.version_info.minor}.zip")
    hook = "__editable__.thing-1.0.finder.__path_hook__"

    made = searched([script, extra, site, zipped, LIBRARY, dynamic, hook, site, 7], LIBRARY, script, "/the/package")

    assert made == [zipped, LIBRARY, dynamic, extra, site, hook, "/the/package", script]


def test_the_working_directory_is_searched_last_and_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()

    assert searched(["", "below", LIBRARY], LIBRARY, "", LIBRARY) == [LIBRARY, str(tmp_path / "below"), str(tmp_path)]


def test_the_users_own_variables_reach_the_shipper_as_they_are(tmp_path: Path) -> None:
    outer = {"PYTHONPATH": "a::b", "PYTHONHOME": "/home", "OTHER": "1"}
    made = child_environment(_place(tmp_path), Settings.build({}, archive=str(tmp_path)), outer)

    assert {name: made[name] for name in outer} == outer


BACKPORTS = ("typing", "uuid", "dataclasses", "socket", "random", "enum")
_SERVICE = """
import os, sys
sys.path[:] = [one for one in sys.path if not os.path.isdir(os.path.join(one, "modeldata"))] + [{site!r}]
from modeldata import Archive
import modeldata
assert modeldata.__file__.startswith({site!r}), modeldata.__file__
archive = Archive({archive!r}, ship="process", batch_seconds=0)
assert archive.collector("m", "in", ["n"]).collect([1])
assert archive.flush(60), "no shipper came up"
"""


def _backports(folder: Path) -> Path:
    """Modules of the standard library's names that can't be imported."""
    folder.mkdir(exist_ok=True)
    for name in BACKPORTS:
        (folder / f"{name}.py").write_text("raise ImportError('a backport for Python 2')\n")
    return folder


def _service(folder: Path, site: Path | str) -> str:
    return _SERVICE.format(site=str(site), archive=str(folder / "archive"))


@pytest.mark.posix("links, which a user of Windows may not make")
def test_backports_in_site_packages_do_not_keep_a_shipper_from_its_work(tmp_path: Path) -> None:
    site = _backports(tmp_path / "site-packages")
    (site / "modeldata").symlink_to(os.path.join(SOURCE, "modeldata"))

    run(_service(tmp_path, site), tmp_path)

    assert features(tmp_path / "archive") == [("1",)]


def test_a_package_inside_a_zip_archive_is_found_there(tmp_path: Path) -> None:
    site = tmp_path / "application.pyz"
    with zipfile.ZipFile(site, "w") as file:
        for path in sorted(Path(SOURCE, "modeldata").rglob("*.py")):
            file.write(path, path.relative_to(SOURCE))

    run(_service(tmp_path, site), tmp_path)

    assert features(tmp_path / "archive") == [("1",)]


@pytest.mark.posix("links, which a user of Windows may not make")
@pytest.mark.parametrize("flag", ["-E", "-I", "-S"])
def test_a_service_that_ignores_its_environment_has_a_shipper_that_does(tmp_path: Path, flag: str) -> None:
    import subprocess

    evil = _backports(tmp_path / "evil")
    site = tmp_path / "site"
    site.mkdir()
    (site / "modeldata").symlink_to(os.path.join(SOURCE, "modeldata"))
    packages = [one for one in sys.path if one.endswith("-packages")]
    code = f"import sys; sys.path += {packages!r}\n" + _service(tmp_path, site)
    env = {**os.environ, **({} if flag == "-S" else {"PYTHONPATH": str(evil)})}
    done = subprocess.run(
        [sys.executable, flag, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert features(tmp_path / "archive") == [("1",)]


# a library that can't be loaded

_BROKEN = "import os\nif os.path.exists({flag!r}):\n    raise ImportError('libarrow.so.2600: cannot open')\n"


@pytest.mark.parametrize("way", ["thread", "process"])
def test_a_library_that_can_not_be_loaded_is_said_once_and_rows_wait(tmp_path: Path, way: str) -> None:
    flag = tmp_path / "broken"
    flag.touch()
    fake = tmp_path / "fake"
    (fake / "pyarrow").mkdir(parents=True)
    (fake / "pyarrow" / "__init__.py").write_text(
        _BROKEN.format(flag=str(flag))
        + f"import sys; sys.path.remove({str(fake)!r}); del sys.modules['pyarrow']\nimport pyarrow\n"
    )
    done = run(
        f"""
    import os, time
    from modeldata import Archive
    archive = Archive("archive", ship={way!r}, batch_seconds=0)
    collector = archive.collector("m", "in", ["n"])
    deadline = time.monotonic() + 60
    accepted = 0
    while archive.stats().last_error is None and time.monotonic() < deadline:
        accepted += collector.collect([1]); time.sleep(0.02)
    print(archive.stats().last_error)
    more = time.monotonic() + 4.5
    while time.monotonic() < more:
        accepted += collector.collect([1]); time.sleep(0.02)
    os.remove({str(flag)!r})
    assert archive.close(90)
    print("accepted", accepted)
    """,
        tmp_path,
        env={"PYTHONPATH": str(fake)},
    )
    said, counted = done.stdout.splitlines()
    assert "a library can't be loaded" in said and "libarrow.so.2600" in said
    log = (spool_of(tmp_path / "archive") / "shipper.log") if way == "process" else None
    report = log.read_text() if log else done.stderr
    assert "Traceback" not in report + done.stderr
    assert report.count("libarrow.so.2600") == 1 if way == "thread" else 1 <= report.count("libarrow.so.2600") <= 3
    assert len(features(tmp_path / "archive")) == int(counted.split()[1])


def test_doctor_and_status_say_that_a_library_can_not_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "pyarrow").mkdir()
    (tmp_path / "pyarrow" / "__init__.py").write_text("raise RuntimeError('compiled for another numpy')")
    for command in ("doctor", "status"):
        done = modeldata(command, "--archive", str(tmp_path / "archive"), env={"PYTHONPATH": str(tmp_path)})
        assert "Traceback" not in done.stderr
        if command == "doctor":
            assert done.returncode == 1
            assert "pyarrow can't be loaded" in done.stdout and "compiled for another numpy" in done.stdout


def test_a_store_whose_library_is_broken_is_said_and_the_other_archives_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken" / "obstore").mkdir(parents=True)
    (tmp_path / "broken" / "obstore" / "__init__.py").write_text("raise AttributeError('_native has no such thing')")
    done = run(
        """
    import sys
    from modeldata import Archive
    archive = Archive("archive,s3://some-bucket/a", spool="spool", ship="thread", batch_seconds=0)
    assert archive.collector("m", "in", ["n"]).collect([1])
    import time
    for _ in range(1000):
        if archive.stats().archives and max(one["archived"] for one in archive.stats().archives.values()):
            break
        time.sleep(0.02)
    """,
        tmp_path,
        env={"PYTHONPATH": str(tmp_path / "broken"), "MODELDATA_EXIT_TIMEOUT": "0.1"},
    )
    assert features(tmp_path / "archive") == [("1",)]
    assert "its library can't be loaded: _native has no such thing" in done.stderr and "Traceback" not in done.stderr


def test_a_shipper_that_never_comes_up_is_started_less_and_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, said, started = _place(tmp_path), list[str](), list[SpoolFolder]()
    monkeypatch.setattr(supervisor, "start_detached", lambda place, settings, files: started.append(place))
    settings = Settings.build({}, archive=str(tmp_path / "a"), ship="process")
    tending = supervisor.Supervisor(settings, Files(), said.append)

    def tries(age: float) -> int:
        before = len(started)
        for _ in range(20):
            if os.path.exists(place.starting):
                moment = time.time() - age
                os.utime(place.starting, (moment, moment))
            tending.tend(place, now=True)
        return len(started) - before

    assert tries(6) == 4, "three at once, then each waits twice as long"
    assert tries(11) == 1 and tries(21) == 1
    assert tries(61) == 20, "once a minute for ever"
    assert len(said) == 1 and "rows wait in the spool" in said[0]


# threads of ours


@pytest.fixture
def syncing(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "archive", ship="off", fsync_seconds=0.01)
    assert archive.collector("m").collect([1])
    return archive


class Listed:
    """`Files.listdir` that raises what it is given, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: BaseException | None = None
        self.calls = self.good = 0
        real = Files.listdir

        def listdir(files: Files, path: str) -> list[str]:
            if threading.current_thread().name != "modeldata-shipper":
                return real(files, path)
            self.calls += 1
            if self.error is not None:
                raise self.error
            self.good += 1
            return real(files, path)

        monkeypatch.setattr(Files, "listdir", listdir)


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "too many open files"), ValueError("odd"), MemoryError(), KeyError(1)])
def test_the_thread_that_syncs_survives_any_error_and_says_it_once(
    syncing: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    listed = Listed(monkeypatch)
    wait_until(lambda: listed.good)
    listed.error = error
    with caplog.at_level(logging.WARNING):
        before = listed.calls
        wait_until(lambda: listed.calls > before + 3)
    listed.error, before = None, listed.good

    wait_until(lambda: listed.good > before + 1, what="rows are synced again")
    assert len([one for one in caplog.records if "could not be made durable" in one.getMessage()]) == 1
    syncing.close(0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("way", ["off", "thread"])
def test_a_thread_of_ours_that_ends_is_started_again_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    archive = Archive(tmp_path / "archive", ship=way, fsync_seconds=0.01, batch_seconds=0)
    listed = Listed(monkeypatch)
    listed.error = SystemExit()
    collector = archive.collector("m")
    assert collector.collect([1])
    tending = archive._intake.shared.supervisor
    assert tending is not None and tending.thread is not None
    first = tending.thread
    wait_until(lambda: not first.alive())
    listed.error = None

    archive._intake.writer.tend(now=True)

    assert tending.thread is not first and tending.thread.alive()
    wait_until(lambda: listed.good > 1)
    assert "ended before its time" in caplog.text
    if way == "thread":
        assert archive.flush(60)
    archive.close(0)


def test_a_shipping_thread_that_met_an_unknown_error_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import modeldata.ship.leader as lead

    real, raised = lead.lead_and_ship, list[int]()

    def fails_first(*arguments: object, **more: object) -> bool:
        raised.append(1)
        if len(raised) < 3:
            raise ZeroDivisionError("a bug of ours")
        return real(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(lead, "lead_and_ship", fails_first)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(supervisor, "retry_after", lambda failures, dice: 0.01)
    archive = Archive(tmp_path / "archive", ship="thread", batch_seconds=0)
    assert archive.collector("m", "in", ["n"]).collect([1])

    assert archive.flush(60)
    assert archive.close(10)
    assert features(tmp_path / "archive") == [("1",)]
    assert caplog.text.count("ZeroDivisionError: a bug of ours") == 1


def test_a_service_that_ends_reports_no_library_that_can_not_be_loaded_any_more(tmp_path: Path) -> None:
    done = run(
        f"""
        import threading
        from modeldata import Archive
        from modeldata.ship import supervisor

        begun = threading.Event()

        def lead(self):
            begun.set()
            threading.main_thread().join()  # the interpreter ends that one first, and then waits for `holds`
            raise RuntimeError("can't register atexit after shutdown")

        def holds():
            threading.main_thread().join()
            shipper.join(1)  # it goes on trying: `close` may wait for it

        supervisor.ShipperThread._lead = lead
        archive = Archive({str(tmp_path / "archive")!r}, ship="thread")
        assert archive.collector("m").collect([1]) and begun.wait(30)
        (shipper,) = (thread for thread in threading.enumerate() if thread.name == "modeldata-shipper")
        threading.Thread(target=holds).start()
    """,
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_where_no_thread_can_be_started_that_is_said_and_collecting_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    archive = Archive(tmp_path / "archive", ship="thread")
    for _ in range(3):
        assert archive.collector("m").collect([1])
        archive._intake.writer.tend(now=True)
    assert caplog.text.count("can't start new thread") == 1


def test_a_text_is_said_when_it_is_new_and_a_bad_handler_stops_nothing() -> None:
    heard: list[str] = []

    def warn(text: str) -> None:
        heard.append(text)
        raise RuntimeError("a log handler")

    say = WarnOnce(warn)
    for text in ("a", "a", "b", "a"):
        say(text)
    say.forget()
    say("a")
    assert heard == ["a", "b", "a", "a"]


# its log


def test_the_log_of_the_shippers_is_kept_and_bounded(tmp_path: Path) -> None:
    place = _place(tmp_path)
    log = Path(place.log)
    line = b"x" * 1023 + b"\n"
    with log.open("wb") as file:
        file.write(line * (LOG_BYTES // len(line)))
    assert not put_log_aside(place.log, Files())
    with log.open("ab") as file:
        file.write(line)

    done = run(
        f"""
    import os
    from modeldata.ship.child import _shorten_log, warn
    from modeldata.spool.files import Files
    path = {place.log!r}
    os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), 2)
    for number in range(3 * 1024):
        _shorten_log(path, Files())
        warn(str(number) + " " + "y" * 1000)
    """,
        tmp_path,
    )
    assert done.returncode == 0
    sizes = {path.name: path.stat().st_size for path in log.parent.glob("shipper.log*")}
    assert set(sizes) == {"shipper.log", "shipper.log.1"}
    assert all(size <= LOG_BYTES + 2000 for size in sizes.values())
    assert " 3071 yyy" in log.read_text().splitlines()[-1]
    assert all(path.stat().st_mode & 0o077 == 0 for path in log.parent.glob("shipper.log"))


def test_a_shipper_that_dies_before_it_begins_leaves_a_bounded_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = _place(tmp_path)
    Path(place.log).write_bytes(b"Traceback\n" * (LOG_BYTES // 10 + 1))
    monkeypatch.setattr("modeldata.ship.spawn.interpreter", lambda: "/bin/true")

    from modeldata.ship.spawn import start_detached

    start_detached(place, Settings.build({}, archive=str(tmp_path / "a")), Files())

    assert Path(place.log).stat().st_size == 0
    assert Path(place.log + ".1").stat().st_size > LOG_BYTES
