"""Arrow types from the trees that `modeldata.format.wire` read: through the C Data Interface, as they came.

A tree comes out of a file. Each part of it is checked by type and range before a C structure gets it: a number in the place of a
text would be taken for an address.
"""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING

import pyarrow as pa

from modeldata.format.wire import ARROW_DEPTH, ARROW_FLAGS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class _Schema(ctypes.Structure):
    pass


PARTS = 6

_RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Schema))
_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.POINTER(_Schema)),
    ("release", _RELEASE),
    ("private_data", ctypes.c_void_p),
]
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)


def _mark_released(schema: Any) -> None:
    """The importer is done. The memory is Python's own: only the mark is needed."""
    schema.contents.release = _RELEASE()


_released = _RELEASE(_mark_released)


class _Exported:
    """What pyarrow imports a type from. Keeps the structs alive while it reads them."""

    def __init__(self, tree: Sequence[Any]) -> None:
        self._alive: list[object] = []
        self._root = self._struct(tree)

    def _struct(self, tree: Sequence[Any]) -> _Schema:
        form, name, flags, metadata, children, dictionary = tree
        inner = [self._struct(child) for child in children]
        pointers = (ctypes.POINTER(_Schema) * len(inner))(*map(ctypes.pointer, inner))
        struct = _Schema(form.encode(), name.encode("utf-8", "replace"), metadata, flags, len(inner), pointers)
        if dictionary is not None:
            struct.dictionary = ctypes.pointer(self._struct(dictionary))
        struct.release = _released
        self._alive += [struct, pointers, *inner]
        return struct

    def __arrow_c_schema__(self) -> object:
        return _new_capsule(ctypes.addressof(self._root), b"arrow_schema", None)


def type_of(tree: Sequence[Any]) -> pa.DataType:
    """Raises ValueError, or pyarrow.ArrowInvalid, for a tree that is no Arrow type."""
    _check(tree, ARROW_DEPTH)
    return pa.field(_Exported(tree)).type


def _check(tree: object, depth: int) -> None:
    if depth < 0 or not isinstance(tree, (list, tuple)) or len(tree) != PARTS:
        raise ValueError("an Arrow schema that is no tree, or one without end")
    form, name, flags, metadata, children, dictionary = tree
    good = isinstance(form, str) and "\0" not in form and isinstance(name, str)
    if not good or type(flags) is not int or not 0 <= flags <= ARROW_FLAGS or not isinstance(children, (list, tuple)):
        raise ValueError("an Arrow schema with a part of another type")
    if metadata is not None:
        _check_metadata(metadata)
    for one in children if dictionary is None else (*children, dictionary):
        _check(one, depth - 1)


def _check_metadata(metadata: object) -> None:
    """The C Data Interface has no length of it: it is what its own counts say, and those must be the bytes that are there."""
    if not isinstance(metadata, bytes):
        raise ValueError("metadata of an Arrow schema that is no bytes")
    try:
        (pairs,) = struct.unpack_from("@i", metadata)
        at = 4
        for _ in range(2 * pairs):
            (size,) = struct.unpack_from("@i", metadata, at)
            if size < 0:
                break
            at += 4 + size
        if pairs >= 0 and at == len(metadata):
            return
    except struct.error:
        pass  # a count beyond the end
    raise ValueError("metadata of an Arrow schema with counts that are not its bytes")
