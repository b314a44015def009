"""Promise 2 under real servers: every row that a worker accepted is archived once, however workers are made and whoever dies."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
from pathlib import Path

import pytest

from tests.support.scripts import drain, wait_until
from tests.support.servers import Sent, Server, gunicorn, serving, uvicorn

PRELOAD = pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["each-worker-imports", "preload"])
UVICORN_WORKER = "uvicorn_worker.UvicornWorker" if importlib.util.find_spec("uvicorn_worker") else "uvicorn.workers.UvicornWorker"


def finish(server: Server, sent: Sent, *, at_import: int = 0) -> None:
    """SIGTERM to the master; the child shipper archives the rest by itself; then a drain finds nothing to do."""
    assert server.stop() == 0, server.log()
    server.wait_until_all_is_shipped()
    server.assert_each_accepted_row_is_there_once(sent, at_import=at_import)
    before = {path: path.read_bytes() for path in server.archive.rglob("data*.csv")}
    drain(server.archive)
    assert {path: path.read_bytes() for path in server.archive.rglob("data*.csv")} == before
    server.assert_no_complaint()


@pytest.mark.sampled(2)
@PRELOAD
def test_four_workers_5000_requests_and_sigterm_give_each_row_once_in_one_file(tmp_path: Path, preload: tuple[str, ...]) -> None:
    shippers: set[tuple[int, ...]] = set()
    with serving(tmp_path, gunicorn("sync", *preload)) as server:
        server.send(200)
        wait_until(lambda: len(server.shippers()) == 1, what="one process ships")
        shippers = set()
        sent = server.send(4_800, at={n: lambda _: shippers.add(tuple(server.shippers())) for n in range(0, 4_800, 400)})
        assert len(shippers) == 1 and len(next(iter(shippers))) == 1, f"one leader, all the time: {shippers}"
        assert next(iter(shippers))[0] not in sent.pids, "the shipper is no worker"
        assert len(sent.pids) == 4, f"all four workers have answered: {sent.pids}"
        assert not sent.unknown and not sent.refused
        assert len(sent.accepted["inputs"]) == len(sent.accepted["predictions"]) == 5_000

        finish(server, sent)


@pytest.mark.sampled(2)
@PRELOAD
@pytest.mark.parametrize("worker", ["gthread", "gevent", UVICORN_WORKER])
def test_every_kind_of_worker_archives_each_row_once(tmp_path: Path, worker: str, preload: tuple[str, ...]) -> None:
    threads = ("--threads", "4") if worker == "gthread" else ()
    with serving(tmp_path, gunicorn(worker, *threads, *preload)) as server:
        sent = server.send(600)
        assert not sent.unknown and not sent.refused and len(sent.accepted["inputs"]) == 600

        finish(server, sent)


@pytest.mark.faults
def test_workers_that_live_for_ten_requests_leave_nothing_behind(tmp_path: Path) -> None:
    with serving(tmp_path, gunicorn("sync", "--preload", "--max-requests", "10")) as server:
        sent = server.send(600, clients=4)
        assert not sent.refused and len(sent.pids) >= 40, "the workers were replaced again and again"
        assert len(sent.accepted["inputs"]) >= 500, "the service answered"

        finish(server, sent)
        left = [path.name for path in server.archive.glob(".modeldata-spool-*/segments/*")]
        assert left == [], "segments of dead workers are gone"


def test_a_worker_killed_in_the_middle_takes_no_accepted_row_with_it(tmp_path: Path) -> None:
    killed: list[int] = []
    with serving(tmp_path, gunicorn("gthread", "--threads", "2")) as server:

        def kill(so_far: Sent) -> None:
            busy = [pid for pid, _ in so_far.pids.most_common() if pid in server.workers() and pid not in killed]
            victim = busy[0] if busy else server.workers()[0]
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)

        sent = server.send(600, at={200: kill, 400: kill})
        assert len(killed) == 2 and not sent.refused
        assert len(sent.accepted["inputs"]) >= 500, "the others went on"

        assert server.stop() == 0, server.log()
        server.wait_until_all_is_shipped()
        server.assert_each_accepted_row_is_there_once(sent)


def test_a_shipper_killed_in_the_middle_is_replaced_and_every_row_arrives_once(tmp_path: Path) -> None:
    with serving(tmp_path, gunicorn("sync")) as server:
        server.send(200)
        wait_until(lambda: len(server.shippers()) == 1, what="one process ships")
        (first,) = server.shippers()
        sent = server.send(200, at={50: lambda _: os.kill(first, signal.SIGKILL)})

        def another() -> bool:
            server.send(4, clients=4)
            return sent.asked > 8_000 or server.shippers() not in ([], [first])

        wait_until(another, what="another process ships")
        assert sent.asked < 8_000, "nobody took over"
        sent = server.send(200)
        assert not sent.unknown and not sent.refused
        assert len(sent.accepted["inputs"]) == sent.asked

        assert server.stop() == 0, server.log()
        drain(server.archive)
        server.assert_each_accepted_row_is_there_once(sent)
        server.assert_no_complaint()


def test_a_master_that_collects_before_it_forks_has_no_thread_and_its_row_is_there_once(tmp_path: Path) -> None:
    with serving(tmp_path, gunicorn("sync", "--preload", "--no-control-socket"), COLLECT_AT_IMPORT="1") as server:
        sent = server.send(600)
        assert not sent.unknown and not sent.refused
        threads = re.findall(r"threads before the fork: (\d+)", server.log())
        assert threads == ["1"] * 4, server.log()

        finish(server, sent, at_import=1)


def test_plain_uvicorn_with_spawned_workers_archives_each_row_once(tmp_path: Path) -> None:
    with serving(tmp_path, uvicorn(workers=2)) as server:
        sent = server.send(600)
        assert not sent.unknown and not sent.refused and len(sent.accepted["inputs"]) == 600

        assert server.stop() in (0, -signal.SIGTERM), server.log()
        server.wait_until_all_is_shipped()
        server.assert_each_accepted_row_is_there_once(sent)
        server.assert_no_complaint()
