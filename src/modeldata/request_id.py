"""The id that ties together everything collected while one request is served."""

from __future__ import annotations

import sys
from contextvars import ContextVar, Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_current: ContextVar[bytes | None] = ContextVar("modeldata_request", default=None)


class request:  # noqa: N801 - read as a word: `with modeldata.request():`
    """Everything collected inside carries one `$RequestId`, in this thread or task and what it awaits.

    `with modeldata.request(request_id):` or, for an id made here, `with modeldata.request() as request_id:`. May be nested:
    the inner one counts. Raises TypeError where the id is not text.
    """

    def __init__(self, request_id: str | None = None) -> None:
        if request_id is not None and not isinstance(request_id, str):
            raise TypeError(f"request_id must be str or None, not {type(request_id).__name__}")
        self.request_id = request_id or _new_id()
        self._token: Token[bytes | None] | None = None

    def __enter__(self) -> str:
        self._token = _current.set(self.request_id.encode("utf-8", "surrogatepass"))
        return self.request_id

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None


def _new_id() -> str:
    import uuid

    return str(uuid.uuid4())


def current_request() -> bytes:
    """The request id that holds here: of `request`, else Flask's as in the seed, else none (empty: the zero GUID)."""
    ours = _current.get()
    if ours is not None:
        return ours
    flask = sys.modules.get("flask")
    if flask is None:
        return b""
    return _of_flask(flask)


def _of_flask(flask: object) -> bytes:
    inside = getattr(flask, "has_request_context", None)
    if inside is None or not inside():
        return b""
    return encoded_id(flask.request.environ.get("REQUEST_ID"))  # type: ignore[attr-defined] # flask is the user's, not ours to import


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
