"""Values on their way out of a frame: what was accepted can be encoded, and costs what it should."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ODD = "tests/encode/test_odd_values_have_a_form.py"
_LARGE = "tests/e2e/test_large_calls_are_archived_in_pieces.py"
_TYPED = "tests/e2e/test_typed_columns_can_be_encoded.py"
_DECLARED = "tests/encode/test_declared_types_are_read_exactly.py"
_SHARED = "tests/e2e/test_only_types_that_fit_share_a_file.py"
_UNREAD = "tests/snapshot/test_arrow_types_that_nobody_reads_are_refused.py"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H30": (
        "a zone that Arrow's or the reader's data base lacks, or no data base at all",
        (
            "encode/test_odd_values_have_a_form.py::test_a_time_is_archived_where_the_machine_has_no_zones",
            "encode/test_odd_values_have_a_form.py::test_a_time_of_a_zone_that_the_reader_does_not_know_comes_back_in_utc",
        ),
    ),
    "H31": (
        "a number whose digits would fill the memory, or that Python makes no text of",
        ("encode/test_odd_values_have_a_form.py::test_a_number_of_any_size_has_one_bounded_text_and_comes_back_equal",),
    ),
    "H32": (
        "an Arrow value that its type does not allow, or a type that Arrow can't cast: list views, odd text, far times",
        (
            "e2e/test_typed_columns_can_be_encoded.py",
            "encode/test_odd_values_have_a_form.py::test_a_year_of_any_length_is_archived_as_it_is",
        ),
    ),
    "H33": (
        "lists and dicts nested as deep as the packer goes",
        ("encode/test_odd_values_have_a_form.py::test_lists_and_dicts_come_back_however_deep_they_are_nested",),
    ),
    "H34": (
        "a call of more bytes than the shipper's memory takes at once",
        (
            "e2e/test_large_calls_are_archived_in_pieces.py::test_each_row_of_a_large_call_is_archived_once",
            "e2e/test_large_calls_are_archived_in_pieces.py::test_a_call_without_memory_is_tried_in_parts",
        ),
    ),
    "H35": (
        "a client that sends ever new keys",
        ("e2e/test_ever_new_columns_share_a_file.py",),
    ),
    "H36": (
        "types whose names begin alike: intervals beside whole numbers, structs beside text, text in a struct's field names",
        (
            "encode/test_declared_types_are_read_exactly.py",
            "e2e/test_only_types_that_fit_share_a_file.py",
        ),
    ),
    "H37": (
        "an Arrow type that pyarrow can't read, and a zone whose name is not ASCII",
        ("snapshot/test_arrow_types_that_nobody_reads_are_refused.py",),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a folder has files of a bounded number of headers",
        "ship/placement.py",
        "if header not in known and len(known) >= MAX_SHAPES:",
        "if False:",
        "tests/e2e/test_ever_new_columns_share_a_file.py::test_files_and_what_a_shipper_remembers_stay_bounded_over_rounds_processes_and_restarts",
    ),
    one(
        "a large call is encoded some rows at a time",
        "ship/batch.py",
        "large = len(calls) == 1 and int(calls.sizes[0]) > most",
        "large = False",
        _LARGE,
    ),
    one(
        "one row that asks for too much memory is set aside",
        "ship/batch.py",
        "        bytearray(FAIR + FAIR_TIMES * size)\n",
        "        raise error\n",
        _LARGE,
    ),
    one(
        "a Decimal's text is bounded before it is made",
        "encode/text.py",
        "if abs(value.adjusted()) < DIGITS and len(short) < DIGITS else short",
        "",
        _ODD + "::test_a_number_of_any_size_has_one_bounded_text_and_comes_back_equal",
    ),
    one(
        "large whole numbers are text without Python's limit",
        "encode/text.py",
        "    if bits < SHORT_BITS:\n",
        "    if True:\n",
        _ODD + "::test_a_number_of_any_size_has_one_bounded_text_and_comes_back_equal",
    ),
    one(
        "values that an Arrow type does not allow are kept as Python's",
        "columns/arrow.py",
        "        build(_as_bytes(kind), node).validate(full=True)\n",
        "        raise\n",
        _TYPED,
    ),
    one(
        "list views are lists before Arrow casts them",
        "encode/parquet_types.py",
        "made = _without_views(values).cast(plain)",
        "made = values.cast(plain)",
        _ODD + "::test_lists_lie_in_any_order_and_are_lists_of_the_right_values",
    ),
    one(
        "a declared type is known by its whole name",
        "format/declared.py",
        "family = _FAMILIES.get((name, bracket))",
        "family = next((family for (known, _), family in _FAMILIES.items() if name.startswith(known)), None)",
        _DECLARED,
        _SHARED,
    ),
    one(
        "a category is of the kind of its values",
        "format/declared.py",
        'family="text" if values.family == "any" else values.family',
        'family="text"',
        _SHARED,
    ),
    one(
        "an interval that pyarrow can't read is refused at the call",
        "snapshot/arrow_schema.py",
        "    if arrow_format in _UNREADABLE:\n",
        "    if arrow_format in _UNREADABLE:\n        return _UNREADABLE[form]\n    if False:\n",
        _UNREAD,
    ),
    one(
        "what is nested too deep for Python's way is written level by level",
        "encode/nested.py",
        "    except RecursionError:\n",
        "    except ZeroDivisionError:\n",
        _ODD + "::test_lists_and_dicts_come_back_however_deep_they_are_nested",
    ),
)
"""A guard, how it is switched off, and the tests that must notice. See `mutants`."""
