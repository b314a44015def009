"""Values on their way into a frame: other threads, hostile subclasses, rows of every kind."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_TORN = "snapshot/test_what_others_change_meanwhile_is_whole.py"
_BELIEVED = "snapshot/test_no_subclass_is_believed.py"
_ENCODED = "e2e/test_what_is_accepted_can_be_encoded.py"
_ROWS = "snapshot/test_rows_of_every_kind_are_rows.py"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H20": ("another thread changes the data during the call", (_TORN,)),
    "H21": ("subclasses that lie about their value", (f"{_BELIEVED}::test_a_value_is_what_its_own_kind_says",)),
    "H22": ("containers without an end", (f"{_BELIEVED}::test_what_has_no_end", f"{_BELIEVED}::test_a_mapping_without_an_end")),
    "H23": ("values nested deeper than readers go", (f"{_BELIEVED}::test_nesting_ends_at_one_depth",)),
    "H24": ("an accepted value that no format holds", (_ENCODED,)),
    "H26": ("numbers of 4, 8 and 16 bits that numpy does not know", ("e2e/test_numbers_that_numpy_does_not_know.py::",)),
    "H25": ("lists of row objects; frames that are computed on demand", (_ROWS,)),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    one(
        "nested containers are copied before they are packed",
        "snapshot/copies.py",
        "return list.copy(value)",
        "return value",
        f"tests/{_TORN}::test_a_nested_list_that_shrinks_while_it_is_packed_is_as_long_as_it_says",
    ),
    one(
        "keys and values of a dict are taken in one look",
        "snapshot/dicts.py",
        "data = data.copy()",
        "pass",
        f"tests/{_TORN}::test_a_dict_whose_keys_are_exchanged_between_two_looks_keeps_its_values_under_their_names",
    ),
    one(
        "plain values are as deep as readers go",
        "snapshot/packing.py",
        "if len(packed) > MAX_DEPTH and _is_deep(packed):",
        "if False:",
        f"tests/{_BELIEVED}::test_nesting_ends_at_one_depth_whatever_is_nested",
    ),
    one(
        "a length is believed no further than its items",
        "snapshot/copies.py",
        "min(length, MAX_ITEMS) + 1",
        "1 << 22",
        f"tests/{_BELIEVED}::test_what_has_no_end_in_a_cell_is_refused_at_once",
    ),
    one(
        "frames that are computed on demand are refused",
        "snapshot/dispatch.py",
        "return _refuse_with(hint) if hint else None",
        "return None",
        f"tests/{_ROWS}",
    ),
)
"""A guard, how it is switched off, and the tests that must notice. See `mutants`."""
