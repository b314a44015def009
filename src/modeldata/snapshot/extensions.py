"""msgpack extensions: how a value that msgpack has no form for is put on the wire (see `format.wire`)."""

from __future__ import annotations

from msgpack import ExtType

from modeldata.format.wire import CODE_ABSENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def ext(code: int, data: bytes) -> ExtType:
    """Without the checks that msgpack makes."""
    return tuple.__new__(ExtType, (code, data))


ABSENT = ext(CODE_ABSENT, b"")
"""The value of a cell in a row without this key."""


def iso_with_zone(text: str, value: Any) -> bytes:
    """The text of a time, and the name of its zone, if that has one."""
    zone = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)
    return f"{text}\0{zone}".encode() if type(zone) is str else text.encode()
