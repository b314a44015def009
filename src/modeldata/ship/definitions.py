"""What frames of one shape share, as their segments have it: kept between rounds, unpacked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack
import numpy as np

from modeldata import names
from modeldata.spool import frame
from modeldata.spool.run import Run, runs

if TYPE_CHECKING:
    from modeldata.spool.reader import OpenSegment

PARSED_DEFINITIONS = 20_000
"""How many definitions are kept unpacked."""


class Definitions:
    """The definitions in each segment, kept between rounds: frames after the checkpoint refer to ones before it."""

    def __init__(self) -> None:
        self._by_segment: dict[str, dict[int, bytes]] = {}
        self._parsed: dict[bytes, tuple[dict[str, object], dict[str, str], str]] = {}

    def of(self, segment: OpenSegment, offset: int) -> dict[int, bytes]:
        known = self._by_segment.get(segment.name)
        if known is None:
            known = self._by_segment[segment.name] = {}
            for found in runs(segment, 0):
                if isinstance(found, Run):
                    for number in np.flatnonzero(found.heads["kind"] == frame.DEFINE).tolist():
                        if found.place(number) < offset:
                            known[int(found.heads["definition"][number])] = found.data(number)
                if found.stop >= offset:
                    break
        return known

    def keep_only(self, present: set[str]) -> None:
        for name in set(self._by_segment) - present:
            del self._by_segment[name]

    def parsed(self, packed: bytes) -> tuple[dict[str, object], dict[str, str], str] | None:
        """(definition, identity, stream) of a packed definition; None where it can't be read."""
        known = self._parsed.get(packed)
        if known is None:
            definition = _definition(packed)
            if definition is None:
                return None
            identity = identity_of(definition)
            if len(self._parsed) >= PARSED_DEFINITIONS:
                self._parsed.clear()
            known = self._parsed[packed] = definition, identity, names.stream(identity)
        return known


def _definition(packed: bytes) -> dict[str, object] | None:
    """None unless each field is of the type that the rest relies on: what is inside `extra` is checked by the decoders."""
    try:
        definition = msgpack.unpackb(packed, unicode_errors="surrogatepass")
    except (ValueError, TypeError):
        return None
    if not isinstance(definition, dict) or not is_identity(definition.get("identity")):
        return None
    texts = [definition.get("columns"), definition.get("types")]
    if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in texts):
        return None
    return definition if isinstance(definition.get("extra"), dict) and isinstance(definition.get("layout"), str) else None


def is_identity(told: object) -> bool:
    """Is it the identity of a collector: all its parts, each a text?"""
    return isinstance(told, dict) and all(isinstance(told.get(part), str) for part in names.IDENTITY)


def identity_of(definition: dict[str, object]) -> dict[str, str]:
    identity = definition["identity"]
    assert isinstance(identity, dict)
    return identity
