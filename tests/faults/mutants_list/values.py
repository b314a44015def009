"""What a value, a query or an argument of a reader may do."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_CLOSED = "tests/read/test_a_query_opens_nothing_else.py::test_"
_CLEAR = "tests/read/test_clear_answers.py::test_"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a query opens no other file", "read/duck.py",
        "config={} if external else CLOSED", "config={}",
        f"{_CLOSED}a_query_opens_no_other_file", f"{_CLOSED}no_variable_of_the_program_is_a_table",
    ),
    one(
        "a query does not open what is closed", "read/duck.py",
        '        connection.execute("SET lock_configuration = true")', "        pass",
        f"{_CLOSED}a_query_opens_no_other_file",
    ),
    one(
        "times of a query are UTC", "read/duck.py",
        "        connection.execute(\"SET TimeZone = 'UTC'\")", "        pass",
        f"{_CLOSED}times_are_utc_wherever_the_machine_is",
    ),
    one(
        "the user's tables are not hidden", "read/sql.py",
        "for name in wanted - (set() if connection is None else _taken(duck)):", "for name in wanted:",
        f"{_CLOSED}a_table_of_the_users_is_not_hidden_by_a_view",
    ),
    one(
        "our views are made again", "read/sql.py",
        " AND comment IS DISTINCT FROM '{MARK}'", "",
        f"{_CLOSED}a_view_of_ours_is_made_again_for_each_query",
    ),
    one(
        "a name among types is one of a column", "read/plan.py",
        "    if not request.among_others:", "    if False:",
        f"{_CLEAR}a_misspelt_name_among_types_is_answered_with_near_ones",
    ),
    one(
        "rows are counted without columns", "read/scan.py",
        "pa.table([*columns, pa.nulls(rows)], schema=self._schema.append(counted)).select(range(len(columns)))",
        "pa.table(columns, schema=self._schema)",
        f"{_CLEAR}what_is_meant_is_understood",
    ),
)  # fmt: skip
