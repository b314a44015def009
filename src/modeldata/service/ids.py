"""The ids of a call: that of its caller, that of its trace, and ours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xxhash import xxh3_64_intdigest

from modeldata.interrupts import spare
from modeldata.request_id import encoded_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BODY_ID = "body:id"
"""The `id` of a body of the Open Inference Protocol (v2)."""
TRACE_ID = "traceparent"
DEFAULT_IDS = (
    "x-correlation-id", BODY_ID, "ce-id", "x-request-id", "x-ms-client-request-id", "x-amzn-sagemaker-inference-id", TRACE_ID,
)  # fmt: skip
"""Where the correlation id is looked for: headers of the request, its body, its trace. The first that is there counts."""
ANSWER_HEADER = "x-correlation-id"


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The two bits that say which kind of UUID it is."""


def new_id() -> str:
    """A random UUID, as text."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


def id_text(given: object) -> str:
    """An id of any kind as text; empty where it is missing, or can't be read."""
    if type(given) is str:
        return given
    try:
        return encoded_id(given).decode("utf-8", "replace")
    except Exception as error:  # whatever the id's own code raises
        spare(error)
        return ""


def trace_id_of(headers: Mapping[str, str]) -> str:
    """The trace id of a W3C `traceparent`; empty where there is none."""
    given = headers.get(TRACE_ID)
    if given is None:
        return ""
    parts = given.split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 and parts[1].strip("0") else ""


def correlation_of(headers: Mapping[str, str], names: Sequence[str], body_id: str = "") -> str:
    """The first id that is there; empty where there is none. Header names are in lower case."""
    for name in names:
        given = body_id if name == BODY_ID else trace_id_of(headers) if name == TRACE_ID else headers.get(name, "")
        if given:
            return given
    return ""


def in_sample(correlation_id: str, share: float) -> bool:
    """Whether calls of this id belong to a sample of `share` of all ids: the same answer in each process and service."""
    if share >= 1.0:
        return True
    return xxh3_64_intdigest(correlation_id.encode("utf-8", "surrogatepass")) < share * 2**64


def header_value(text: str) -> bytes:
    """As a header can hold it: an id of a body may have any letters and any length."""
    return text[:256].encode("ascii", "replace").translate(None, bytes(range(32)) + b"\x7f").strip()
