"""The command line."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ROWS = "tests/cli/test_rows_come_out_as_they_were_collected.py"
_NAMED = "tests/cli/test_collectors_are_named.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "an export never replaces what is no regular file",
        "cli/commands/export.py",
        "    if os.path.lexists(path) and not path.is_file():\n",
        "    if False:\n",
        _ROWS + "::test_what_is_no_regular_file_is_never_replaced",
    ),
    one(
        "a name that may be two collectors is an error",
        "cli/options.py",
        "    if len(meant) > 1:\n        spelled",
        "    if False:\n        spelled",
        _NAMED + "::test_what_may_be_two_collectors_is_an_error_that_names_both",
    ),
)
