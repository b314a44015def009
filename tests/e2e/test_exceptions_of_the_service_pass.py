"""Promise 1: an exception that the service's own signal handler raises is the service's. And what `collect()` says is true."""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import modeldata
from modeldata import Archive, ModelDataCollector
from modeldata.interrupts import of_service
from modeldata.spool.files import Files
from tests.support.archive import assert_complete, rows
from tests.support.service import ship_all

HERE = os.path.dirname(modeldata.__file__)
NOT_SWEPT = ("interrupts.py", "errors.py")
"""What judges an exception is not itself interrupted by this sweep: there the exception in flight is the newer one."""


class TimeLimit(Exception):
    """As Celery's SoftTimeLimitExceeded or rq's JobTimeoutException: an ordinary exception."""


def _raise(kind: type[Exception]) -> None:
    raise kind("time is over")


class Handlers:
    """One exception, in each way that a handler may be written."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind = kind

    def plain(self, signum: int, frame: FrameType | None) -> None:
        raise self.kind("time is over")

    def of_a_partial(self) -> Callable[..., Any]:
        def handler(kind: type[Exception], number: int, where: FrameType | None) -> None:
            raise kind

        return functools.partial(handler, self.kind)

    def decorated(self) -> Callable[..., Any]:
        def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(handler)
            def inner(*args: Any, **more: Any) -> Any:
                return handler(*args, **more)

            return inner

        @decorate
        def handler(signum: int, frame: FrameType | None) -> None:
            _raise(self.kind)

        return handler

    def forgetful(self) -> Callable[..., Any]:
        def handler(signum: int, frame: FrameType | None) -> None:
            del signum, frame
            _raise(self.kind)

        return handler

    def of_varargs(self) -> Callable[..., Any]:
        return lambda *_: _raise(self.kind)

    def of_an_object(self) -> Callable[..., Any]:
        kind = self.kind

        class Handler:
            def __call__(self, signum: int, frame: FrameType | None) -> None:
                raise kind

        return Handler()


@pytest.fixture
def old_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR1)
    gc.collect()
    gc.disable()  # nobody could catch what arrives in a finalizer
    yield
    gc.enable()
    sys.settrace(None)
    signal.signal(signal.SIGUSR1, before)


def _fires_at(point: int, action: Callable[[], None], *, opcodes: bool) -> tuple[Callable[..., Any], list[str]]:
    """A trace function that acts at the `point`th line (or instruction) of ours, and where that was."""
    seen, fired = [0], list[str]()

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        name = frame.f_code.co_filename
        if fired or not name.startswith(HERE) or name.endswith(NOT_SWEPT):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = opcodes, not opcodes
        return step

    def step(frame: FrameType, event: str, arg: object) -> Any:
        if event in ("line", "opcode") and not fired:
            seen[0] += 1
            if seen[0] == point:
                fired.append(f"{os.path.relpath(frame.f_code.co_filename, HERE)}:{frame.f_lineno}")
                action()
        return step

    return trace, fired


def _sweep(
    collector_for: Callable[[int], ModelDataCollector], data_for: Callable[[int], object], kind: type[Exception], step: int,
    *, opcodes: bool,
) -> tuple[dict[int, bool], list[str]]:  # fmt: skip
    """An exception at every `step`th point of a call: what each call returned, and where one was swallowed."""
    returned: dict[int, bool] = {}
    swallowed: list[str] = []
    point, fired = 1, ["begun"]
    while fired:
        collector, data = collector_for(point), data_for(point)
        trace, fired = _fires_at(point, lambda: signal.raise_signal(signal.SIGUSR1), opcodes=opcodes)
        sys.settrace(trace)
        try:
            returned[point] = collector.collect(data, "order")
            swallowed += fired
        except kind:
            pass
        finally:
            sys.settrace(None)
        point += step
    return returned, swallowed


def _assert_true_to_its_word(folder: Path, returned: dict[int, bool], found: Counter[int]) -> None:
    assert_complete(folder)
    assert max(found.values()) == 1
    for point, accepted in returned.items():
        assert accepted == (point in found), point


@pytest.mark.posix("signals that Windows has not")
@pytest.mark.parametrize("kind", [TimeLimit, TimeoutError, ValueError])
def test_at_every_instruction_of_a_call_it_reaches_the_service_and_no_answer_is_false(
    tmp_path: Path, old_handler: None, kind: type[Exception]
) -> None:
    archive = Archive(tmp_path, ship="off", fsync="never", min_free_bytes=1)
    collector = archive.collector("m", "inputs", ["n", "x"])
    signal.signal(signal.SIGUSR1, Handlers(kind).plain)

    def warm(point: int) -> ModelDataCollector:
        assert collector.collect([-point, "warm"])
        return collector

    returned, swallowed = _sweep(warm, lambda point: [point, "x"], kind, 3, opcodes=True)

    assert not swallowed
    assert archive.stats().dropped == {}
    archive._intake.writer.close(1)
    ship_all(Files(), str(tmp_path))
    found = Counter(int(row["n"]) for row in rows(tmp_path))
    assert found.total() > len(returned) > 0
    _assert_true_to_its_word(tmp_path, returned, found)


@pytest.mark.posix("signals that Windows has not")
@pytest.mark.parametrize(("kind", "step"), [(TimeLimit, 23), (TimeoutError, 19)])
def test_at_every_line_of_a_first_call_too_while_the_spool_is_made(
    tmp_path: Path, old_handler: None, kind: type[Exception], step: int
) -> None:
    signal.signal(signal.SIGUSR1, Handlers(kind).plain)
    archives: list[Archive] = []

    def fresh(point: int) -> ModelDataCollector:
        archives.append(Archive(tmp_path / "a", spool=tmp_path / str(point), ship="off", fsync="never", min_free_bytes=1))
        return archives[-1].collector("m", "inputs", ["n"])

    returned, swallowed = _sweep(fresh, lambda point: [point], kind, step, opcodes=False)

    assert not swallowed
    assert list(returned.values()) == [True], "the last, which was not interrupted"
    assert all(archive.stats().dropped == {} for archive in archives)


class Slow:
    def __str__(self) -> str:
        return "".join(str(number) for number in range(3))


DATA: dict[str, Callable[[int], object]] = {
    "dict": lambda n: {"n": n, "o": Slow()},
    "rows": lambda n: [[n, Slow()], [n, 2]],
    "array": lambda n: np.array([[n, 1], [n, 2]]),
    "frame": lambda n: pd.DataFrame({"n": [n], "o": pd.Series([(n,)], dtype=object)}),
    "large": lambda n: [n, "x" * 20_000],
}


@pytest.mark.posix("signals that Windows has not")
@pytest.mark.parametrize("what", DATA)
def test_it_passes_through_the_takers_of_every_kind_of_data(tmp_path: Path, old_handler: None, what: str) -> None:
    archive = Archive(tmp_path, ship="off", fsync="never", min_free_bytes=1)
    collector = archive.collector("m", "inputs", ["n", "x"])
    signal.signal(signal.SIGUSR1, Handlers(TimeoutError).plain)

    def warm(point: int) -> ModelDataCollector:
        assert collector.collect(DATA[what](0))
        return collector

    _, swallowed = _sweep(warm, DATA[what], TimeoutError, 5, opcodes=False)

    assert not swallowed
    assert archive.stats().dropped == {}


@pytest.mark.sampled(3)
@pytest.mark.posix("signals that Windows has not")
@pytest.mark.parametrize("way", ["plain", "of_a_partial", "decorated", "forgetful", "of_varargs", "of_an_object"])
@pytest.mark.parametrize("kind", [TimeLimit, TimeoutError])
def test_however_its_handler_is_written(tmp_path: Path, old_handler: None, way: str, kind: type[Exception]) -> None:
    handlers = Handlers(kind)
    signal.signal(signal.SIGUSR1, handlers.plain if way == "plain" else getattr(handlers, way)())

    class Interrupted:
        def __str__(self) -> str:
            signal.raise_signal(signal.SIGUSR1)
            return "text"

    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m")
    for data in ([Interrupted()], {"a": [Interrupted()]}, [[Interrupted()]]):
        with pytest.raises(kind):
            collector.collect(data)
    with pytest.raises(kind):
        collector.collect([1], Interrupted())  # type: ignore[arg-type] # what a user may do
    assert archive.stats().dropped == {}
    assert collector.collect([1])


@pytest.mark.posix("signals that Windows has not")
def test_what_the_datas_own_code_raises_is_bad_data_also_while_the_service_handles_a_time_limit(
    tmp_path: Path, old_handler: None
) -> None:
    signal.signal(signal.SIGUSR1, Handlers(TimeLimit).plain)

    class Bad:
        def __str__(self) -> str:
            raise TimeLimit("of the data's own making")

    archive = Archive(tmp_path, ship="off", min_free_bytes=1)
    collector = archive.collector("m")
    assert collector.collect([Bad()]) is False
    try:
        signal.raise_signal(signal.SIGUSR1)
    except TimeLimit:
        assert collector.collect([Bad()]) is False
        assert collector.collect([1], Bad()) is False  # type: ignore[arg-type] # what a user may do
    assert archive.stats().dropped == {"unserializable": 2, "invalid_data": 1}


def test_a_chain_of_exceptions_without_an_end_is_looked_at_in_bounded_time() -> None:
    first = last = ValueError("0")
    for number in range(10_000):
        last.__cause__ = ValueError(str(number))
        last = last.__cause__  # type: ignore[assignment] # just set
    last.__cause__ = first
    assert of_service(first) is None


def test_an_exception_thrown_in_by_another_thread_is_seen_each_time(tmp_path: Path) -> None:
    """As rq's TimerDeathPenalty does."""
    archive = Archive(tmp_path, ship="off", fsync="never", min_free_bytes=1)
    collector = archive.collector("m", "inputs", ["n", "x"])
    frame = pd.DataFrame({"n": range(50), "o": pd.Series([(n,) for n in range(50)], dtype=object)})
    here = ctypes.c_ulong(threading.get_ident())
    rounds, seen = 60, 0
    wanted, thrown = threading.Event(), threading.Event()

    def throw() -> None:
        for _ in range(rounds):
            wanted.wait(60)
            wanted.clear()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(here, ctypes.py_object(TimeLimit))
            thrown.set()

    thread = threading.Thread(target=throw)
    thread.start()
    for _ in range(rounds):
        thrown.clear()
        wanted.set()
        calls_after = 0
        try:
            while calls_after < 50:
                calls_after += thrown.is_set()
                collector.collect(frame)
                collector.collect([1, Slow()])
        except TimeLimit:
            seen += 1
    thread.join(60)
    assert seen == rounds
    assert archive.stats().dropped == {}
