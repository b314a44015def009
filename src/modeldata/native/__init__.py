"""The compiled parts, where there are any: `accelerator.c` of `collect()` and `shipper.c`, made when this package is built.

They do nothing that Python's way does not do. `MODELDATA_NATIVE=off` leaves them out, for the whole process.
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


def find(part: str) -> tuple[ModuleType | None, str]:
    """A compiled part, or why it is not used."""
    try:
        if not flag(os.environ.get(SWITCH, "").strip() or "on"):
            return None, f"{SWITCH} switches it off"
        return __import__(f"{__name__}.{part}", fromlist=[part]), ""  # importlib has to be loaded first
    except ValueError:
        return None, f"{SWITCH} must be true or false"
    except ImportError as error:
        missing = type(error) is ModuleNotFoundError
        return None, "this installation has none, as where there is no compiler" if missing else str(error)


accelerator: Any
accelerator, why_not = find("accelerator")


def way() -> str:
    """Which way collects and which way ships, for people."""
    texts = [
        f"Python's way {verb}, more slowly: {why}" if why else f"compiled code {verb}"
        for verb, why in (("collects", why_not), ("ships", find("shipper")[1]))
    ]
    return "; ".join(texts)


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
