"""`Recorder.record`: calls of a function are recorded. Its signature, and what it gives and raises, stay the same."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from modeldata.interrupts import spare

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping

    from modeldata.service.call import Call
    from modeldata.service.recorder import Recorder

MOST_ITEMS = 10_000
"""Items of a generator that are kept; those after them pass."""


def wrapper(
    recorder: Recorder,
    inputs: str | Callable[..., object] | None,
    predictions: Callable[[Any], object] | None,
    correlation: str | Callable[..., str] | None,
    facts: Mapping[str, object] | None = None,
) -> Callable[[Any], Any]:
    """The decorator. facts: more columns of the row in `requests`.

    Raises TypeError where it names a parameter that the function does not have.
    """

    def decorate(function: Any) -> Any:
        recorded = Recorded(recorder, function, inputs, predictions, correlation, facts or {})
        for is_kind, wrap in _KINDS:
            if is_kind(function):
                return functools.wraps(function)(wrap(function, recorded))
        return functools.wraps(function)(_function(function, recorded))

    return decorate


class Recorded:
    """What is read from the arguments and the result of one function."""

    def __init__(
        self, recorder: Recorder, function: Any, inputs: Any, predictions: Any, correlation: Any, facts: Mapping[str, object]
    ) -> None:
        self._facts = facts
        self._recorder = recorder
        self._signature = inspect.signature(function)
        self._inputs = self._reader(inputs) if inputs is not None else self._all_arguments
        self._correlation = self._reader(correlation) if correlation is not None else lambda *_, **__: ""
        self._predictions = predictions

    def _reader(self, wanted: str | Callable[..., Any]) -> Callable[..., Any]:
        if not isinstance(wanted, str):
            return wanted
        if wanted not in self._signature.parameters:
            raise TypeError(f"there is no parameter {wanted!r} in {self._signature}")
        return lambda *arguments, **named: self._bound(arguments, named)[wanted]

    def _bound(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        bound = self._signature.bind(*arguments, **named)
        bound.apply_defaults()
        return bound.arguments

    def _all_arguments(self, *arguments: Any, **named: Any) -> object:
        values = self._bound(arguments, named)
        first = next(iter(values), None)
        if first in ("self", "cls"):
            del values[first]
        return next(iter(values.values())) if len(values) == 1 else values

    def begin(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Call:
        call = self._recorder.call(self._read(self._correlation, arguments, named) or "", integration="record")
        call.facts |= self._facts
        rows = self._read(self._inputs, arguments, named)
        if rows is not None:
            call.inputs(rows)
        return call

    def _read(self, read: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """None where the arguments do not fit: the function itself says so."""
        try:
            return read(*arguments, **named)
        except Exception as error:
            spare(error)
            return None

    def end(self, call: Call, result: Any) -> None:
        try:
            rows = self._predictions(result) if self._predictions else result
        except Exception as error:
            spare(error)
            call.notes.append("predictions: the function that reads them failed")
            return
        call.predictions(rows)

    def end_of_stream(self, call: Call, items: list[Any], total: int) -> None:
        if total > len(items):
            call.notes.append(f"{total - len(items)} more items")
        if self._predictions is not None:
            self.end(call, items)
        elif items and all(isinstance(item, str) for item in items):
            call.predictions({"text": "".join(items)})
        else:
            call.predictions({"items": items})


def _function(function: Any, recorded: Recorded) -> Callable[..., Any]:
    def call_it(*arguments: Any, **named: Any) -> Any:
        with recorded.begin(arguments, named) as call:
            result = function(*arguments, **named)
            recorded.end(call, result)
            return result

    return call_it


def _coroutine(function: Any, recorded: Recorded) -> Callable[..., Any]:
    async def await_it(*arguments: Any, **named: Any) -> Any:
        with recorded.begin(arguments, named) as call:
            result = await function(*arguments, **named)
            recorded.end(call, result)
            return result

    return await_it


class Teed:
    """The steps of a generator, and the items that it gave."""

    def __init__(self, steps: Any) -> None:
        self._steps = steps
        self.items: list[Any] = []
        self.total = 0

    def note(self, item: Any) -> Any:
        self.total += 1
        if self.total <= MOST_ITEMS:
            self.items.append(item)
        return item

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.note(next(self._steps))

    def send(self, value: Any) -> Any:
        return self.note(self._steps.send(value))

    def throw(self, error: BaseException) -> Any:
        return self.note(self._steps.throw(error))

    def close(self) -> None:
        self._steps.close()


def _generator(function: Any, recorded: Recorded) -> Callable[..., Any]:
    def steps(*arguments: Any, **named: Any) -> Generator[Any, Any, Any]:
        with recorded.begin(arguments, named) as call:
            teed = Teed(function(*arguments, **named))
            try:
                return (yield from teed)
            finally:
                recorded.end_of_stream(call, teed.items, teed.total)

    return steps


def _async_generator(function: Any, recorded: Recorded) -> Callable[..., Any]:
    async def steps(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
        with recorded.begin(arguments, named) as call:
            inner = function(*arguments, **named)
            teed = Teed(inner)
            try:
                sent, thrown = None, None
                while True:
                    try:
                        item = await (inner.asend(sent) if thrown is None else inner.athrow(thrown))
                    except StopAsyncIteration:
                        return
                    sent, thrown = None, None
                    try:
                        sent = yield teed.note(item)
                    except GeneratorExit:
                        await _closed(inner)
                        raise
                    except BaseException as error:
                        thrown = error
            finally:
                recorded.end_of_stream(call, teed.items, teed.total)

    return steps


async def _closed(steps: AsyncGenerator[Any, Any]) -> None:
    await steps.aclose()


_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any, Recorded], Any]], ...] = (
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (inspect.isasyncgenfunction, _async_generator),
)
