"""`modeldata.request` in a generator: one id for all its steps, and no exception, whoever asks for them and closes it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from modeldata import Archive, ModelDataCollector, request
from modeldata.format.names import ZERO_GUID
from modeldata.spool.files import Files
from tests.support.archive import rows
from tests.support.service import ship_all


@pytest.fixture
def collector(tmp_path: Path) -> ModelDataCollector:
    return Archive(tmp_path, ship="off").collector("m", "inputs", ["n"])


def _ids(collector: ModelDataCollector, folder: Path) -> list[str]:
    collector._intake.close(0)
    ship_all(Files(), str(folder))
    return [row["$RequestId"] for row in rows(folder)]


def _steps(collector: ModelDataCollector) -> Iterator[int]:
    with request("steps"):
        for number in range(3):
            collector.collect([number])
            yield number


def test_each_step_in_a_context_of_its_own_keeps_the_id(collector: ModelDataCollector, tmp_path: Path) -> None:
    with request("around"):
        steps = _steps(collector)
        for _ in range(3):
            contextvars.copy_context().run(next, steps)
        collector.collect([9])
    steps.close()
    assert _ids(collector, tmp_path) == ["steps"] * 3 + ["around"]
    assert not _left()


def _left() -> object:
    from modeldata.request_id import GENERATORS

    return GENERATORS


def test_a_generator_is_closed_in_another_thread_and_in_another_context(collector: ModelDataCollector, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def close(steps: Iterator[int]) -> None:
        try:
            steps.close()  # type: ignore[attr-defined] # it is a generator
        except BaseException as error:
            failures.append(error)

    for run in (lambda steps: contextvars.Context().run(close, steps), _in_thread(close)):
        steps = _steps(collector)
        next(steps)
        run(steps)
    assert not failures
    assert not _left()
    collector.collect([9])
    assert _ids(collector, tmp_path)[-1] == ZERO_GUID


def _in_thread(close: object) -> object:
    def run(steps: object) -> None:
        thread = threading.Thread(target=close, args=(steps,))  # type: ignore[arg-type] # a function
        thread.start()
        thread.join()

    return run


def test_an_abandoned_generator_leaves_nothing_behind(collector: ModelDataCollector) -> None:
    next(_steps(collector))
    assert not _left()


def test_what_a_step_calls_has_the_id_and_may_have_a_nearer_one(collector: ModelDataCollector, tmp_path: Path) -> None:
    def score(number: int) -> None:
        collector.collect([number])
        with request("nearer"):
            collector.collect([number])

    def serve() -> Iterator[None]:
        with request("outer"):
            yield
            score(1)
            yield

    steps = serve()
    for _ in range(2):
        contextvars.copy_context().run(next, steps)
    assert _ids(collector, tmp_path) == ["outer", "nearer"]
    steps.close()


def test_who_reads_a_generator_keeps_an_id_of_its_own(collector: ModelDataCollector, tmp_path: Path) -> None:
    steps = _steps(collector)
    next(steps)
    with request("reader"):
        collector.collect([9])
        next(steps)
    steps.close()
    assert _ids(collector, tmp_path) == ["steps", "reader", "steps"]


def test_a_context_manager_made_of_a_generator_gives_its_id_to_its_body(collector: ModelDataCollector, tmp_path: Path) -> None:
    @contextlib.contextmanager
    def serving() -> Iterator[None]:
        with request("managed"):
            yield

    with serving():
        collector.collect([1])
        with request("inner"):
            collector.collect([2])
    collector.collect([3])
    assert _ids(collector, tmp_path)[:2] == ["managed", "inner"]
    assert not _left()


def test_an_asynchronous_generator_that_another_task_closes_keeps_its_id(collector: ModelDataCollector, tmp_path: Path) -> None:
    async def stream() -> AsyncIterator[int]:
        with request("stream"):
            for number in range(3):
                await asyncio.sleep(0)
                collector.collect([number])
                await asyncio.to_thread(collector.collect, [number])
                yield number

    async def main() -> None:
        steps = stream()
        await asyncio.create_task(anext(steps))  # type: ignore[arg-type] # it is a coroutine
        await asyncio.create_task(steps.aclose())  # type: ignore[attr-defined] # likewise

    asyncio.run(main())
    assert _ids(collector, tmp_path) == ["stream"] * 2
    assert not _left()


def test_a_task_that_outlives_the_request_keeps_its_id(collector: ModelDataCollector, tmp_path: Path) -> None:
    async def main() -> None:
        answered = asyncio.Event()

        async def background() -> None:
            await answered.wait()
            collector.collect([1])

        with request("answered"):
            task = asyncio.create_task(background())
        answered.set()
        await task

    asyncio.run(main())
    assert _ids(collector, tmp_path) == ["answered"]
