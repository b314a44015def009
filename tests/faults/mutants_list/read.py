"""Rows that are read back."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_JOINS = "tests/read/test_joins.py"
_PANDAS = "tests/read/test_joins_are_those_of_pandas.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a join keeps versions and services apart",
        "read/join.py",
        "    if len(known) < 2:\n",
        "    if True:\n",
        _JOINS + "::test_champion_and_challenger_of_one_id_are_not_mixed",
        _PANDAS,
    ),
    one(
        "a join ties no strangers without an id together",
        "read/join.py",
        "    ids[(ids >= 0) & bare[ids]] = NOBODY\n",
        "",
        _JOINS + "::test_rows_without_an_id_belong_to_nobody_however_they_are_matched",
        _PANDAS,
    ),
    one(
        "a join looks no further back than its tolerance",
        "read/match.py",
        "    if tolerance_us is not None:\n",
        "    if False:\n",
        _JOINS + "::test_what_is_too_old_does_not_stand_in",
        _PANDAS,
    ),
    one(
        "a join repeats a row only where it knows for which call",
        "read/match.py",
        "_in_order(keys, mine.nth, other), _even(mine, keys, other)",
        "_in_order(keys, mine.nth, other), np.ones(len(keys), bool)",
        _JOINS + "::test_where_counts_say_nothing_a_row_is_not_repeated",
        _PANDAS,
    ),
    one(
        "labels of another version are said to be there",
        "read/join.py",
        "        elsewhere = int(",
        "        elsewhere = 0 * int(",
        _JOINS + "::test_labels_of_another_service_are_said_to_be_elsewhere_and_joined_across",
    ),
)
