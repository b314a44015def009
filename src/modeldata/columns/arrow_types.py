"""Arrow types from the trees that `modeldata.snapshot.arrow_schema` read: through the C Data Interface, as they came."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class _Schema(ctypes.Structure):
    pass


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
        made = _Schema(form.encode(), name.encode("utf-8", "replace"), metadata, flags, len(inner), pointers)
        if dictionary is not None:
            made.dictionary = ctypes.pointer(self._struct(dictionary))
        made.release = _released
        self._alive += [made, pointers, *inner]
        return made

    def __arrow_c_schema__(self) -> object:
        return _new_capsule(ctypes.addressof(self._root), b"arrow_schema", None)


def type_of(tree: Sequence[Any]) -> pa.DataType:
    """Raises pyarrow.ArrowInvalid for a tree that is no Arrow type."""
    return pa.field(_Exported(tree)).type
