"""`Archiving`, `AsyncArchiving`: interceptors that archive the predictions of a gRPC server.

grpc.server(pool, interceptors=[Archiving(recorder)])
grpc.aio.server(interceptors=[AsyncArchiving(recorder)])        # the first of several
"""

from __future__ import annotations

import inspect
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from modeldata.errors import said
from modeldata.service.guarded import guarded, passing
from modeldata.service.ids import ANSWER_HEADER, header_value
from modeldata.service.paths import RPC_PATHS, Paths
from modeldata.service.rpc import CANCELLED, INTERNAL, OK, UNKNOWN, Rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from modeldata.service.recorder import Recorder

    Behaviour = Callable[[Any, Any], Any]

NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


class _Interceptor:
    unreadable: int
    """The status that the server answers a request with that its deserializer refuses."""

    def __init__(self, recorder: Recorder, paths: Sequence[str] | None = None) -> None:
        self.recorder = recorder
        self._paths = Paths(paths or RPC_PATHS)

    def _archived(self, handler: Any, details: Any, wrap: Callable[[Behaviour, Rpc, Any], Behaviour]) -> Any:
        """The handler of one call, with ours around it; None where the call is not recorded."""
        if handler is None or self._paths.pattern_of(details.method) is None:
            return None
        kind = f"{_way(handler.request_streaming)}_{_way(handler.response_streaming)}"
        rpc = Rpc(self.recorder, details.method, kind, details.invocation_metadata or ())
        behaviour = wrap(getattr(handler, kind), rpc, handler)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(behaviour, self._reading(handler.request_deserializer, rpc), handler.response_serializer)

    def _reading(self, deserialize: Any, rpc: Rpc) -> Any:
        """A request that can't be read never comes to the service: its call ends here. Without a function grpc reads nothing."""

        def reading(data: bytes) -> Any:
            try:
                return deserialize(data)
            except Exception as error:
                guarded(rpc.finish, self.unreadable, f"{NAMES[self.unreadable]}: {said(error)}")
                raise

        return deserialize and reading


class Archiving(_Interceptor, grpc.ServerInterceptor):  # type: ignore[misc] # grpc has no types
    """Passes each message on as it comes. A call is archived before its status leaves, so before a single answer does.

    The trailing metadata get one entry, `x-correlation-id`, unless the service sets it.
    paths: patterns of the methods that are recorded, `*` for any text; else `modeldata.service.paths.RPC_PATHS`.
    """

    unreadable = INTERNAL

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        handler = continuation(details)
        return guarded(self._archived, handler, details, _sync) or handler


class AsyncArchiving(_Interceptor, grpc.aio.ServerInterceptor):  # type: ignore[misc] # grpc has no types
    """As `Archiving`, for `grpc.aio`. A call that the service aborts is archived just after its status has left."""

    unreadable = UNKNOWN

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        handler = await continuation(details)
        return guarded(self._archived, handler, details, _async) or handler


def _way(streaming: bool) -> str:
    return "stream" if streaming else "unary"


def _sync(behaviour: Behaviour, rpc: Rpc, handler: Any) -> Behaviour:
    @wraps(behaviour)
    def recorded(request: Any, context: Any) -> Any:
        request = Requests(request, rpc) if handler.request_streaming else _seen(request, rpc)
        try:
            answer = behaviour(request, context)
        except BaseException as error:
            guarded(_fail, rpc, context, error)
            raise
        if handler.response_streaming:
            guarded(_when_over, context, rpc)
            return passing(answer, rpc.answered, partial(_end, rpc, context), partial(_fail, rpc, context))
        guarded(rpc.answered, answer)
        guarded(_end, rpc, context)
        return answer

    return recorded


def _async(behaviour: Behaviour, rpc: Rpc, handler: Any) -> Behaviour:
    if inspect.isasyncgenfunction(behaviour):
        return _async_generator(behaviour, rpc, handler)
    if inspect.iscoroutinefunction(behaviour):
        return _coroutine(behaviour, rpc, handler)
    return _in_a_thread(behaviour, rpc, handler)


def _coroutine(behaviour: Behaviour, rpc: Rpc, handler: Any) -> Behaviour:
    """Of a single answer, or of a stream that it writes to its context."""
    streams = handler.request_streaming or handler.response_streaming

    @wraps(behaviour)
    async def recorded(request: Any, context: Any) -> Any:
        request = AsyncRequests(request, rpc) if handler.request_streaming else _seen(request, rpc)
        try:
            answer = await behaviour(request, StreamContext(context, rpc) if streams else context)
        except BaseException as error:
            guarded(_fail, rpc, context, error)
            raise
        if not handler.response_streaming:
            guarded(rpc.answered, answer)
        guarded(_end, rpc, context)
        return answer

    return recorded


def _async_generator(behaviour: Behaviour, rpc: Rpc, handler: Any) -> Behaviour:
    @wraps(behaviour)
    async def recorded(request: Any, context: Any) -> AsyncIterator[Any]:
        request = AsyncRequests(request, rpc) if handler.request_streaming else _seen(request, rpc)
        guarded(_when_over, context, rpc)
        answers = behaviour(request, context)
        try:
            async for answer in answers:
                guarded(rpc.answered, answer)
                yield answer
        except BaseException as error:
            guarded(_fail, rpc, context, error)
            raise
        finally:
            await answers.aclose()
        guarded(_end, rpc, context)

    return recorded


def _in_a_thread(behaviour: Behaviour, rpc: Rpc, handler: Any) -> Behaviour:
    """A function that is no coroutine, in a server of `grpc.aio`: its context does not tell the status that it was given."""
    recorded = _sync(behaviour, rpc, handler)
    return wraps(behaviour)(lambda request, context: recorded(request, ThreadContext(context)))


def _seen(request: Any, rpc: Rpc) -> Any:
    guarded(rpc.asked, request)
    return request


def _when_over(context: Any, rpc: Rpc) -> None:
    """Nobody asks for the rest of a stream once its caller has hung up: what there is of it counts then."""
    if hasattr(context, "add_done_callback"):
        context.add_done_callback(lambda _: guarded(rpc.finish, complete=False))
    else:
        context.add_callback(lambda: guarded(rpc.finish, complete=False))


def _end(rpc: Rpc, context: Any) -> None:
    """The service has answered, or has set a status that is not OK."""
    code, reason = _status(context)
    if hasattr(context, "trailing_metadata"):  # else the service's own would be lost
        guarded(_give_id, context, rpc.call.correlation_id)
    rpc.finish(code, reason, complete=not hasattr(context, "is_active") or context.is_active())


def _give_id(context: Any, correlation_id: str) -> None:
    entries = tuple(context.trailing_metadata() or ())
    if not any(name == ANSWER_HEADER for name, _ in entries):
        context.set_trailing_metadata((*entries, (ANSWER_HEADER, header_value(correlation_id).decode())))


def _fail(rpc: Rpc, context: Any, error: BaseException) -> None:
    left = not isinstance(error, Exception)  # GeneratorExit, CancelledError: the caller has hung up
    code, reason = _status(context)
    if left and rpc.has_answered:
        rpc.finish(complete=False)
    elif code:
        rpc.finish(code, reason)
    else:
        known = CANCELLED if left else UNKNOWN
        rpc.finish(known, f"{NAMES[known]}: {said(error)}", complete=not left)


def _status(context: Any) -> tuple[int, str]:
    """The code that the service set, 0 for none, and what it says of it."""
    code = context.code()
    code = code.value[0] if isinstance(code, grpc.StatusCode) else code or OK
    details = context.details() or ""
    return code, f"{NAMES.get(code, code)}: {details.decode('utf-8', 'replace') if isinstance(details, bytes) else details}"


class Requests:
    """A stream of requests, as the service takes them."""

    def __init__(self, requests: Any, rpc: Rpc) -> None:
        self._requests = requests
        self._rpc = rpc

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return _seen(next(self._requests), self._rpc)

    next = __next__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._requests, name)


class AsyncRequests:
    """The same in `grpc.aio`."""

    def __init__(self, requests: Any, rpc: Rpc) -> None:
        self._requests = requests
        self._steps: Any = None  # begun by the first step: a service may read its context instead
        self._rpc = rpc

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self._steps is None:
            self._steps = aiter(self._requests)
        return _seen(await anext(self._steps), self._rpc)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._requests, name)


class StreamContext:
    """The context of a coroutine that reads or writes its streams there."""

    def __init__(self, context: Any, rpc: Rpc) -> None:
        self._context = context
        self._rpc = rpc

    async def read(self) -> Any:
        message = await self._context.read()
        return message if message is grpc.aio.EOF else _seen(message, self._rpc)

    async def write(self, message: Any) -> None:
        guarded(self._rpc.answered, message)
        await self._context.write(message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class ThreadContext:
    """Knows the status and the metadata that were set. It has no other way to say so."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._code: Any = None
        self._details = ""
        self._metadata: Any = ()

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self._metadata = trailing_metadata
        self._context.set_trailing_metadata(trailing_metadata)

    def trailing_metadata(self) -> Any:
        return self._metadata

    def set_code(self, code: Any) -> None:
        self._code = code
        self._context.set_code(code)

    def set_details(self, details: str) -> None:
        self._details = details
        self._context.set_details(details)

    def abort(self, code: Any, details: str = "", *more: Any, **named: Any) -> None:
        self._code, self._details = code, details
        self._context.abort(code, details, *more, **named)

    def code(self) -> Any:
        return self._code

    def details(self) -> str:
        return self._details

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)
