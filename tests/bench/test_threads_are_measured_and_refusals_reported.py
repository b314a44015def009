"""Benchmarks: what calls from threads and tasks take, and what becomes of a sink that keeps nothing."""

from __future__ import annotations

import threading

import pytest
from benchmarks import threads
from benchmarks.peer import Peer
from benchmarks.peer_worker import load
from benchmarks.threads_worker import REGIMES, THREADS


@pytest.mark.parametrize("regime", REGIMES)
def test_a_refused_row_ends_the_run(regime: str) -> None:
    with pytest.raises(RuntimeError, match="refused"):
        REGIMES[regime](lambda _: False, [[1.0]], 0.01, 1)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_call_is_timed_once(regime: str) -> None:
    seen: list[object] = []  # append is atomic
    found = REGIMES[regime](lambda data: not seen.append(data), [[1.0], [2.0]], 0.05, 1)
    assert len(found) == len(seen) >= THREADS


def test_each_thread_calls_in_one_regime_and_the_loop_alone_in_the_other() -> None:
    for regime, expected in (("working", THREADS), ("looping", 1)):
        callers: set[int] = set()
        REGIMES[regime](lambda _, callers=callers: callers.add(threading.get_ident()), [[1.0]], 0.05, 1)
        assert len(callers) == expected


def test_every_regime_and_every_sink_of_ours_is_there() -> None:
    assert set(threads.REGIMES) == set(REGIMES)
    for path in threads.SINKS.values():
        if path.startswith("threads_sinks"):  # others need the peers' environment
            assert issubclass(load(path), Peer)
