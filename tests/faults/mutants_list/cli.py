"""The command line."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ROWS = "tests/cli/test_rows_come_out_as_they_were_collected.py"
_CTRL_C = "tests/cli/test_ctrl_c_ends.py"
_DOCTOR = "tests/cli/test_doctor_leaves_nothing.py"
_NAMED = "tests/cli/test_collectors_are_named.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "an export never replaces what is no regular file",
        "cli/files.py",
        "    if os.path.lexists(path) and not path.is_file():\n",
        "    if False:\n",
        _ROWS + "::test_what_is_no_regular_file_is_never_replaced",
    ),
    one(
        "Ctrl-C ends also what does not hear it",
        "cli/ctrl_c.py",
        "if ours and not self._over.wait(PATIENCE_SECONDS)",
        "if False and not self._over.wait(PATIENCE_SECONDS)",
        _CTRL_C + "::test_what_does_not_hear_it_is_ended",
    ),
    one(
        "an ignored Ctrl-C stays ignored",
        "cli/ctrl_c.py",
        "if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:",
        "if in_main_thread:",
        _CTRL_C + "::test_ctrl_c_that_is_ignored_stays_ignored",
    ),
    one(
        "threads of DuckDB meet no end of Python",
        "cli/__init__.py",
        '    if "duckdb" in sys.modules:\n        os._exit(status)\n',
        "",
        _CTRL_C + "::test_threads_of_duckdb_meet_no_end_of_python",
    ),
    one(
        "doctor makes no archive of a mistyped name",
        "cli/commands/doctor.py",
        "    if os.path.lexists(folder):\n",
        "    if True:\n",
        _DOCTOR + "::test_an_archive_of_a_mistyped_name_is_not_made",
    ),
    one(
        "doctor makes no spool of a mistyped name",
        "cli/commands/doctor.py",
        "    if existing_place(settings, files) is not None:\n",
        "    if True:\n",
        _DOCTOR + "::test_an_archive_of_a_mistyped_name_is_not_made",
    ),
    one(
        "doctor says which right is missing",
        "store/azure.py",
        "        if created is not None and created.status != PRECONDITION_FAILED:\n",
        "        if False:\n",
        _DOCTOR + "::test_a_key_that_may_not_delete_is_enough_and_nothing_is_left",
    ),
    one(
        "excel_safe covers names of columns",
        "ship/batch.py",
        "*columns], excel_safe=form.excel_safe)\n",
        "*columns])\n",
        _ROWS + "::test_an_archive_that_is_excel_safe_covers_names_and_reads_back_as_collected",
    ),
    one(
        "no two plain names are the same",
        "cli/formats.py",
        "        while name.lower() in taken:\n",
        "        while False:\n",
        _ROWS + "::test_no_two_plain_names_are_the_same_whatever_their_case",
    ),
    one(
        "a name that may be two collectors is an error",
        "cli/options.py",
        "    if len(meant) > 1:\n        spelled",
        "    if False:\n        spelled",
        _NAMED + "::test_what_may_be_two_collectors_is_an_error_that_names_both",
    ),
)
