"""The compiled part, where there is one: `accelerator.c`, made when this package is built.

It does nothing that Python's way does not do. `MODELDATA_NATIVE=off` leaves it out, for the whole process.
"""

from __future__ import annotations

import os
from functools import update_wrapper

from modeldata.parsing import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

SWITCH = "MODELDATA_NATIVE"


def _find() -> tuple[ModuleType | None, str]:
    """The compiled part, or why it is not used."""
    try:
        if not flag(os.environ.get(SWITCH, "").strip() or "on"):
            return None, f"{SWITCH} switches it off"
        from modeldata.native import accelerator
    except ValueError:
        return None, f"{SWITCH} must be true or false"
    except ImportError as error:
        missing = type(error) is ModuleNotFoundError
        return None, "this installation has none, as where there is no compiler" if missing else str(error)
    return accelerator, ""


accelerator: Any
accelerator, why_not = _find()


def way() -> str:
    """Which way collects, for people."""
    return f"Python's way collects, more slowly: {why_not}" if why_not else "compiled code collects small rows"


def speed_up(cls: type, name: str, *needs: object) -> None:
    """Put the compiled method before the one of this name. It takes the common calls, and leaves all others to it.

    needs: what the compiled method asks for besides the function and its class.
    """
    if accelerator is not None:
        function = cls.__dict__[name]
        setattr(cls, name, update_wrapper(getattr(accelerator, name)(function, cls, *needs), function))


def hold_up(store: object, goes_on: Callable[[], bool]) -> bool:
    """For tests: ask `goes_on` before each store, also before one of the compiled methods. False: `store` is not compiled."""
    if accelerator is None or not isinstance(store, accelerator.Store):
        return False
    store.gate = goes_on
    return True
