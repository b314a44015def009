"""Counts that a user can read: what became of every row."""

from __future__ import annotations

from modeldata.notebook import html_table


class Status:
    """A moment's counts of a whole spool, all its processes, also ended ones; in rows unless said otherwise.

    `archived` (in the archive), `pending` (in the spool, on their way), `lag_seconds` (age of the oldest pending call), `refused`
    (dropped rows by reason, as far as the shipper knows), `torn` (segment ends cut off by a death: never accepted), `damaged`
    (frames with damaged bytes), `gaps` (rows missing between sequence numbers), `quarantined` (rows set aside because they
    can't be decoded), `segments` and `bytes` (on disk), `leader` (who ships: pid, host, since; what is wrong with its heads, and
    which archived file of the spool can't be removed) and `last_error` (why archiving does not go on, None where it does).
    With several archives, `archives` has archived, pending and lag_seconds of each, and the counts above are those of the one for
    which most rows wait.
    """

    __slots__: tuple[str, ...] = (
        "archived", "archives", "bytes", "damaged", "gaps", "lag_seconds", "last_error", "leader", "pending", "quarantined",
        "refused", "segments", "torn",
    )  # fmt: skip

    def __init__(self) -> None:
        self.archived = 0
        self.archives: dict[str, dict[str, float]] = {}
        self.pending = 0
        self.lag_seconds = 0.0
        self.refused: dict[str, int] = {}
        self.torn = 0
        self.damaged = 0
        self.gaps = 0
        self.quarantined = 0
        self.segments = 0
        self.bytes = 0
        self.leader: dict[str, object] | None = None
        self.last_error: str | None = None

    def as_dict(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in sorted({*Status.__slots__, *self.__slots__})}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.as_dict().items())})"

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, (), self.as_dict().items())


class Stats(Status):
    """What `Status` says of the whole spool, and counts of this process alone: `accepted` (rows for which `collect()` returned
    True), `distributed` (those of them that Spark's executors wrote to the archive, past the spool) and `dropped` (refused rows
    by reason).
    """

    __slots__ = ("accepted", "distributed", "dropped")

    def __init__(self, accepted: int = 0, dropped: dict[str, int] | None = None, distributed: int = 0) -> None:
        super().__init__()
        self.accepted = accepted
        self.distributed = distributed
        self.dropped = dropped or {}
