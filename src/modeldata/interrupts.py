"""Exceptions that are the service's own although they arrive inside `collect()`.

Time limits (Celery, rq, pytest-timeout, alarms) are exceptions that a signal handler raises, or that another thread throws into
ours. They can arrive between any two steps, also while code of the data runs. They belong to whoever set the limit: they are
never taken for bad data, and never swallowed. How one is known, by its traceback:

    handler     a frame that was called with (signal number, interrupted frame), where that frame is the entry before it.
                A trace function is called with (interrupted frame, event, argument), which is met in the same way.
    thrown in   the last instruction can't raise by itself; or it lies in our code, Python's or a library's, raises nothing
                itself, and the class is neither Python's nor that of a library.
"""

from __future__ import annotations

import sys
from itertools import pairwise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType, TracebackType
    from typing import Any

MOST_LINKS = 100
"""Exceptions of one chain that are looked at: a chain may be of the data's making."""
LAST_SIGNAL = 64
VARARGS, GENERATOR = 0x04, 0x20 | 0x80 | 0x200
"""Flags of a code object."""
STUB = 6
"""Bytes of the code that compiled extensions show in a traceback. It says nothing about where they were."""
EVENTS = frozenset({"call", "line", "return", "exception", "opcode", "c_call", "c_return", "c_exception"})
LIBRARIES = frozenset(
    {
        "cupy", "duckdb", "jaxlib", "modeldata", "msgpack", "numpy", "pandas", "polars", "py4j", "pyarrow", "pyspark",
        "tensorflow", "torch",
    }
)  # fmt: skip
"""Their compiled code is called from ours, so that an exception of theirs may have its last entry in our code. It never raises
an exception of anybody else."""

# The base class's own: a class of the data's may answer otherwise.
_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_traceback = BaseException.__dict__["__traceback__"].__get__
_arguments = BaseException.__dict__["args"].__get__
_module = type.__dict__["__module__"].__get__


def spare(error: BaseException) -> None:
    """Raise the service's own exception where `error` is one or came of one. First line of a handler that swallows."""
    theirs = of_service(error)
    if theirs is not None:
        raise theirs


def of_service(error: BaseException) -> BaseException | None:
    """The exception that belongs to the service: `error`, or one that `error` was raised for. None: bad data, or our trouble."""
    if _cause(error) is None and _context(error) is None and _root(_module(type(error))) == "modeldata":
        return None  # the common case, and quick: we refused something ourselves
    for link in _chain(error):
        entries = list(_entries(_traceback(link)))
        if not entries:
            continue
        theirs = _of_handler(entries) or _thrown_in(link, entries[-1])
        if theirs and not _handled_above(entries[0].tb_frame):
            return link
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], {id(error)}
    for link in waiting:  # grows while it is walked
        yield link
        for other in (_cause(link), _context(link)):
            if other is not None and id(other) not in seen and len(seen) < MOST_LINKS:
                seen.add(id(other))
                waiting.append(other)


def _entries(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _of_handler(entries: list[TracebackType]) -> bool:
    others = set()
    for above, entry in pairwise(entries):
        if _interrupts(entry.tb_frame, above.tb_frame):
            return True
        if not _of_library(_root(entry.tb_frame.f_globals.get("__name__"))):
            others.add(entry.tb_frame.f_code)
    return bool(others) and not others.isdisjoint(_handlers())


def _interrupts(frame: FrameType, before: FrameType) -> bool:
    """Was `frame` called as a signal handler or as a trace function is, on top of `before`?"""
    code = frame.f_code
    most = code.co_argcount + bool(code.co_flags & VARARGS)
    if not most:
        return False
    values = frame.f_locals
    names = code.co_varnames
    given = [values.get(name) for name in names[: code.co_argcount]]
    if code.co_flags & VARARGS:
        given += values.get(names[code.co_argcount + code.co_kwonlyargcount]) or ()
    for at, value in enumerate(given):
        if value is not before:
            continue
        number = given[at - 1] if at else None
        if isinstance(number, int) and not isinstance(number, bool) and 0 < number <= LAST_SIGNAL:
            return True
        event = given[at + 1] if at + 1 < len(given) else None
        if type(event) is str and event in EVENTS:
            return True
    return False


def _handlers() -> set[CodeType]:
    """The code of all signal handlers, for one that has let go of its arguments."""
    import _signal  # type: ignore[import-not-found] # the typed one asks an enum for each signal

    codes: set[CodeType] = set()
    for number in range(1, LAST_SIGNAL + 1):
        try:
            code = _code_of(_signal.getsignal(number))
        except Exception:  # no such signal here, or a handler that can't be looked into
            continue
        if code is not None:
            codes.add(code)
    return codes


def _code_of(handler: Any) -> CodeType | None:
    """Of a function or method, also inside a partial or a decorator."""
    if not callable(handler):
        return None
    for _ in range(MOST_WRAPPERS):
        inner = next((within for name in _WITHIN if (within := getattr(handler, name, None)) is not None), None)
        if inner is None:
            break
        handler = inner
    code: CodeType | None = getattr(handler, "__code__", None) or getattr(handler.__call__, "__code__", None)
    return code


_WITHIN = ("__wrapped__", "__func__", "func")
MOST_WRAPPERS = 8


def _thrown_in(error: BaseException, tip: TracebackType) -> bool:
    """Did another thread throw it in (`PyThreadState_SetAsyncExc`)?"""
    kind = type(error)
    if issubclass(kind, (MemoryError, RecursionError)):
        return False  # these arrive anywhere by themselves
    code = tip.tb_frame.f_code
    operation = _operation(code, tip.tb_lasti)
    if operation == "RESUME" or "JUMP_BACKWARD" in operation:
        return not code.co_flags & GENERATOR  # whoever throws into a generator is its user
    if operation in ("RAISE_VARARGS", "RERAISE") or not _of_library(_root(tip.tb_frame.f_globals.get("__name__"))):
        return False
    root = _root(_module(kind))
    if root == "builtins":
        return not _arguments(error) and not issubclass(kind, (StopIteration, StopAsyncIteration))  # Python's own have a text
    return not _of_library(root)


def _operation(code: CodeType, at: int) -> str:
    """The name of the instruction, also where `at` lies in the room for its cache behind it."""
    from opcode import opname

    content = code.co_code
    if len(content) <= STUB:
        return "RAISE_VARARGS"
    while at > 0 and content[at] == 0:
        at -= 2
    return opname[content[at]] if 0 <= at < len(content) else ""


def _root(module: object) -> str:
    return module.partition(".")[0] if isinstance(module, str) else ""


def _of_library(root: str) -> bool:
    return root in LIBRARIES or root in sys.stdlib_module_names


def _handled_above(frame: FrameType) -> bool:
    """Is it one that the service was handling already when it called us? Every later exception has it in its chain."""
    above: FrameType | None = sys._getframe(1)
    while above is not None and _root(above.f_globals.get("__name__")) == "modeldata":
        above = above.f_back
    while above is not None:
        if above is frame:
            return True
        above = above.f_back
    return False
