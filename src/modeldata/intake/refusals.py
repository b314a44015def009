"""Rows that are not accepted: each is counted under one reason, and each reason is warned of once a minute."""

from __future__ import annotations

import itertools
import sys
import time
from contextvars import ContextVar

from modeldata.errors import ModelDataError, said
from modeldata.intake.messages import warn
from modeldata.interrupts import spare
from modeldata.snapshot import RefusedData
from modeldata.snapshot.dispatch import Distributed
from modeldata.spool.quota import SpoolFull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.spool.writer import Writer

WARN_SECONDS = 60.0
"""One warning for each reason in this time; the counts in `stats()` have them all."""
REASONS = frozenset(
    {
        "closed", "disk_error", "internal", "invalid_data", "no_files", "no_memory", "no_space", "outcome_unknown",
        "sampled_out", "spark_failed", "spool_full", "spool_unusable", "store_unavailable", "too_large", "unserializable",
        "unsupported_type",
    }
)  # fmt: skip
"""All that a refused row can be counted under."""


_numbers = itertools.count(1)
_last: ContextVar[Mapping[tuple[int, str], str]] = ContextVar("modeldata_refusal", default={})  # noqa: B039 - it is replaced, never changed
MOST_REMEMBERED = 256
"""One thread or task remembers the last refusal of so many collectors."""


class Refusals:
    """What was refused in this process, and what was said about it."""

    def __init__(self, writer: Writer, *, on_error: str) -> None:
        self._writer = writer
        self._number = next(_numbers)
        self._raises = on_error == "raise"
        self._uncounted: dict[tuple[str, str], int] = {}
        self._warned: dict[str, float] = {}

    def refuse(self, stream: str, rows: int, error: Exception, *, writing: bool) -> None:
        """Count rows that are not accepted, and say why once a minute. Raises `ModelDataError` with `on_error="raise"`."""
        reason = _reason(error, writing)
        last = _last.get()
        _last.set({**(last if len(last) < MOST_REMEMBERED else {}), (self._number, stream): reason})
        self.count(reason, rows, stream)
        if self._raises:
            raise ModelDataError("collect", stream, cause=said(error), hint=reason) from error
        if self._is_news(reason):
            warn(f"not collected ({reason}) for {stream}: {said(error)}")

    def count(self, reason: str, rows: int, *streams: str) -> None:
        """So many of each stream. In a lane, so that the archive gets to know. Where none can be had, here, until one can."""
        for stream in streams:
            self._uncounted[stream, reason] = self._uncounted.get((stream, reason), 0) + rows
        if reason == "closed":
            return  # nothing is opened for it
        try:
            lane = self._writer.acquire()
        except Exception as error:  # no memory even for a lane
            spare(error)
            return
        taken = {key: self._uncounted.pop(key, 0) for key in list(self._uncounted)}
        lane.refuse({key: counted for key, counted in taken.items() if counted})
        self._writer.release(lane)

    def last(self, stream: str) -> str | None:
        """The reason of this collector's last refusal in this thread or task; None where there was none."""
        return _last.get().get((self._number, stream))

    def by_reason(self) -> dict[str, int]:
        """Reason → rows that were refused."""
        dropped: dict[str, int] = {}
        for (_, reason), rows in [*self._writer.drops().items(), *list(self._uncounted.items())]:
            dropped[reason] = dropped.get(reason, 0) + rows
        return dropped

    def warn_once(self, reason: str, text: str) -> None:
        """Warn, unless this reason was warned of within the last minute."""
        if self._is_news(reason):
            warn(text)

    def _is_news(self, reason: str) -> bool:
        now = time.monotonic()
        if now < self._warned.get(reason, float("-inf")) + WARN_SECONDS:
            return False
        self._warned[reason] = now  # before the warning: a log handler that collects, and fails, does not come back here
        return True


def _reason(error: Exception, writing: bool) -> str:
    """One of `REASONS`. Only our own exceptions name theirs: what the data raises may carry anything."""
    kind = type(error)
    spark = sys.modules.get("modeldata.spark.errors")  # there, where a frame of Spark's was refused
    if kind in (RefusedData, Distributed, SpoolFull) or (spark is not None and kind is spark.NotArchived):
        named = error.reason  # type: ignore[attr-defined] # each of them has one
        return named if named in REASONS else "internal"
    if issubclass(kind, MemoryError):
        return "no_memory"
    if issubclass(kind, OSError) and writing:
        return "disk_error"
    if writing:
        return "internal"
    return "unserializable" if issubclass(kind, RecursionError) else "invalid_data"
