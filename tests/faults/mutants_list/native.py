"""The compiled part: each guard is switched off in the source, which is then compiled again."""

from __future__ import annotations

from tests.faults.mutant import Mutant
from tests.faults.mutant import one as _one

_C = "native/accelerator.c"
_STORE = "native/store.h"
_PANDAS = "native/pandas.h"
_IDS = "native/ids.h"
_TOUCHED = "tests/faults/test_segments_that_others_touch.py"
_SAME = "tests/native/test_both_ways_store_the_same_bytes.py"
_SAME_FRAMES = "tests/native/test_both_ways_store_the_same_frames.py"
_OTHER_MAKE = f"{_SAME_FRAMES}::test_a_frame_of_another_make_is_not_taken_by_the_plan_of_the_one_before"
_FLASK = "tests/native/test_ids_of_flask_are_the_same.py"
_PUT = f"{_FLASK}::test_what_a_test_put_into_flasks_place_is_asked"
_KEPT = "tests/native/test_compiled_stores_keep_the_promises.py"

MUTANTS: tuple[Mutant, ...] = (
    _one(
        "compiled: a store looks at the file first",
        _STORE,
        " && now.stx_ino == seen->stx_ino",
        "",
        f"{_TOUCHED}::test_both_ways_to_store_see_that_a_file_is_another",
    ),
    _one(
        "compiled: a store looks whether the file is whole",
        _STORE,
        "now.stx_size == seen->stx_size && ",
        "",
        f"{_KEPT}::test_a_cut_file_is_left",
    ),
    _one(
        "compiled: a store looks for other names of the file",
        _STORE,
        " && now.stx_nlink == seen->stx_nlink",
        "",
        f"{_TOUCHED}::test_a_second_name_for_a_segment_ends_its_use",
    ),
    _one(
        "compiled: a store asks whose process it is",
        _STORE,
        "    return *(volatile const char *)store->page.buf && look",
        "    return look",
        f"{_KEPT}::test_a_child_that_no_hook_has_seen_begins_with_its_own_segment",
    ),
    _one(
        "compiled: all of a frame is stored, or it is not accepted",
        _STORE,
        "pwrite(store->fd, data, (size_t)size, (off_t)offset) == size",
        "pwrite(store->fd, data, (size_t)size, (off_t)offset) >= 0",
        f"{_KEPT}::test_a_store_that_the_disk_cut_short_is_repaired",
    ),
    _one(
        "compiled: a frame goes where there is room for it",
        _C,
        "    if (place->end + size > place->limit)\n        return LEAVE_IT;\n",
        "",
        f"{_KEPT}::test_segments_are_filled_and_left",
    ),
    _one(
        "compiled: rare duties are left to Python when they are due",
        _C,
        " || now_ns < from || now_ns >= until",
        "",
        f"{_SAME}::test_a_refusal_is_written_soon_after",
    ),
    _one(
        "compiled: fsync=always is left to Python",
        _C,
        " || get(lane, &lane_sync) != Py_False",
        "",
        f"{_SAME}::test_what_is_set_otherwise_goes_by_python",
    ),
    _one(
        "compiled: rows that are too large are left to Python",
        _C,
        "bytes >= MOST_DATA || frame->data <= bytes * frame->rows",
        "1",
        f"{_SAME}::test_a_row_that_is_too_large_is_refused",
    ),
    _one(
        "compiled: keys that are no text are left to Python",
        _C,
        "        if (!PyUnicode_CheckExact(key))\n            break;\n",
        "",
        f"{_SAME}::test_keys_that_bring_code_are_left_to_python",
    ),
    _one(
        "compiled: a lane that was taken meanwhile is not written",
        _C,
        "outcome = again == lane ? STORED : LEAVE_IT;",
        "outcome = STORED;",
        f"{_KEPT}::test_a_lane_that_is_taken_while_a_store_is_held_up_is_not_written",
    ),
    _one(
        "compiled: a replaced clock is asked",
        _C,
        " || !clock_is_true(python)",
        "",
        f"{_SAME}::test_a_clock_that_was_replaced_is_asked",
    ),
    _one(
        "compiled: an array's schema is that of its own dtype",
        _C,
        "get(schema, &block_little) == Py_None",
        "1",
        f"{_SAME}::test_any_data_is_stored_as_python_stores_it",
        f"{_SAME}::test_other_data_goes_by_python",
    ),
    _one(
        "compiled: a data frame has the labels of its plan",
        _PANDAS,
        "        same = answer == Py_True;",
        "        same = 1;",
        _OTHER_MAKE,
    ),
    _one(
        "compiled: labels are texts that mean nothing else",
        _PANDAS,
        "!PyUnicode_CheckExact(text) || PyUnicode_Compare(text, wanted)",
        "!PyUnicode_Check(text) || PyUnicode_Compare(text, wanted)",
        _OTHER_MAKE,
    ),
    _one(
        "compiled: numbered columns have the numbers of their plan",
        _PANDAS,
        " && PyObject_RichCompareBool(data, plan->labels, Py_EQ) == 1",
        "",
        _OTHER_MAKE,
    ),
    _one(
        "compiled: values of a data frame are of the class that they were of",
        _PANDAS,
        "values && Py_IS_TYPE(values, plan->values) && ",
        "values && ",
        _OTHER_MAKE,
    ),
    _one(
        "compiled: values of a data frame are of the dtype that they were of",
        _PANDAS,
        " || PyArray_TYPE(array) != plan->type",
        "",
        _OTHER_MAKE,
    ),
    _one(
        "compiled: times of a data frame are of the unit and in the zone that they were in",
        _PANDAS,
        "(!plan->dtype || has_dtype(plan->dtype, values))",
        "1",
        _OTHER_MAKE,
    ),
    _one(
        "compiled: values of a data frame have the byte order that they had",
        _PANDAS,
        " || !PyArray_ISNOTSWAPPED(array)",
        "",
        _OTHER_MAKE,
    ),
    _one(
        "compiled: each column of a data frame lies where it lay",
        _PANDAS,
        "int same = indexer && same_columns(plan->columns, indexer);",
        "int same = indexer != NULL;",
        f"{_SAME_FRAMES}::test_every_column_must_lie_where_it_lay",
    ),
    _one(
        "compiled: an array that was changed meanwhile is left to Python",
        _PANDAS,
        "    if (!still_fits(plan, held, rows))\n        return 0;\n",
        "",
        f"{_SAME_FRAMES}::test_an_array_that_is_changed_while_texts_are_read_is_left_to_python",
    ),
    _one(
        "compiled: what pandas keeps otherwise is left to Python",
        _PANDAS,
        " && PyList_GET_SIZE(axes) == 2",
        "",
        f"{_SAME_FRAMES}::test_what_pandas_keeps_otherwise_is_left_to_python",
    ),
    _one(
        "compiled: a Flask that was changed is asked",
        _IDS,
        "PyDict_GetItemWithError(names, asks_name) == flask_asks && ",
        "",
        _PUT,
    ),
    _one(
        "compiled: a request in Flask's place is asked",
        _IDS,
        " && PyDict_GetItemWithError(names, request_name) == flask_request",
        "",
        _PUT,
    ),
    _one(
        "compiled: a variable in Flask's place is asked",
        _IDS,
        "\n        && PyDict_GetItemWithError(PyFunction_GET_GLOBALS(flask_asks), variable_name) == flask_variable",
        "",
        _PUT,
    ),
    _one(
        "compiled: an environment that answers otherwise is asked",
        _IDS,
        "PyDict_CheckExact(environ)",
        "PyDict_Check(environ)",
        f"{_FLASK}::test_requests_and_environments_of_a_service_answer_as_they_like",
    ),
)
