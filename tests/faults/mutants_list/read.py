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
    one(
        "a listing that skips misses nothing where the server lists from the beginning alone",
        "store/remote.py",
        "or min(page[0], default=since) < since",
        "",
        "tests/stores/test_object_store.py::test_a_server_that_lists_from_the_beginning_alone_still_lists_all_once",
        "tests/stores/test_azure_files.py",
    ),
    one(
        "a listing goes on where a server refuses to begin with a name",
        "store/remote.py",
        "            if since and (isinstance(page, Failure) or ",
        "            if since and not isinstance(page, Failure) and (",
        "tests/stores/test_object_store.py::test_a_server_that_refuses_to_begin_with_a_name_lists_all_once",
    ),
    one(
        "a listing never goes back",
        "store/remote.py",
        '    return since if since > last else ""\n',
        "    return since\n",
        "tests/stores/test_object_store.py::test_a_listing_goes_on_where_the_next_file_of_interest_may_be",
    ),
    one(
        "a question of some days skips to the first of them, and no further",
        "read/plan.py",
        'moment(request.start_ns, False)}"\n',
        'moment(request.end_ns, False)}"\n',
        "tests/read/test_only_what_is_asked.py",
    ),
)
