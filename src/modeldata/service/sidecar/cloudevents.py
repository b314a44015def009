"""CloudEvents over HTTP: binary, structured, batch. From KServe's and Seldon's loggers, and from anybody else."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from modeldata.service.decode import content_type_of
from modeldata.service.decode.binary import JSON_LENGTH
from modeldata.service.sidecar.event import UNKNOWN, Event, Identity, event_ns, unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    Attributes = Mapping[str, str]

PREFIX = "ce-"
ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
VERSIONS = ("1.0", "0.3", "0.2")
"""What of them is read here is the same in all three; Seldon's logger sends the older ones."""
IDENTIFIERS = {"request": "inputs", "response": "predictions"}
"""By the last word of an event's type; any other word is the identifier itself."""
MAIN_COMPONENT = "predictor"


def events_of(headers: Mapping[str, str], body: bytes, model: str) -> list[Event]:
    """model: the name for events that name none. Raises `Refused` where one of them is not valid."""
    kind = content_type_of(headers)
    if kind == ONE:
        return [_structured(_parsed(body), model)]
    if kind == BATCH:
        parsed = _parsed(body)
        if not isinstance(parsed, list):
            raise unusable("invalid_event", "a batch is a list of events")
        return [_structured(each, model) for each in parsed]
    attributes = {name[len(PREFIX) :]: unquote(value) for name, value in headers.items() if name.startswith(PREFIX)}
    data_headers = {name: headers[name] for name in ("content-type", JSON_LENGTH) if name in headers}
    return [_event(attributes, body, data_headers, model)]


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise unusable("invalid_event", "the body is no JSON") from None


def _structured(parsed: Any, model: str) -> Event:
    if not isinstance(parsed, dict):
        raise unusable("invalid_event", "an event is a JSON object")
    attributes = {name: str(value) for name, value in parsed.items() if isinstance(value, (str, int, float))}
    kind = attributes.get("datacontenttype", "application/json")
    return _event(attributes, _data(parsed, kind), {"content-type": kind}, model)


def _data(parsed: dict[str, Any], kind: str) -> bytes:
    if "data_base64" in parsed:
        try:
            return b64decode(parsed["data_base64"], validate=True)
        except (ValueError, TypeError):
            raise unusable("invalid_event", "data_base64 is no base64") from None
    data = parsed.get("data")
    if isinstance(data, str) and not content_type_of({"content-type": kind}).endswith("json"):
        return data.encode("utf-8", "surrogatepass")
    return b"" if data is None else json.dumps(data).encode()


def _event(attributes: Attributes, data: bytes, headers: Mapping[str, str], model: str) -> Event:
    missing = [name for name in ("specversion", "id", "source", "type") if not attributes.get(name)]
    if missing:
        raise unusable("invalid_event", f"a CloudEvent has {' and '.join(missing)}, too")
    if attributes["specversion"] not in VERSIONS:
        raise unusable("invalid_event", f"specversion {attributes['specversion'][:20]!r} is none of {', '.join(VERSIONS)}")
    correlation = attributes.get("requestid") or attributes["id"]
    word = attributes["type"].rpartition(".")[2]
    return Event(
        _identity(attributes, word, model),
        data,
        headers,
        correlation,
        attributes["id"],
        event_ns(attributes.get("time", "")),
        (attributes["source"], attributes["type"], attributes["id"]),
        is_answer=word == "response",
    )


def _identity(attributes: Attributes, word: str, model: str) -> Identity:
    """The extensions are those of KServe's and Seldon's loggers; `metadata` has the request's headers and is not looked at."""
    identifier, component = IDENTIFIERS.get(word, word), attributes.get("component", "")
    if not identifier:
        raise unusable("invalid_event", "type ends in a dot: its last word is the identifier")
    service = attributes.get("inferenceservicename", "")
    return Identity(
        attributes.get("modelid") or service or model,
        f"{component}-{identifier}" if component and component != MAIN_COMPONENT else identifier,
        model_management_account_id=attributes.get("namespace") or UNKNOWN,
        webservice_name=service or UNKNOWN,
        model_version=attributes.get("modelversion") or attributes.get("endpoint") or UNKNOWN,
    )
