"""Events → `collect()`, each once."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from modeldata.errors import ModelDataError
from modeldata.service.decode import Undecodable, decode_body, described
from modeldata.service.decode.undecodable import TooMuch, UnknownEncoding
from modeldata.service.sidecar.event import Refused, unusable

if TYPE_CHECKING:
    from modeldata.service.sidecar.collectors import Collectors
    from modeldata.service.sidecar.event import Event
    from modeldata.service.sidecar.recent import Recent

MOST_BYTES = 8 << 20
"""Of one body, and of what it is when inflated."""
OF_DATA = ("invalid_data", "unserializable", "unsupported_type")
"""Reasons of a refusal by `collect()` that lie in the data; all others pass."""


class Keeper:
    """Promise: where `keep` returns, the event's rows are safe and are archived."""

    def __init__(self, collectors: Collectors, recent: Recent) -> None:
        self._collectors = collectors
        self._recent = recent

    def keep(self, event: Event) -> bool:
        """True: it was kept now. False: it had been before. Raises `Refused`: it is not kept."""
        digest = event.digest()
        if digest is None:
            self._collect(event)
            return True
        if not self._recent.begin(digest):
            return False
        kept = False
        try:
            self._collect(event)
            kept = True
        finally:
            self._recent.end(digest, kept=kept)
        return True

    def _collect(self, event: Event) -> None:
        rows = rows_of(event)
        if rows is None:
            raise unusable("no_data", "the event has no data")
        collector = self._collectors.of(event.identity)
        marks = {"request_id": event.request_id, "timestamp": event.event_ns}
        try:
            accepted = collector.collect(rows, event.correlation_id, **marks)  # type: ignore[arg-type] # each by its name
        except ModelDataError:  # on_error="raise"
            accepted = False
        if not accepted:
            raise refusal(collector.last_refusal)


def refusal(reason: str | None) -> Refused:
    """What a reason of `stats()` is in HTTP. None: collecting is switched off."""
    if reason == "too_large":
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason, "a row is larger than MODELDATA_MAX_ROW_BYTES")
    if reason in OF_DATA:
        return unusable(reason, "these rows can't be collected")
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, reason or "disabled", "no rows are taken now: send the event again later")


def rows_of(event: Event) -> object:
    """What `collect()` takes. Raises `Refused`."""
    try:
        return _answer_rows(event) if event.is_answer else decode_body(event.data, event.headers, MOST_BYTES)
    except Undecodable as error:
        raise undecodable(error) from error


def _answer_rows(event: Event) -> object:
    """KServe gives an answer the content type of its request. So JSON is seen by itself, and what is neither is described."""
    kind = event.headers.get("content-type", "")
    kinds = ("application/json", kind) if event.data.lstrip()[:1] in (b"{", b"[") else (kind,)
    for each in kinds:
        try:
            return decode_body(event.data, {**event.headers, "content-type": each}, MOST_BYTES)
        except TooMuch:
            raise
        except Undecodable:
            continue
    return described(event.data, kind)


def undecodable(error: Undecodable) -> Refused:
    if isinstance(error, TooMuch):
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", str(error))
    if isinstance(error, UnknownEncoding):
        return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", str(error))
    return unusable("undecodable", str(error))
