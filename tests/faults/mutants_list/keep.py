"""Guards of compaction, pruning and erasure that are about what is meant."""

from __future__ import annotations

from tests.faults.mutant import one

_CONDITION = "tests/keep/test_a_condition_is_about_columns.py"
_COPIES = "tests/keep/test_copies_in_spools_are_named.py"
_HIDDEN = "tests/keep/test_hidden_files_of_dead_shippers.py"
_BESIDE_DAMAGE = "tests/keep/test_erase_goes_on_beside_damage.py"
_HELD = "tests/keep/test_held_files_stay_and_are_named.py"

MUTANTS = (
    one(
        "a name in a condition is a column",
        "keep/search.py",
        "    absent = _absent(expression, schema)\n",
        "    absent: list[str] = []\n",
        _CONDITION + "::test_a_name_is_a_column_and_never_a_function_of_the_engine",
    ),
    one(
        "a column of a condition has a name that the engine has no function for",
        "keep/expression.py",
        '        node["column_names"][0] = rename(node["column_names"][0])',
        '        node["column_names"][0] = "current_user"',
        _CONDITION + "::test_a_name_is_a_column_and_never_a_function_of_the_engine",
    ),
    one(
        "each row decides alone",
        "keep/expression.py",
        "        if kind not in ALLOWED:",
        "        if kind == 'nothing':",
        _CONDITION + "::test_what_no_row_can_answer_alone_is_refused_and_changes_nothing",
    ),
    one(
        "a condition always answers the same",
        "keep/expression.py",
        'if name in BY_THE_CLOCK or any(kind == "scalar" and stability != "CONSISTENT"',
        'if any(kind == "scalar" and stability == "NOTHING"',
        _CONDITION + "::test_what_no_row_can_answer_alone_is_refused_and_changes_nothing",
    ),
    one(
        "a condition is one condition",
        "keep/expression.py",
        '        raise _refused("it is more than one condition")',
        "        pass",
        _CONDITION + "::test_what_no_row_can_answer_alone_is_refused_and_changes_nothing",
    ),
    one(
        "text in a condition is not taken for a number",
        "keep/condition.py",
        '            if others and any(kind == "VARCHAR"',
        '            if others and any(kind == "NOTHING"',
        _CONDITION + "::test_types_that_do_not_fit_in_one_collector_are_named_before_any_row_goes",
    ),
    one(
        "all collectors are asked before the first row goes",
        "keep/search.py",
        "    if unfit:\n",
        "    if unfit == [()]:\n",
        _CONDITION + "::test_types_that_do_not_fit_in_one_collector_are_named_before_any_row_goes",
    ),
    one(
        "columns that differ only in case are kept apart",
        "keep/condition.py",
        "    if len(alike) > 1:",
        "    if not alike:",
        _CONDITION + "::test_columns_that_differ_only_in_case_are_kept_apart",
    ),
    one(
        "rows in the segment of a living service are named",
        "keep/copies.py",
        "        yield from _of_segments(job, expression, settings, place, files)\n",
        "",
        _COPIES + "::test_archived_rows_in_the_segment_of_a_living_service_are_named_until_it_ends",
    ),
    one(
        "rows of a round that could not land are named",
        "keep/copies.py",
        "        yield from _of_rounds(job, expression, place, files)\n",
        "",
        _COPIES + "::test_a_round_that_could_not_land_is_named",
    ),
    one(
        "what can't be read is not taken for nothing",
        "keep/copies.py",
        "    return None if gathered.bad else held",
        "    return held",
        _COPIES + "::test_what_can_not_be_read_is_named_with_the_text_that_is_in_it",
    ),
    one(
        "no option counts for another of its name",
        "cli/app.py",
        "            if once and order.count(option) > 1",
        "            if once and order.count(option) > 9",
        "tests/keep/test_commands.py::test_two_conditions_are_a_wrong_usage",
    ),
    one(
        "a name that says who was meant is named",
        "keep/search.py",
        "if any(text in name for text in texts))",
        "if not texts)",
        _CONDITION + "::test_a_column_whose_name_has_the_text_of_the_condition_is_named_where_it_stays",
    ),
    one(
        "text without a zone is UTC",
        "read/duck.py",
        "SET GLOBAL TimeZone = 'UTC'",
        "SET TimeZone = 'UTC'",
        _CONDITION + "::test_text_without_a_zone_is_utc_on_every_machine",
    ),
    one(
        "an erasure looks for files that are not whole",
        "keep/jobs.py",
        "return finding.unfinished or bool(remnants(job.store, finding.place.path))",
        "return finding.unfinished",
        "tests/keep/test_killed_at_every_step.py::test_a_file_that_is_not_whole_goes_also_when_all_else_is_done",
    ),
    one(
        "a hidden file goes once its file has landed",
        "catalog/unfinished.py",
        "in there or now_ns",
        "in () or now_ns",
        _HIDDEN + "::test_a_hidden_file_goes_once_the_file_has_landed",
    ),
    one(
        "a hidden file that may still land is named and stays",
        "catalog/unfinished.py",
        "        elif file_format(name):\n",
        "        elif False:\n",
        _HIDDEN + "::test_one_that_may_still_land_is_named_and_stays",
    ),
    one(
        "a hidden file of nobody goes",
        "keep/rewrite.py",
        "    for path in (*seen.orphans, *dead_puts):\n",
        "    for path in seen.orphans:\n",
        _HIDDEN + "::test_one_that_nobody_writes_to_any_more_goes",
    ),
    one(
        "erase goes on beside a collector that is damaged",
        "keep/search.py",
        'request._replace(errors="skip")',
        "request",
        _BESIDE_DAMAGE + "::test_a_damaged_day_is_named_and_all_others_are_erased",
    ),
    one(
        "a column that may be in what is damaged is not called absent",
        "keep/search.py",
        "    if absent and damage:\n",
        "    if False:\n",
        _BESIDE_DAMAGE + "::test_a_column_that_may_be_in_what_is_damaged_is_not_called_absent",
    ),
    one(
        "a file that can't be removed stops the removal of no other",
        "keep/removal.py",
        "            if not error.path_only:\n                raise\n",
        "            raise\n",
        _HELD + "::test_one_held_file_stops_the_removal_of_no_other",
    ),
    one(
        "what could not be removed goes with another run",
        "keep/search.py",
        "    unfinished = seen.claimed or seen.has_leftovers or bool(puts.dead)\n",
        "    unfinished = seen.claimed or bool(puts.dead)\n",
        _HELD + "::test_what_one_erasure_could_not_remove_goes_with_another",
    ),
    one(
        "a folder that takes nothing stops no other",
        "keep/jobs.py",
        "        if not error.path_only:\n            raise\n",
        "        raise\n",
        _HELD + "::test_a_folder_that_takes_nothing_stops_no_other",
    ),
    one(
        "an audit names files that should be gone",
        "catalog/audit_folder.py",
        "            report.still_there += [path] if length else []\n",
        "            return\n",
        _HELD + "::test_a_held_file_is_named_until_a_later_run_takes_it_away",
    ),
    one(
        "one held file keeps no other in a folder that is cleared",
        "store/local.py",
        "                refused = self._refused(os.path.join(above, name)) or refused\n",
        "                refused = refused or self._refused(os.path.join(above, name))\n",
        _HELD + "::test_a_cleared_folder_keeps_only_what_is_held",
    ),
    one(
        "an archive takes a file also where a scanner holds it",
        "store/local.py",
        "        self._refused(hidden)\n        return True\n",
        "        return self._refused(hidden) is None\n",
        _HELD + "::test_an_archive_that_takes_a_file_works_also_where_a_scanner_holds_it",
    ),
    one(
        "what a dead put left stops no other",
        "store/local.py",
        "> ABANDONED_NS:\n                self._refused(path)\n",
        "> ABANDONED_NS:\n                self._files.unlink(path)\n",
        _HELD + "::test_what_a_dead_put_left_stops_no_other_where_it_is_held",
    ),
)
