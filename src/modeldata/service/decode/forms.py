"""Forms: their fields are one row. Of a file the row has its name, type, size and hash, never its bytes."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def urlencoded(body: bytes, headers: Mapping[str, str]) -> object:
    return _row(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def multipart(body: bytes, headers: Mapping[str, str]) -> object:
    from email.parser import BytesParser
    from email.policy import HTTP

    head = f"content-type: {headers['content-type']}\r\n\r\n".encode("latin-1", "replace")
    message: Any = BytesParser(policy=HTTP).parsebytes(head + body)
    return _row((_name(part), _content(part)) for part in message.iter_parts())


def _name(part: Any) -> str:
    return str(part.get_param("name", "part", header="content-disposition"))


def _content(part: Any) -> object:
    data: bytes = part.get_payload(decode=True) or b""
    name = part.get_filename()
    if name is None and part.get_content_maintype() == "text":
        return data.decode("utf-8", "replace")
    return {"filename": name, "content_type": part.get_content_type(), "bytes": len(data), "sha256": sha256(data).hexdigest()}


def _row(fields: Iterable[tuple[str, object]]) -> dict[str, object]:
    """A field that comes several times is a list."""
    values: dict[str, list[object]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return {name: given[0] if len(given) == 1 else given for name, given in values.items()}
