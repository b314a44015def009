"""Bodies of requests and answers → rows, by their content type. Pure functions: bytes and headers in, rows out.

json_rows    the forms of JSON that model servers take and give
tables       CSV, lines of JSON
binary       npy, tensors of the Open Inference Protocol (v2)
arrow_ipc    Arrow streams and files, never beyond a limit
forms        multipart and urlencoded forms
inflate      gzip and deflate, never beyond a limit
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from modeldata.service.decode import binary, forms, json_rows, tables
from modeldata.service.decode.arrow_ipc import table_of
from modeldata.service.decode.inflate import inflated
from modeldata.service.decode.undecodable import TooMuch, Undecodable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Decode = Callable[[bytes, Mapping[str, str]], object]

__all__ = ["Undecodable", "content_type_of", "decode_body"]


def content_type_of(headers: Mapping[str, str]) -> str:
    """Without its parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def decode_body(body: bytes, headers: Mapping[str, str], most: int) -> object:
    """What `collect()` takes; None for an empty body. Header names are in lower case. most: bytes, also after inflating.

    Raises `Undecodable` for what is not what its content type says, `TooMuch` beyond the limit.
    """
    body = inflated(body, headers.get("content-encoding", ""), most)
    if not body:
        return None
    kind = content_type_of(headers)
    try:
        if kind in ARROW:
            return _plausible(table_of(body, most), body)
        if is_known(kind):
            return _plausible(_DECODERS.get(kind, json_rows.decode)(body, headers), body)
        return _without_type(body, headers) if kind in ("", "application/octet-stream") else described(body, kind)
    except Undecodable:
        raise
    except Exception as error:  # whatever a library says about bytes of a stranger
        raise Undecodable(f"{kind or 'a body'} can't be read: {type(error).__name__}") from error


def is_known(kind: str) -> bool:
    """Whether there is a decoder for a content type."""
    return kind in _DECODERS or kind in ARROW or kind.endswith("+json")


def _plausible(rows: Any, body: bytes) -> object:
    """Rows that take no bytes (nulls, arrays of an axis of 0) may be any number: more than bits is too much."""
    if len(getattr(rows, "shape", ())) > 1 and rows.shape[0] > 8 * len(body):
        raise TooMuch(f"{rows.shape[0]:,} rows in {len(body):,} bytes")
    return rows


def _without_type(body: bytes, headers: Mapping[str, str]) -> object:
    """By what it begins with: v2 tensors in bytes have no content type, and many clients leave JSON without one."""
    if binary.JSON_LENGTH in headers:
        return binary.v2_binary(body, headers)
    if body.lstrip()[:1] in (b"{", b"["):
        try:
            return json_rows.decode(body, headers)
        except ValueError:
            pass  # something else that begins so
    return described(body, headers.get("content-type", ""))


def described(body: bytes, kind: str) -> dict[str, object]:
    """A body that is no rows, such as an image: how long it is, and its hash."""
    return {"content_type": kind or None, "bytes": len(body), "sha256": sha256(body).hexdigest()}


def _text(body: bytes, headers: Mapping[str, str]) -> object:
    return {"text": body.decode("utf-8", "replace")}


ARROW = ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file")
_DECODERS: dict[str, Decode] = {
    "application/json": json_rows.decode,
    "text/json": json_rows.decode,
    "text/csv": tables.csv_rows,
    "application/csv": tables.csv_rows,
    "application/x-ndjson": tables.json_lines,
    "application/ndjson": tables.json_lines,
    "application/jsonl": tables.json_lines,
    "application/jsonlines": tables.json_lines,
    "application/x-npy": binary.npy,
    "multipart/form-data": forms.multipart,
    "application/x-www-form-urlencoded": forms.urlencoded,
    "text/plain": _text,
    "text/html": _text,
}
