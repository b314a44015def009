"""What rows carry besides their data: the id of the request that they belong to, ids as text, their own time."""

from __future__ import annotations

import sys
from contextvars import ContextVar

from modeldata.native import accelerator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from types import FrameType, TracebackType
    from typing import Any


class request:  # noqa: N801 - read as a word: `with modeldata.request():`
    """Everything collected inside carries one `$RequestId`, in this thread or task and what it awaits.

    `with modeldata.request(request_id):` or, for an id made here, `with modeldata.request() as request_id:`. May be nested:
    the inner one counts. In a generator it holds for all its steps, whatever thread or task asks for the next one, and
    leaving it never raises. Raises TypeError where the id is not text.
    """

    __slots__ = ("__dict__", "__weakref__", "_ended", "id_bytes")

    def __init__(self, request_id: str | None = None) -> None:
        if request_id is not None and not isinstance(request_id, str):
            raise TypeError(f"request_id must be str or None, not {type(request_id).__name__}")
        self.request_id = request_id or _new_id()
        self.id_bytes = self.request_id.encode("utf-8", "surrogatepass")
        self.around: request | None = None
        """The one of the nearest generator that was running when this one began."""
        self._before: request | None = None
        self._generator: FrameType | None = None
        self._ended = False
        """It ended where it does not hold: it must not hold any longer where it began."""

    def __enter__(self) -> str:
        frame = sys._getframe(1)
        self.around = _of_generator(frame.f_back) if GENERATORS else None
        if frame.f_code.co_flags & GENERATOR:
            self._generator = frame
            GENERATORS.setdefault(frame, []).append(self)
        self._ended = False
        self._before = _holding()
        CURRENT.set(self)
        return self.request_id

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._generator is not None:
            self._leave_generator(self._generator)
        if CURRENT.get() is self:
            CURRENT.set(self._before)
        else:  # a generator that another thread or task closes
            self._ended = True

    def _leave_generator(self, frame: FrameType) -> None:
        self._generator = None
        entered = GENERATORS.get(frame, [])
        if self in entered:
            entered.remove(self)
        if not entered:
            GENERATORS.pop(frame, None)


CURRENT: ContextVar[request | None] = ContextVar("modeldata_request", default=None)
GENERATORS: dict[FrameType, list[request]] = {}
"""Generators inside a `request`: each step of one may run in another context, which does not know what the first step set."""
GENERATOR = 0x20 | 0x200
"""Flags of the code of a generator and of an asynchronous one."""


def _holding() -> request | None:
    ours = CURRENT.get()
    while ours is not None and ours._ended:
        ours = ours._before
    return ours


def _of_generator(frame: FrameType | None) -> request | None:
    """The innermost `request` of the nearest generator that is running, from `frame` upwards."""
    while frame is not None:
        entered = GENERATORS.get(frame)
        if entered:
            return entered[-1]
        frame = frame.f_back
    return None


def _new_id() -> str:
    import uuid

    return str(uuid.uuid4())


def current_request() -> bytes:
    """The request id that holds here: of `request`, else Flask's as in the seed, else none (empty: the zero GUID)."""
    ours = _known_here()
    if ours is not None or GENERATORS:
        ours = _in_generator(_holding()) if GENERATORS else _holding()
        if ours is not None:
            return ours.id_bytes
    flask = _imported("flask")
    return b"" if flask is None else _of_flask(flask)


_known_here = CURRENT.get
_imported = sys.modules.get


def _in_generator(known: request | None) -> request | None:
    """`known` is of this context. It counts where it began inside the generator's own one; else a step came here without it."""
    running = _of_generator(sys._getframe(1))
    return known if running is None or (known is not None and known.around is running) else running


def _of_flask(flask: object) -> bytes:
    inside = getattr(flask, "has_request_context", None)
    if inside is None:
        return b""
    if flask is not _known_flask:
        _know(flask, inside)
    if not inside():
        return b""
    return encoded_id(flask.request.environ.get("REQUEST_ID"))  # type: ignore[attr-defined] # flask is the user's, not ours to import


_known_flask: object = None


def _know(flask: Any, inside: Any) -> None:
    """Let the compiled part look into this Flask by itself, where it says in the way that we know whether it is in a request."""
    global _known_flask
    _known_flask = flask
    code = getattr(inside, "__code__", None)
    if accelerator is None or getattr(code, "co_names", None) != ("_cv_request", "get"):
        return
    try:
        accelerator.know_flask(flask, inside, inside.__globals__["_cv_request"], vars(flask)["request"])
    except (KeyError, TypeError):  # it keeps them in another way: then Python asks, each time
        return


def encoded_id(given: object) -> bytes:
    """An id as UTF-8. What is missing is no id, bytes are text, and what is no text is taken as it prints."""
    kind = type(given)
    if kind is str:
        return given.encode("utf-8", "surrogatepass")  # type: ignore[attr-defined, no-any-return] # it is one: just asked
    if issubclass(kind, str):
        return str.encode(given, "utf-8", "surrogatepass")  # type: ignore[arg-type] # a str: just asked
    if issubclass(kind, (bytes, bytearray, memoryview)):
        text = b"".join((given,))  # type: ignore[arg-type] # likewise; by its buffer, not by code of a subclass
        return text.decode("utf-8", "backslashreplace").encode()
    if _is_missing(given, kind):
        return b""
    return str.encode(str(given), "utf-8", "surrogatepass")


def _is_missing(given: Any, kind: type) -> bool:
    """None, and what libraries put where a value is missing: NaN, NaT, NA, a masked or null cell. Known by the type's name."""
    if given is None:
        return True
    if issubclass(kind, float):
        return float.__ne__(given, given)
    names = {(str(_module(base)).partition(".")[0], _name(base)) for base in _bases(kind)}
    if not _MISSING.isdisjoint(names):
        return True
    if ("decimal", "Decimal") in names:
        return bool(sys.modules["decimal"].Decimal.is_nan(given))
    if ("numpy", "generic") in names or (("numpy", "ndarray") in names and given.ndim == 0):
        return bool(given != given)
    return ("pyarrow", "Scalar") in names and given.as_py() is None


_MISSING = {("pandas", "NAType"), ("pandas", "NaTType"), ("numpy", "MaskedConstant")}
_module = type.__dict__["__module__"].__get__
_name = type.__dict__["__name__"].__get__
_bases = type.__dict__["__mro__"].__get__


def fitting_id(id_bytes: bytes, most: int) -> bytes:
    """An id of at most `most` bytes: of a longer one its beginning and a hash, so that different ids stay different."""
    if len(id_bytes) <= most:
        return id_bytes
    from hashlib import sha256  # `ready.prepare` has imported it

    mark = b"~~" + sha256(id_bytes).hexdigest()[:32].encode()
    end = most - len(mark)
    while end and id_bytes[end] & 0xC0 == 0x80:  # not in the middle of a letter
        end -= 1
    return id_bytes[:end] + mark


FIRST_NS, LAST_NS = -(1 << 63), (1 << 63) - 1


def event_ns_of(moment: datetime | int) -> int:
    """Nanoseconds since 1970 of a time that a caller gave. Raises TypeError or ValueError for what is none, or does not fit."""
    if type(moment) is not int:
        moment = _ns_of_datetime(moment)
    if not FIRST_NS <= moment <= LAST_NS:
        raise ValueError("timestamp is out of range: times go from 1677 to 2262; an int is nanoseconds since 1970")
    return moment


def _ns_of_datetime(moment: Any) -> int:
    import datetime as dt

    if not isinstance(moment, dt.datetime):
        raise TypeError(f"timestamp must be a datetime or nanoseconds since 1970, not {type(moment).__name__}")
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
    return (aware - epoch) // dt.timedelta(microseconds=1) * 1000
