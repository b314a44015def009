"""What the answer of a remote store means for us, in one form for all of them. Pure.

A `Failure` has no part of a library's error in it: those carry URLs with signatures, request ids and times.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from modeldata.errors import SettingsError

REDIRECTED = "redirects are not followed: check the endpoint and the network (a proxy or a login page may answer for the store)"


class Kind(Enum):
    """What an answer, or none, says."""

    GONE = auto()
    """There is no such file."""
    NO_CONTAINER = auto()
    """Nor such a container or bucket."""
    EXISTS = auto()
    OTHER_TYPE = auto()
    """A blob of that name is no append blob."""
    FULL = auto()
    """The file takes no more."""
    REFUSED = auto()
    """The store finds fault with these bytes."""
    PAST_THE_END = auto()
    WHOLE_ONLY = auto()
    """The store gives no parts of a file."""
    NO_CONDITIONS = auto()
    """The store knows no conditional writes."""
    COLD = auto()
    """The file is in an archive class: there is nothing to read before somebody restores it."""
    CREDENTIALS = auto()
    NOT_SENT = auto()
    """No connection: the store never heard of it."""
    BUSY = auto()
    """The store wants to be left alone for a while."""
    OTHER = auto()


RESTORE = "restore it first (or copy it to another class), then read it again"
SILENT = (Kind.NOT_SENT, Kind.CREDENTIALS, Kind.BUSY, Kind.NO_CONTAINER)
"""After these, a look at the file would say nothing, or is not wanted."""


class Failure(NamedTuple):
    """`unknown`: the request may have been carried out, or may still be. `cause` is the same for the same trouble."""

    kind: Kind
    cause: str
    hint: str = ""
    unknown: bool = False
    retry_after: float | None = None
    status: int = 0
    """Of the answer, 0 where there was none."""

    @property
    def path_only(self) -> bool:
        """May it be the trouble of this file alone?"""
        elsewhere = self.kind in (Kind.NO_CONTAINER, Kind.BUSY)
        return 400 <= self.status < 500 and self.status not in (401, 429) and not elsewhere


class NoAccess(Exception):
    """Credentials or endpoint can't be used as they are. Nothing was sent. `str()` is the cause."""

    def __init__(self, cause: str, hint: str) -> None:
        super().__init__(cause)
        self.hint = hint


def access_failure(error: Exception) -> Failure | None:
    """What an error says that came before the first request; None for any other."""
    if isinstance(error, NoAccess):
        return Failure(Kind.CREDENTIALS, str(error), error.hint)
    if isinstance(error, SettingsError):  # the file with the credentials
        return Failure(Kind.CREDENTIALS, f"could not {error.operation}: {error.where}: {error.cause}", error.hint)
    return None
