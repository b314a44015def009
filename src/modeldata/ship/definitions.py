"""What frames of one shape share, as their segments have it: kept between rounds, unpacked once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgpack
import numpy as np

from modeldata.format import names
from modeldata.format.files import FORMATS
from modeldata.spool import frame
from modeldata.spool.bulk import FrameRun, runs

if TYPE_CHECKING:
    from modeldata.spool.reader import OpenSegment

PARSED_DEFINITIONS = 20_000
"""How many definitions are kept unpacked."""


class ArchiveLayout(NamedTuple):
    """What the files of a service are, as it wanted them when its rows were collected."""

    format: str
    hour_folders: bool
    excel_safe: bool


class KnownDefinition(NamedTuple):
    """A definition, and what of it is asked for often."""

    definition: dict[str, object]
    identity: dict[str, str]
    stream: str
    layout: ArchiveLayout


class Definitions:
    """The definitions in each segment, kept between rounds: frames after the checkpoint refer to ones before it."""

    def __init__(self, layout: ArchiveLayout) -> None:
        """layout: for definitions that name none, as those of earlier versions."""
        self.layout = layout
        self._by_segment: dict[str, dict[int, bytes]] = {}
        self._parsed: dict[bytes, KnownDefinition] = {}

    def of(self, segment: OpenSegment, offset: int) -> dict[int, bytes]:
        known = self._by_segment.get(segment.name)
        if known is None:
            known = self._by_segment[segment.name] = {}
            for item in runs(segment, 0):
                if isinstance(item, FrameRun):
                    for number in np.flatnonzero(item.heads["kind"] == frame.DEFINE).tolist():
                        if item.place(number) < offset:
                            known[int(item.heads["definition"][number])] = item.data(number)
                if item.stop >= offset:
                    break
        return known

    def keep_only(self, present: set[str]) -> None:
        for name in set(self._by_segment) - present:
            del self._by_segment[name]

    def parsed(self, packed: bytes) -> KnownDefinition | None:
        """A packed definition; None where it can't be read."""
        known = self._parsed.get(packed)
        if known is None:
            definition = _definition(packed)
            if definition is None:
                return None
            identity = identity_of(definition)
            if len(self._parsed) >= PARSED_DEFINITIONS:
                self._parsed.clear()
            layout = _layout(definition) or self.layout
            known = self._parsed[packed] = KnownDefinition(definition, identity, names.stream(identity), layout)
        return known

    def layout_of(self, definitions: dict[int, bytes]) -> ArchiveLayout:
        """The layout of a segment's frames that refer to no definition: its writer has one for all it writes."""
        known = (self.parsed(packed) for packed in definitions.values())
        return next((one.layout for one in known if one is not None), self.layout)


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
    if not isinstance(definition.get("extra"), dict) or not isinstance(definition.get("layout"), str):
        return None
    return None if "archive_layout" in definition and _layout(definition) is None else definition


def _layout(definition: dict[str, object]) -> ArchiveLayout | None:
    """None unless it is named and valid: a format becomes the name of a file."""
    content = definition.get("archive_layout")
    if not isinstance(content, dict):
        return None
    form, hours, safe = map(content.get, ArchiveLayout._fields)
    if type(form) is not str or form not in FORMATS or type(hours) is not bool or type(safe) is not bool:
        return None
    return ArchiveLayout(form, hours, safe)


def is_identity(content: object) -> bool:
    """Is it the identity of a collector: all its parts, each a text?"""
    return isinstance(content, dict) and all(isinstance(content.get(part), str) for part in names.IDENTITY)


def identity_of(definition: dict[str, object]) -> dict[str, str]:
    identity = definition["identity"]
    assert isinstance(identity, dict)
    return identity
