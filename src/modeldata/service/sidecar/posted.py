"""POST /v1/collect/<model>/<identifier>: rows of whoever can send HTTP."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from modeldata.service.decode import content_type_of, is_known
from modeldata.service.decode.binary import JSON_LENGTH
from modeldata.service.ids import DEFAULT_IDS, correlation_of, new_id
from modeldata.service.sidecar.event import UNKNOWN, Event, Identity, Refused, event_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "idempotency-key"


def event_of(model: str, identifier: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Event:
    """query: `version`, `service`, `account`, `model_id` and `time`, each where it is known. Raises `Refused`."""
    kind = content_type_of(headers)
    if not is_known(kind):
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_type", f"content type {kind[:80]!r}: send JSON, CSV or Arrow"
        )
    key = headers.get(KEY, "")
    request_id = key or headers.get("x-request-id") or new_id()
    identity = Identity(
        model,
        identifier,
        model_management_account_id=query.get("account") or UNKNOWN,
        webservice_name=query.get("service") or UNKNOWN,
        model_id=query.get("model_id") or UNKNOWN,
        model_version=query.get("version") or UNKNOWN,
    )
    return Event(
        identity,
        body,
        {name: headers[name] for name in ("content-type", JSON_LENGTH) if name in headers},
        correlation_of(headers, DEFAULT_IDS) or request_id,
        request_id,
        event_ns(query.get("time", "")),
        (KEY, key) if key else (),
    )
