"""Files go away while somebody looks: compaction takes them, and what replaces them is there already. Look again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from modeldata.catalog.batches import Vanished
from modeldata.catalog.errors import SKIP_HINT, Damaged

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 5

View = TypeVar("View")
Answer = TypeVar("Answer")


def retried(look: Callable[[], View], work: Callable[[View], Answer], first: View | None = None) -> Answer:
    """The answer of `work` on an archive as it is seen now, or was just seen (`first`). Each time a file is gone, look again.

    Raises `Damaged` where files go away each time, and what `look` and `work` raise.
    """
    view = look() if first is None else first
    for attempt in range(1, TRIES + 1):
        try:
            return work(view)
        except Vanished as vanished:
            if attempt == TRIES:
                raise gone(str(vanished)) from None
        view = look()
    raise AssertionError("unreachable")


def gone(path: str) -> Damaged:
    """The error for a file that a manifest names and that is not there, however often one looks."""
    return Damaged("read the archive", path, cause="it is gone, and its manifest is still there", hint=SKIP_HINT)
