"""What `modeldata.snapshot` puts on the wire and `modeldata.columns` reads back: single values, and how the bytes of a frame lie.

Single values that msgpack has no form for are its extensions:

    code          payload                                             comes back as
    ABSENT        nothing                                             columns.ABSENT: this row has no such key
    BIG_INT       two's complement, little endian                     int beyond 64 bit
    DECIMAL       its text                                            Decimal
    DATETIME      ISO text with offset, "\\0" and the zone's name      datetime (naive, with the zone, or with the offset)
    DATE, TIME    ISO text                                            date, time
    TIMEDELTA     days i32, seconds i32, microseconds i32             timedelta
    UUID          16 bytes                                            UUID
    COMPLEX       two f64                                             complex
    NUMPY         dtype text, "\\0", raw bytes                         numpy scalar of exactly this dtype
    ARRAY         dtype text, "\\0", axes u8, lengths u64, raw bytes   numpy array
    TIMESTAMP     as DATETIME, nine digits                            numpy datetime64[ns], or its text where it has a zone
    TEXT          UTF-8                                               str: what str() gave for any other object

The `layout` of a definition says how the bytes of a frame lie:

    layout   data
    ROWS     msgpack. extra {"single": True}: one array, the row; else an array of rows, each an array
    BLOCK    C-order bytes of a numpy array, rows first. extra {"dtype": "<f8", "cell": [lengths of the axes in a cell]}
    FRAME    per part [ncols][rows] raw values, then, with a mask, [ncols][rows] bool bytes (True: null); then the text columns
             (lengths, NO_TEXT where there is none, then texts); at the end a msgpack array of the object columns, each an array
             of its values. extra {"parts": [{"dtype": "<f8", "columns": [0, 2], "mask": False}], "texts": [3], "objects": [1]}
    ARROW    msgpack array of chunks, each a tree of copied buffers. extra {"schema": tree, "single": bool}
"""

from __future__ import annotations

from struct import Struct

(
    CODE_ABSENT, CODE_BIG_INT, CODE_DECIMAL, CODE_DATETIME, CODE_DATE, CODE_TIME, CODE_TIMEDELTA, CODE_UUID, CODE_COMPLEX,
    CODE_NUMPY, CODE_ARRAY, CODE_TIMESTAMP, CODE_TEXT,
) = range(1, 14)  # fmt: skip
TIMEDELTA = Struct("<iii")
COMPLEX = Struct("<dd")

ROWS, BLOCK, FRAME, ARROW = "rows", "block", "frame", "arrow"
NO_TEXT = 0xFFFF_FFFF
"""The length of a text that is null."""

ARROW_FLAGS = 7
"""All that Arrow schemas have: 1 ordered, 2 nullable, 4 sorted keys. The shipper reads no tree with others."""
ARROW_DEPTH = 64
"""Levels of an Arrow type."""
