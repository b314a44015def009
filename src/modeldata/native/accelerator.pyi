from collections.abc import Callable
from contextvars import ContextVar
from types import ModuleType
from typing import Any

MOST_FRAME: int

class Store:
    gate: Callable[[], bool] | None
    def __new__(cls, fd: int, size: int, ours: Any) -> Store: ...
    def __call__(self, data: bytes, offset: int) -> bool: ...

class FramePlan:
    def __new__(
        cls,
        schema: Any,
        index: type,
        labels: Any,
        blocks: tuple[tuple[type, type, int, Any, Any], ...],
        parts: tuple[tuple[int, int, int], ...],
    ) -> FramePlan: ...

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
def know_frames(frame: type, manager: type, placement: type, arrow: type, plan: type, schemas: type) -> None: ...
def know_flask(module: ModuleType, asks: Callable[..., bool], variable: ContextVar[Any], request: Any) -> None: ...
def captured(frame: Any, schemas: Any) -> tuple[Any, int, bytes] | None: ...
