from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

MOST_FRAME: int

class Store:
    gate: Callable[[], bool] | None
    def __new__(cls, fd: int, size: int, ours: Any) -> Store: ...
    def __call__(self, data: bytes, offset: int) -> bool: ...

def append(function: Callable[..., None], lane: type, segment: type) -> Callable[..., None]: ...
def collect(
    function: Callable[..., bool],
    collector: type,
    writer: type,
    schemas: type,
    request: type,
    variable: ContextVar[Any],
    generators: dict[Any, Any],
    clock: Callable[[], int],
) -> Callable[..., bool]: ...
def know_arrays(array: type, schema: type) -> None: ...
