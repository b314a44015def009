"""A signal may come at any instruction of the thread that waits for it: nothing it does there may wait for that thread."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from modeldata.ship.child import stop_on_signals
from modeldata.ship.stop import StopRequest


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class _Interruption:
    """Calls the handler once, before the instruction with this number. Also in every function that is called from there."""

    def __init__(self, number: int, times: int) -> None:
        self.left, self.times = number, times

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left < 0 and self.times:
                self.times -= 1
                handler = signal.getsignal(signal.SIGTERM)
                assert callable(handler)
                handler(signal.SIGTERM, frame)
        return self


def _wait(stop: StopRequest, interruption: _Interruption, answers: list[bool]) -> None:
    sys.settrace(interruption)
    answers.append(stop.wait(0.0))
    sys.settrace(None)
    answers.append(stop.wait(0.0))


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.usefixtures("handlers")
def test_a_signal_at_any_instruction_of_the_wait_ends_it_and_blocks_nothing(signals: int) -> None:
    number, interrupted = 0, True
    while interrupted:
        stop = stop_on_signals()
        interruption, answers = _Interruption(number, signals), list[bool]()
        thread = threading.Thread(target=_wait, args=(stop, interruption, answers), daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive(), f"the handler waits for the thread that it interrupts, before instruction {number}"
        interrupted = interruption.times < signals
        assert answers[1] is interrupted
        number += 1
    assert number > 10, "too few instructions to show anything"


@pytest.mark.usefixtures("handlers")
def test_a_stop_is_seen_by_every_thread_that_waits() -> None:
    stop = stop_on_signals()
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(stop.wait(60))) for _ in range(5)]
    for thread in threads:
        thread.start()
    signal.raise_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    assert answers == [True] * 5
    assert stop.wait(-1.0) and stop.is_set()


def test_a_wait_that_nobody_ends_takes_its_time_and_no_more() -> None:
    stop = StopRequest()
    assert not stop.wait(0.001) and not stop.wait(-1.0) and not stop.is_set()


def test_a_stop_that_is_asked_for_within_a_stop_blocks_nothing() -> None:
    """A service that closes its archive, and is interrupted by a handler that closes it, too."""
    number, interrupted = 0, True
    while interrupted:
        stop, left = StopRequest(), [number]

        def within(frame: FrameType, event: str, argument: object, stop: StopRequest = stop, left: list[int] = left) -> Any:
            frame.f_trace_opcodes = True
            if event == "opcode":
                left[0] -= 1
                if left[0] == -1:
                    sys.settrace(None)
                    stop.ask()
            return within

        def ask(stop: StopRequest = stop, trace: Any = within) -> None:
            sys.settrace(trace)
            stop.ask()
            sys.settrace(None)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive() and stop.wait(0.0)
        interrupted = left[0] < 0
        number += 1
    assert number > 10, "too few instructions to show anything"
