"""What was accepted can be read back."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_VALUES = "read/test_no_value_hides_the_others.py::test_"
_WIDE = "read/test_wide_rows_cost_what_they_hold.py::test_"
_LINKS = "keep/test_linked_folders_are_of_the_archive.py::test_"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H70": (
        "a time, date or duration beyond Python's own",
        (f"{_VALUES}a_time", f"{_VALUES}any_", f"{_VALUES}dates", f"{_VALUES}a_type"),
    ),
    "H71": ("keys of one text, zones that nobody knows", (f"{_VALUES}keys", f"{_VALUES}a_zone")),
    "H72": (
        "such values met by every command",
        (f"{_VALUES}head", f"{_VALUES}stats", f"{_VALUES}query", f"{_VALUES}a_condition", f"{_VALUES}other_rows"),
    ),
    "H73": ("rows of thousands of columns", (f"{_WIDE}columns", f"{_WIDE}four_thousand")),
    "H74": (
        "folders of an archive that are links",
        (f"{_LINKS}its_rows", f"{_LINKS}rows_that", f"{_LINKS}erase", f"{_LINKS}ls", f"{_LINKS}a_link_in"),
    ),
    "H75": ("links round in circles, or to what is not mounted", (f"{_LINKS}links", f"{_LINKS}a_link_that")),
    "H76": (
        "under load: an archive renamed, two spellings, a backup, closed descriptors, other things in a file's place",
        ("faults/test_soak.py::test_twenty_seconds",),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

_FOUND = "tests/read/test_no_value_hides_the_others.py::test_"
_BEYOND = f"{_FOUND}a_time_beyond_the_calendar_comes_back_beside_all_others"
_LISTED = "tests/keep/test_linked_folders_are_of_the_archive.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a time that Python has no form for is numpy's", "columns/python.py",
        "        values = [python_value(scalar) for scalar in column]", "        raise",
        _BEYOND,
    ),
    one(
        "a time of a longer year is stored as a count", "read/convert.py",
        "    if any(isinstance(value, (np.datetime64, np.timedelta64)) for value in values):", "    if False:",
        _BEYOND,
    ),
    one(
        "a count that would be rounded is none", "read/convert.py",
        "    if rest:\n        raise ValueError(f\"{value!r} is finer", "    if False:\n        raise ValueError(f\"{value!r} is finer",
        f"{_FOUND}a_type_that_would_change_a_value_does_not_take_it",
    ),
    one(
        "keys of one text stay text", "encode/restore.py",
        "    if len(inner) != len(restored):", "    if False:",
        f"{_FOUND}keys_of_one_text_leave_a_dict_with_keys_that_are_text",
    ),
    one(
        "an unknown zone is read in UTC", "read/forms.py",
        '        return "UTC"', "        return zone",
        f"{_FOUND}a_zone_that_this_machine_does_not_know_is_read_in_utc",
    ),
    one(
        "what DuckDB can't count is infinity to it", "read/dataset.py",
        "    if not pc.any(pc.or_(early, late)).as_py():", "    if True:",
        f"{_FOUND}a_condition_and_statistics_take_such_times_for_later_than_all_others", f"{_FOUND}stats_count_it",
    ),
    one(
        "a chunk makes its types once", "read/chunks.py",
        "    @cached_property\n    def types", "    @property\n    def types",
        "tests/read/test_wide_rows_cost_what_they_hold.py",
    ),
    one(
        "a linked folder is followed", "store/local_walk.py",
        "        return None if _meet(target, os.path.realpath(self._root)) else followed", "        return entry",
        _LISTED,
    ),
    one(
        "what is in the archive is listed under its own name", "store/local_walk.py",
        "        return None if _meet(target, os.path.realpath(self._root)) else followed", "        return followed",
        _LISTED,
    ),
    one(
        "no folder is listed twice", "store/local_walk.py",
        "(entry.st_dev, entry.st_ino) in self._seen)", "(entry.st_dev, entry.st_ino) in ())",
        _LISTED,
    ),
    one(
        "a link that leads nowhere is an error", "store/local_walk.py",
        '            if "." in os.path.basename(path):', "            if True:",
        _LISTED,
    ),
)  # fmt: skip
