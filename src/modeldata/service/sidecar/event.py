"""One event: rows as bytes, the collector that they are for, when they were, and what tells a repeat of it from another event."""

from __future__ import annotations

import datetime as dt
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from modeldata.request_id import event_ns_of

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = "unknown"
NS_PER_SECOND = 1_000_000_000
DIGEST_BYTES = 16


class Refused(Exception):
    """An event that is not kept: the status that says so, a word that programs can compare, and a text for people."""

    def __init__(self, status: HTTPStatus, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


class Identity(NamedTuple):
    """Of the collector that an event goes to: arguments of `ModelDataCollector`."""

    model_name: str
    identifier: str
    model_management_account_id: str = UNKNOWN
    webservice_name: str = UNKNOWN
    model_id: str = UNKNOWN
    model_version: str = UNKNOWN


class Event(NamedTuple):
    """headers: what the decoders read of the event's own data. correlation_id, request_id: as its rows have them.

    key: the sender's own names for this event; empty where it gave none: then nothing is taken for a repeat of it.
    is_answer: its content type may be that of the request that it answers.
    """

    identity: Identity
    data: bytes
    headers: Mapping[str, str]
    correlation_id: str
    request_id: str
    event_ns: int | None
    key: tuple[str, ...] = ()
    is_answer: bool = False

    def digest(self) -> bytes | None:
        """Equal for two posts of one event. Other data is another event, also under a name that was used before."""
        if not self.key:
            return None
        hashed = blake2b(digest_size=DIGEST_BYTES)
        for part in (*self.identity, *self.key):
            text = part.encode("utf-8", "surrogatepass")
            hashed.update(len(text).to_bytes(8, "little") + text)
        hashed.update(self.data)
        return hashed.digest()


def event_ns(text: str) -> int | None:
    """The time of an event: RFC 3339, or whole seconds since 1970. None for an empty text. Raises `Refused` for any other."""
    if not text:
        return None
    try:
        return event_ns_of(int(text) * NS_PER_SECOND if text.isdecimal() else dt.datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise unusable("invalid_time", f"{text[:40]!r} is no time: RFC 3339, or seconds since 1970") from None


def unusable(reason: str, text: str) -> Refused:
    """An event that can't be understood: sending it again helps nothing."""
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, reason, text)
