"""The shipper's compiled part: each guard is switched off in the source, which is then compiled again."""

from __future__ import annotations

from tests.faults.mutant import Mutant
from tests.faults.mutant import one as _one

_C = "native/shipper.c"
_ROWS = "native/rows.h"
_FLOATS = "native/floats.h"
_SAME = "tests/native/test_the_shipper_ships_the_same_bytes.py"
_FRAMES = f"{_SAME}::test_the_same_frames_are_found_in_any_bytes"
_BYTE = f"{_SAME}::test_one_wrong_byte_ends_the_search"
_QUOTES = f"{_SAME}::test_texts_of_any_marks_have_the_same_quotes"
_LONG = f"{_SAME}::test_a_header_that_says_more_than_there_is_or_another_checksum_ends_the_search"
_SHORT = f"{_SAME}::test_a_column_with_less_in_it_than_was_said_is_refused"
_COLUMNS = f"{_SAME}::test_any_columns_have_the_same_rows"
_BITS = f"{_SAME}::test_floats_of_any_bits_have_the_same_text"

MUTANTS: tuple[Mutant, ...] = (
    _one(
        "compiled shipper: a frame's header has its checksum",
        _C,
        "    if ((uint32_t)XXH3_64bits_withSeed(at, HEAD - 4, salt) != little(at + 44, 4))\n        return 0;\n",
        "",
        _BYTE,
    ),
    _one(
        "compiled shipper: a frame's payload has its checksum",
        _C,
        " || (uint32_t)XXH3_64bits_withSeed(at + HEAD, payload, salt) != little(at + 40, 4)",
        "",
        _BYTE,
    ),
    _one(
        "compiled shipper: a frame ends within what was read",
        _C,
        "size > left || ",
        "",
        f"{_SAME}::test_a_frame_is_there_with_its_padding_or_not_at_all",
    ),
    _one("compiled shipper: old checksums are left to the careful way", _C, " || at[5] != CHECK_XXH3", "", _LONG),
    _one("compiled shipper: nothing is read behind END", _C, "kind != END && ", "", _FRAMES),
    _one(
        "compiled shipper: values are there for all rows",
        _ROWS,
        "return column->values.len < (width ? upto * width : (upto + 7) / 8) ? -1 : rows * (longest + 1);",
        "return rows * (longest + 1);",
        _SHORT,
    ),
    _one(
        "compiled shipper: it is known of all rows whether they have a value",
        _ROWS,
        "    if (column->valid.obj && column->valid.len < (upto + 7) / 8)\n        return -1;\n",
        "",
        _SHORT,
    ),
    _one(
        "compiled shipper: the places of texts are there for all rows",
        _ROWS,
        "    if (column->values.len < (upto + 1) * width)\n        return -1;\n",
        "",
        _SHORT,
    ),
    _one(
        "compiled shipper: texts lie within their buffer",
        _ROWS,
        "first < 0 || last > column->text.len ? -1 : last - first",
        "last - first",
        _SHORT,
    ),
    _one(
        "compiled shipper: a text begins where the one before it ends",
        _ROWS,
        "        if (next < last)\n            return -1;\n",
        "",
        _SHORT,
    ),
    _one("compiled shipper: no column begins before its buffers", _ROWS, "column->offset < 0 || ", "", _SHORT),
    _one("compiled shipper: a missing value is an empty cell", _ROWS, "column->valid.obj && !(((", "0 && !(((", _COLUMNS),
    _one(
        "compiled shipper: empty text has quotes",
        _ROWS,
        "if (size && !(needs & ANYWHERE)",
        "if (!size || !(needs & ANYWHERE)",
        _QUOTES,
    ),
    _one(
        "compiled shipper: quotes in text are doubled",
        _ROWS,
        "        if (text[at] == '\"')\n            *to++ = '\"';\n",
        "",
        _QUOTES,
    ),
    _one(
        "compiled shipper: a float of even bits takes its bounds, too",
        _FLOATS,
        "uint64_t odd = c & 1,",
        "uint64_t odd = 1,",
        _BITS,
    ),
    _one("compiled shipper: below a power of two floats are closer", _FLOATS, "!fraction && exponent > 1", "0", _BITS),
    _one("compiled shipper: numbers from 1e10 on have an exponent", _FLOATS, "point > 10", "point > 11", _BITS, _COLUMNS),
)
