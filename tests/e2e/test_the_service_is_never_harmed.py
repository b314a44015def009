"""Promise 1: whatever we meet, scoring goes on; and what we need, we take only when we need it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.support.archive import features
from tests.support.scripts import drain, modeldata, run, wait_until
from tests.support.service import spool_of

HEAVY = ("numpy", "pandas", "pyarrow", "obstore", "msgspec", "polars", "typer", "rich", "subprocess", "logging", "asyncio")


def test_importing_and_collecting_a_list_imports_nothing_heavy(tmp_path: Path) -> None:
    done = run(
        f"""
    import sys
    HEAVY = {HEAVY!r}
    import modeldata
    print([name for name in HEAVY if name in sys.modules])
    dc = modeldata.ModelDataCollector("m")
    assert dc.collect([1, 2, 3])
    print([name for name in ("numpy", "pandas", "pyarrow", "obstore", "msgspec", "polars") if name in sys.modules])
    """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["[]", "[]"]


@pytest.mark.posix("signals that Windows has not")
def test_importing_and_constructing_starts_writes_and_opens_nothing(tmp_path: Path) -> None:
    run(
        """
    import os, signal, threading
    before = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))
    files = set(os.listdir("/proc/self/fd"))
    from modeldata import ModelDataCollector
    dc = ModelDataCollector("m")
    assert threading.active_count() == 1
    assert set(os.listdir("/proc/self/fd")) == files
    assert not os.path.exists("modeldata")
    dc.collect([1])
    assert threading.active_count() == 1, "the default ships in a process of its own"
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))
    try:
        os.wait()
        raise SystemExit("the service has a child it did not make")
    except ChildProcessError:
        pass
    """,
        tmp_path,
    )


BAD_OR_ODD = [
    "'text'", "b'bytes'", "5", "None", "object()", "{1, 2}", "lambda: 1", "(n for n in [1])", "[object]", "float('nan')",
    "Recursive()", "Raises()", "[Raises()]", "{'a': Raises()}", "[[Raises()]]", "range(3)", "iter([1])",
    "type('Liar', (), {'__array__': 5})()", "type('Liar', (), {'__arrow_c_stream__': 5})()",
]  # fmt: skip


def test_bad_data_never_raises_and_is_counted_or_stored(tmp_path: Path) -> None:
    done = run(
        f"""
    class Raises:
        def __str__(self): raise RuntimeError("no text")
        __repr__ = __len__ = __iter__ = __str__
    def Recursive():
        rows = []
        rows.append(rows)
        return rows
    from modeldata import Archive
    archive = Archive("a", ship="off")
    for number, data in enumerate([{", ".join(BAD_OR_ODD)}]):
        dc = archive.collector("m", f"data{{number}}")
        before = archive.stats()
        assert dc.collect([1, 2])
        taken = dc.collect(data)
        assert taken in (True, False)
        assert dc.collect([3, 4])
        after = archive.stats()
        accepted, dropped = after.accepted - before.accepted, sum(after.dropped.values()) - sum(before.dropped.values())
        assert accepted + dropped == 3, (number, after)
        assert (accepted == 3) == taken, number
    """,
        tmp_path,
    )
    drain(tmp_path / "a")
    for number, data in enumerate(BAD_OR_ODD):
        assert {("1", "2"), ("3", "4")} <= set(features(tmp_path / "a", f"data{number}")), data
    assert "Traceback" not in done.stderr


def test_an_exception_in_the_middle_of_a_write_leaves_a_good_spool(tmp_path: Path) -> None:
    run(
        """
    import signal
    from modeldata import Archive

    class Timeout(BaseException):
        pass

    def late(number, frame):
        raise Timeout

    signal.signal(signal.SIGALRM, late)
    archive = Archive("a", ship="off")
    dc = archive.collector("m", "inputs", ["number", "pad"])
    accepted = []
    pad = "x" * 500
    number = interrupted = 0
    while interrupted < 200:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0004)
            while True:
                number += 1
                if dc.collect([number, pad]):
                    accepted.append(number)
        except Timeout:
            interrupted += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    open("accepted", "w").write("\\n".join(map(str, accepted)))
    """,
        tmp_path,
    )
    drain(tmp_path / "a")

    accepted = (tmp_path / "accepted").read_text().split()
    stored = [number for number, _ in features(tmp_path / "a")]
    assert len(stored) == len(set(stored)), "twice"
    assert set(accepted) <= set(stored), "lost"
    assert len(set(stored) - set(accepted)) <= 200, "only rows in flight may be there beyond the accepted"


def test_collecting_from_signal_handlers_finalizers_and_log_handlers_never_deadlocks(tmp_path: Path) -> None:
    run(
        """
    import gc, logging, signal
    from modeldata import Archive

    archive = Archive("a", ship="off")
    dc = archive.collector("m", "inputs", ["from"])
    taken = []

    def collect(name):
        if dc.collect([name]):
            taken.append(name)

    class Handler(logging.Handler):
        def emit(self, record): collect("log")
    logging.getLogger("modeldata").addHandler(Handler())

    class Cycle:
        def __init__(self): self.me = self
        def __del__(self): collect("gc")

    signal.signal(signal.SIGALRM, lambda *_: collect("signal"))
    collect("first")  # opening the spool takes longer than the timer: handlers would only pile up on each other
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    gc.set_threshold(1)
    for number in range(3000):
        Cycle()
        collect("main")
        dc.collect({"refused, so that a warning is logged"})
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.collect()
    stats = archive.stats()
    assert stats.accepted == len(taken), (stats, len(taken))
    assert set(stats.dropped) == {"unsupported_type"}, stats
    """,
        tmp_path,
        timeout=120,
    )
    drain(tmp_path / "a")
    found = [name for (name,) in features(tmp_path / "a")]
    assert found.count("main") == 3000
    assert set(found) == {"first", "main", "signal", "gc", "log"}


def test_an_archive_that_cannot_be_written_costs_no_row_and_resumes(tmp_path: Path) -> None:
    """As root no mode bit stops us, so the obstacle is a file where a folder must be."""
    archive = tmp_path / "modeldata"
    archive.mkdir()
    (archive / "unknown").write_text("in the way")
    done = run(
        """
    import os, time
    from modeldata import Archive
    archive = Archive("modeldata", ship="thread", batch_seconds=0)
    dc = archive.collector("m", "inputs", ["n"])
    for number in range(10):
        assert dc.collect([number])
    deadline = time.monotonic() + 60
    while archive.stats().last_error is None:
        assert time.monotonic() < deadline
        assert dc.collect(["more"])
        time.sleep(0.05)
    print(archive.stats().last_error)
    waiting = archive.stats()
    assert waiting.pending == waiting.accepted and waiting.archived == 0
    os.unlink("modeldata/unknown")
    assert archive.flush(100)
    after = archive.stats()
    assert after.archived == after.accepted and after.last_error is None
    """,
        tmp_path,
        timeout=200,
    )
    assert str(archive / "unknown") in done.stdout and "stay in the spool" in done.stdout
    assert done.stderr.count("could not") == 1, "said once, not at each try: " + done.stderr
    assert [n for (n,) in features(archive)][:10] == [str(n) for n in range(10)]


def test_an_unknown_scheme_is_said_at_construction_with_the_known_ones(tmp_path: Path) -> None:
    run(
        """
    import pytest
    from modeldata import Archive, ModelDataCollector, ModelDataError
    with pytest.raises(ModelDataError, match="'ftp' is not known.*known are a path, file://"):
        Archive("ftp://host/archive")
    with pytest.raises(ValueError):
        ModelDataCollector("m", archive=Archive("gopher://x"))
    import os
    os.environ["MODELDATA_ARCHIVE"] = "ftp://host"
    with pytest.raises(ModelDataError, match="ftp"):
        ModelDataCollector("m")
    """,
        tmp_path,
    )


@pytest.mark.posix("modes of files")
@pytest.mark.skipif(os.name == "nt", reason="modes are a POSIX thing")
def test_a_spool_in_a_folder_that_others_can_write_is_refused_with_owner_and_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    done = run(
        """
    from modeldata import Archive
    archive = Archive("modeldata", spool="shared", ship="off")
    dc = archive.collector("m")
    assert dc.collect([1]) is False
    assert archive.flush(0) is False
    assert archive.stats().dropped == {"spool_unusable": 1}
    """,
        tmp_path,
    )
    assert "0777" in done.stderr and "chmod go-w" in done.stderr and str(os.getuid()) in done.stderr


@pytest.mark.posix("modes of files")
def test_spool_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    run(
        """
    import os
    os.umask(0)
    from modeldata import Archive
    archive = Archive("a")
    assert archive.collector("m").collect([1])
    assert archive.flush(60)
    """,
        tmp_path,
    )
    spool = spool_of(tmp_path / "a")
    for path in [spool, *spool.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode & 0o077 == 0, f"{path} has mode {mode:04o}"


def test_a_removed_spool_is_made_again_and_no_later_row_is_refused(tmp_path: Path) -> None:
    run(
        """
    import shutil
    from modeldata import Archive
    archive = Archive("a", ship="off")
    dc = archive.collector("m", "inputs", ["n"])
    assert dc.collect([1])
    shutil.rmtree(archive.settings.spool_folder())
    assert dc.collect([2])
    assert dc.collect([3])
    """,
        tmp_path,
    )
    drain(tmp_path / "a")
    assert [n for (n,) in features(tmp_path / "a")] == ["2", "3"]


def test_status_says_what_waits_and_why(tmp_path: Path) -> None:
    import json

    run(
        """
    from modeldata import Archive
    archive = Archive("a", ship="off")
    dc = archive.collector("m")
    for number in range(5): assert dc.collect([number])
    dc.collect({"refused"})
    """,
        tmp_path,
    )
    report = json.loads(modeldata("status", "--json", "--archive", str(tmp_path / "a")).stdout)
    assert (report["pending"], report["archived"], report["leader"]) == (5, 0, None)
    assert report["lag_seconds"] > 0
    drain(tmp_path / "a")
    report = json.loads(modeldata("status", "--json", "--archive", str(tmp_path / "a")).stdout)
    assert (report["pending"], report["archived"], report["refused"]) == (0, 5, {"unsupported_type": 1})
    wait_until(lambda: "unsupported type" in modeldata("status", "--archive", str(tmp_path / "a")).stdout.replace("_", " "))
