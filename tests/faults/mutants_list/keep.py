"""Guards of compaction, pruning and erasure that are about what is meant."""

from __future__ import annotations

from tests.faults.mutant import one

_CONDITION = "tests/keep/test_a_condition_is_about_columns.py"
_COPIES = "tests/keep/test_copies_in_spools_are_named.py"

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
        "columns that differ only in case are told apart",
        "keep/condition.py",
        "    if len(alike) > 1:",
        "    if not alike:",
        _CONDITION + "::test_columns_that_differ_only_in_case_are_told_apart",
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
        "return finding.claimed or bool(remnants(job.store, finding.place.path))",
        "return finding.claimed",
        "tests/keep/test_killed_at_every_step.py::test_a_file_that_is_not_whole_goes_also_when_all_else_is_done",
    ),
)
