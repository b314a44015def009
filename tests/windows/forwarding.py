"""A DLL without code, each function of which is another DLL's: Wine lacks `bcryptprimitives.dll`, and has its function elsewhere."""

from __future__ import annotations

import struct

SECTION_AT = 0x1000  # where the section lies in memory
PAGE = 512  # files are padded to this
DIRECTORY = struct.Struct("<IIHHIIIIIII")


def forwarding_dll(name: str, forwards: dict[str, str]) -> bytes:
    """The bytes of the DLL `name`. forwards: a function's name → `dll.function` that is called for it."""
    section = _exports(name, forwards)
    return _headers(len(section)).ljust(PAGE, b"\0") + section.ljust(-(-len(section) // PAGE) * PAGE, b"\0")


def _exports(name: str, forwards: dict[str, str]) -> bytes:
    """The export directory. An address that lies inside it is the text of a forward."""
    count = len(forwards)
    addresses = DIRECTORY.size
    names, ordinals = addresses + 4 * count, addresses + 8 * count
    table = bytearray(addresses + 10 * count)

    def text(value: str) -> int:
        table.extend(value.encode() + b"\0")
        return SECTION_AT + len(table) - len(value) - 1

    dll = text(name)
    for number, (function, target) in enumerate(sorted(forwards.items())):
        struct.pack_into("<I", table, names + 4 * number, text(function))
        struct.pack_into("<I", table, addresses + 4 * number, text(target))
        struct.pack_into("<H", table, ordinals + 2 * number, number)
    places = (SECTION_AT + at for at in (addresses, names, ordinals))
    DIRECTORY.pack_into(table, 0, 0, 0, 0, 0, dll, 1, count, count, *places)
    return bytes(table)


def _headers(size: int) -> bytes:
    """What stands before the section in a 64-bit DLL, field by field as in Microsoft's "PE Format"."""
    padded = -(-size // PAGE) * PAGE
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x2022)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, padded, 0, 0, 0)
    layout = (0x180000000, 0x1000, PAGE, 6, 0, 0, 0, 6, 0, 0, 2 * SECTION_AT, PAGE, 0, 3, 0x140)
    optional += struct.pack("<QIIHHHHHHIIIIHHQQQQII", *layout, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    directories = struct.pack("<II", SECTION_AT, size) + bytes(8 * 15)
    section = b".edata\0\0" + struct.pack("<IIIIIIHHI", size, SECTION_AT, padded, PAGE, 0, 0, 0, 0, 0x40000040)
    return dos + b"PE\0\0" + coff + optional + directories + section
