"""Group B of reliability.md, the half about what a store does with what it gets: refuses it, is full, has been changed by others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modeldata.spool.files import Files
from modeldata.store import Conflict, open_store
from tests.support.archive import rows_of
from tests.support.proxy import answer, corrupt, hold, lose_answer, only_if, slow
from tests.support.scripts import environment

from .backends import BLOCKS, PREFIX, Backend, proxy_of
from .harness import Host, assert_delivered, host_of, stats_of
from .test_lost_answers import DATA

FIRST_FILE, FIRST_LOG = r"/data\.csv$", r"/data\.csv\.jsonl$"


# B9: poison


@pytest.mark.parametrize("status", [400, 413])
def test_a_row_that_the_store_refuses_is_set_aside_alone(remote: Backend, tmp_path: Path, status: int) -> None:
    host = host_of(remote, tmp_path)
    code = "InvalidInput" if remote.dialect == "azure" else "InvalidRequest"
    refuse = answer(status, remote.error_headers(code), remote.error(code))
    proxy_of(remote).fault(only_if(_holds(remote, "poison"), refuse), remote.writes(DATA), times=None)
    host.collect(calls=7, rows=1)
    poison = set(host.ledger.accepted)
    host.collect(calls=1, rows=1, pad="poison")
    (poisoned,) = set(host.ledger.accepted) - poison
    host.collect(calls=3, rows=3)
    before = host.clock.now
    host.ship()
    assert host.clock.now - before <= 60, "what is behind it waits"
    del host.ledger.accepted[poisoned]
    host.ledger.assert_exactly_once(remote.files())
    assert not [row for row in rows_of(remote.files()) if row["pad"] == "poison"]
    assert stats_of(host).quarantined == 1
    assert len(list(Path(host.place.quarantine).iterdir())) == 1
    assert len([text for text in host.warnings if "quarantined" in text]) == 1, host.warnings


def _holds(backend: Backend, mark: str) -> Callable[[bytes], bool]:
    """Does a body hold such a row? A Parquet file is read: its pages are compressed."""
    if backend.settings.get("format") != "parquet":
        return lambda body: mark.encode() in body
    return lambda body: any(row["pad"] == mark for row in rows_of({"x.parquet": body}))


# B10: full


LOST = {"no answer is lost": None, "the answer for its last block is lost": lose_answer, "its last block is late": hold}


@pytest.mark.parametrize("lost", LOST)
def test_a_full_blob_is_followed_by_another(short_blobs: Backend, tmp_path: Path, lost: str) -> None:
    """The store takes three blocks a blob, and says so before it looks at the position: rows and manifests both go on elsewhere."""
    host = host_of(short_blobs, tmp_path)
    proxy = proxy_of(short_blobs)
    fault = LOST[lost]
    rules = [proxy.fault(fault, short_blobs.writes(path), nth=BLOCKS) for path in (FIRST_FILE, FIRST_LOG) if fault]
    for _ in range(2 * BLOCKS + 1):
        host.collect()
        host.ship()
    assert all(status in short_blobs.late_statuses for status in proxy.release())
    assert [rule.times_done for rule in rules] == [1] * len(rules)
    assert len(short_blobs.data_files()) == 3
    assert not [text for text in host.warnings if "foreign" in text]
    assert_delivered(short_blobs, host)


# B11, B12: somebody else's hands


def test_a_file_that_a_person_deletes_is_not_written_again_from_the_middle(appending: Backend, tmp_path: Path) -> None:
    host = host_of(appending, tmp_path)
    host.collect()
    host.ship()
    (path,) = appending.data_files()
    before = list(host.ledger.accepted)
    appending.bucket.delete(path)
    host.collect()
    host.ship()
    for key in before:
        del host.ledger.accepted[key]
    host.ledger.assert_exactly_once(appending.files())
    assert path not in appending.files() and str(host.warnings).count("foreign_change") == 1


@pytest.mark.parametrize("change", ["replaced", "grown", "grown by more than a batch", "block blob"])
def test_what_others_wrote_is_never_touched(appending: Backend, tmp_path: Path, change: str) -> None:
    host = host_of(appending, tmp_path)
    host.collect()
    host.ship()
    (path,) = appending.data_files()
    ours = appending.files()[path]
    if change.startswith("grown"):
        appending.append(path, b"not,ours\n" * (1 if change == "grown" else 10_000))
    else:
        appending.replace(path, b"not,ours\n", block_blob=change == "block blob")
    theirs = appending.files()[path]
    for _ in range(2):
        host.collect()
        host.ship()
    files = dict(appending.files())
    assert files[path] == theirs, "somebody else's bytes were changed"
    files[path] = ours
    host.ledger.assert_exactly_once(files)
    assert str(host.warnings).count("foreign_change") == 1, host.warnings


def test_a_name_that_is_taken_is_left_alone(appending: Backend, tmp_path: Path) -> None:
    """The day's file is there already, as the original left it: a block blob."""
    first = host_of(appending, tmp_path)
    first.collect()
    first.ship()
    (path,) = appending.data_files()
    for name in appending.files():
        appending.bucket.delete(name)
    appending.replace(path, b"not,ours\n", block_blob=True)
    host = Host(tmp_path, appending.url, name="other", **appending.settings)
    host.collect()
    host.ship()
    files = dict(appending.files())
    assert files.pop(path) == b"not,ours\n"
    host.ledger.assert_exactly_once(files)


# B13: damaged on the way


def test_bytes_that_change_on_the_way_are_refused_and_sent_again(checking: Backend, tmp_path: Path) -> None:
    host = host_of(checking, tmp_path)
    rule = proxy_of(checking).fault(corrupt, checking.writes(DATA))
    host.collect()
    host.ship()
    assert rule.times_done == 1
    assert_delivered(checking, host)
    assert stats_of(host).quarantined == 0, "a damaged request is no poison"


# B14: slow


@pytest.mark.faults
def test_a_slow_store_costs_no_memory(append_blob: Backend, tmp_path: Path) -> None:
    """40 MB in the spool, a store that takes 4 MB/s: a shipper holds a batch or two of them, not all."""
    host = host_of(append_blob, tmp_path)
    host.collect(calls=1)
    idle = _peak_of_a_shipper(append_blob, host)
    host.collect(calls=400, rows=10, pad="x" * 10_000)
    proxy_of(append_blob).fault(slow(4_000_000), append_blob.writes(DATA), times=None)
    loaded = _peak_of_a_shipper(append_blob, host)
    assert loaded - idle <= (64 << 20) + 2 * host.settings.batch_bytes
    assert_delivered(append_blob, host)


def _peak_of_a_shipper(backend: Backend, host: Host) -> int:
    """Bytes of memory that `modeldata ship --drain` had at most."""
    spool = str(Path(host.settings.spool_folder()).parent)
    code = (
        "import resource, sys; from modeldata.cli import main\n"
        f"sys.argv = ['modeldata', 'ship', '--drain', '--archive', {backend.url!r}, '--spool', {spool!r}]\n"
        "assert main() == 0\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(**backend.env), capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.split()[-1]) * 1024


# B17: no conditional writes


def test_a_store_without_conditional_writes_gets_plain_ones(moto: Backend, tmp_path: Path) -> None:
    host = host_of(moto, tmp_path)
    proxy = proxy_of(moto)
    refuse = answer(501, {}, moto.error("NotImplemented", "A header you provided implies functionality that is not implemented"))
    proxy.fault(refuse, lambda seen: seen.method == "PUT" and "if-none-match" in seen.headers, times=None)
    for _ in range(3):
        host.collect()
        host.ship()
    report = [one.status for one in proxy.seen("PUT")]
    assert 1 <= report.count(501) <= 2, "it is remembered"
    assert_delivered(moto, host)


def test_a_store_without_conditional_writes_is_looked_at_before_it_is_written_to(moto: Backend) -> None:
    proxy = proxy_of(moto)
    proxy.fault(
        answer(501, moto.error_headers("NotImplemented"), moto.error("NotImplemented")),
        lambda seen: "if-none-match" in seen.headers,
        times=None,
    )
    store = open_store(moto.url, Files(), credentials=lambda: moto.env)
    moto.bucket.write(f"{PREFIX}/theirs", b"theirs")
    moto.bucket.write(f"{PREFIX}/landed", b"ours")

    with pytest.raises(Conflict):
        store.put("theirs", b"ours")
    store.put("landed", b"ours")
    store.put("fresh", b"ours")

    assert moto.files() == {f"{PREFIX}/theirs": b"theirs", f"{PREFIX}/landed": b"ours", f"{PREFIX}/fresh": b"ours"}
    written = [seen.path for seen in proxy.seen("PUT") if seen.status == 200]
    assert [path.rpartition("/")[2] for path in written] == ["fresh"]
