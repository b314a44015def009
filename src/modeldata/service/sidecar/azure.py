"""What azureml-ai-monitoring posts: CloudEvents headers without id, source and version, and a data frame as JSON records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.service.decode import content_type_of
from modeldata.service.ids import new_id
from modeldata.service.sidecar.event import UNKNOWN, Event, Identity, event_ns, unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE_PREFIX = "azureml.inference."
"""Before the name of the collection, which is the identifier here."""


def event_of(headers: Mapping[str, str], body: bytes, model: str) -> Event:
    """model: its name, which the client does not send. Raises `Refused`."""
    kind = headers.get("ce-type", "")
    identifier = kind.removeprefix(TYPE_PREFIX)
    if not identifier or identifier == kind:
        raise unusable("no_type", f"ce-type is {kind[:80]!r}, not {TYPE_PREFIX}<collection>")
    payload = headers.get("trace-id", "")
    request_id = payload or new_id()
    return Event(
        Identity(model, identifier, model_version=headers.get("ce-model-version") or UNKNOWN),
        body,
        {"content-type": _content_type(headers)},
        headers.get("ce-x-request-id") or request_id,
        request_id,
        event_ns(headers.get("ce-time", "")),
        ("trace-id", payload) if payload else (),
    )


def _content_type(headers: Mapping[str, str]) -> str:
    """Its compact form is the frame as text, under a type that says nothing."""
    kind = content_type_of(headers)
    return "text/plain" if kind == "application/octet-stream" else kind
