"""One segment and its writer: truncated files, descriptors of others, forks inside a call, lanes."""

from __future__ import annotations

from tests.faults.mutant import Mutant
from tests.faults.mutant import one as _one

_TOUCHED = "faults/test_segments_that_others_touch.py"
_REFUSALS = "faults/test_refusals_reach_the_archive.py"
_LANES = "faults/test_lanes_belong_to_one_process.py"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H1": (
        "a segment is cut, removed, renamed or linked from outside",
        (
            f"{_TOUCHED}::test_a_segment_cut_from_outside",
            f"{_TOUCHED}::test_rows_that_were_cut_off_last",
            f"{_TOUCHED}::test_after_a_segment_was_removed",
            f"{_TOUCHED}::test_a_second_name_for_a_segment",
            f"{_TOUCHED}::test_a_file_that_was_only_given_another_mode",
        ),
    ),
    "H2": ("a copy-on-write disk has no room for what was reserved", ("faults/test_copy_on_write_disks.py::test_a_full_disk",)),
    "H3": (
        "the descriptor of a segment is a file of the service by now",
        (f"{_TOUCHED}::test_a_descriptor_that_is_a_file", f"{_TOUCHED}::test_both_ways_to_store"),
    ),
    "H4": (
        "a fork in the middle of a call",
        (f"{_LANES}::test_a_fork_inside_a_call", f"{_LANES}::test_a_fork_between_two_steps"),
    ),
    "H5": (
        "calls are refused for hours: lanes and memory",
        (
            f"{_LANES}::test_refused_calls_leave_no_lanes",
            f"{_LANES}::test_a_retired_lane",
            f"{_LANES}::test_a_full_spool_keeps_nothing",
        ),
    ),
    "H6": (
        "a service is killed while its spool is full and refuses rows",
        (
            f"{_REFUSALS}::test_the_archive_knows_each_refusal",
            f"{_REFUSALS}::test_a_death_at_any_operation",
            f"{_REFUSALS}::test_the_tail_of_a_living_writer",
        ),
    ),
    "H7": (
        "a file system that can't reserve, or does not say its size; a limit on files",
        (
            f"{_TOUCHED}::test_rows_are_taken_where_room_can_not_be_reserved",
            f"{_TOUCHED}::test_rows_are_taken_where_a_file_system_does_not_say",
            f"{_TOUCHED}::test_a_limit_on_the_size_of_files",
        ),
    ),
    "H9": ("a frame of any size", ("spool/test_frames_of_any_size_are_stored.py::",)),
    "H8": (
        "a frozen or jumping clock while the spool is full",
        (f"{_LANES}::test_block_ends", f"{_LANES}::test_a_frozen_clock"),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    _one(
        "a new segment has room for its frame and for its tail",
        "spool/growth.py",
        "smallest = frame.FIRST_FRAME + need + END_ROOM + frame.TALLY_BYTES",
        "smallest = frame.FIRST_FRAME + need + END_ROOM",
        "tests/spool/test_frames_of_any_size_are_stored.py",
    ),
    _one(
        "the quick store looks at the file first",
        "spool/keep_gil.py",
        "if not ours[0] or fstat(handle, answer) or not is_same(mark):",
        "if not ours[0]:",
        f"tests/{_TOUCHED}::test_both_ways_to_store_see_that_a_file_is_another",
    ),
    _one(
        "the slow store looks at the file first",
        "spool/segment.py",
        "            return self._seen() == self._identity",
        "            return True",
        f"tests/{_TOUCHED}::test_both_ways_to_store_see_that_a_file_is_another",
    ),
    _one(
        "a descriptor of others is not closed",
        "spool/segment.py",
        "            if self._fd >= 0 and self._is_same_file():",
        "            if self._fd >= 0:",
        f"tests/{_TOUCHED}::test_a_descriptor_that_is_a_file_of_the_service_by_now_is_not_written_cut_or_closed",
    ),
    _one(
        "a store asks whose process it is",
        "spool/keep_gil.py",
        "if not ours[0] or fstat(handle, answer)",
        "if fstat(handle, answer)",
        f"tests/{_LANES}::test_a_fork_between_two_steps_of_an_append_is_noticed_before_the_store",
    ),
    Mutant(
        "a lane asks whose process it is",
        (
            (
                "spool/lane.py",
                "        if not self._ours[0]:\n            self._leave_to_parent()  # also the data's own code may have forked",
                "        if False:\n            self._leave_to_parent()  # also the data's own code may have forked",
            ),
            (
                "spool/lane.py",
                "        if not self._ours[0]:\n            self._leave_to_parent()  # a signal handler has forked meanwhile",
                "        if False:\n            self._leave_to_parent()  # a signal handler has forked meanwhile",
            ),
        ),
        (f"tests/{_LANES}::test_a_fork_inside_a_call_leaves_the_parents_lane_to_the_parent",),
    ),
    _one(
        "retired lanes are used again",
        "spool/writer.py",
        "        self._blank.append(lane)\n",
        "",
        f"tests/{_LANES}::test_refused_calls_leave_no_lanes_behind_and_their_counts_stay",
    ),
    _one(
        "refusals are kept in the tail of the segment",
        "spool/lane.py",
        "        self._calm_until = 0\n        self._note()\n",
        "        self._calm_until = 0\n",
        f"tests/{_REFUSALS}::test_the_archive_knows_each_refusal_of_a_service_however_it_ended",
    ),
    _one(
        "the tail is cleared before its counts are reported in another way",
        "spool/lane.py",
        "        segment.clear_tally()\n",
        "",
        f"tests/{_REFUSALS}::test_the_archive_knows_each_refusal_of_a_service_however_it_ended",
        f"tests/{_REFUSALS}::test_a_death_at_any_operation_doubles_no_refusal_and_hides_at_most_the_last",
    ),
    _one(
        "the tail of a living writer is not read",
        "spool/reader.py",
        "self._tail = None if self.alive else self._read_tail()",
        "self._tail = self._read_tail()",
        f"tests/{_REFUSALS}::test_the_tail_of_a_living_writer_is_not_read",
    ),
    _one(
        "what a tail says is not reported again by the lane that left it",
        "spool/lane.py",
        "        if segment.tallied:\n            self._pending_drops = {}",
        "        if False:\n            self._pending_drops = {}",
        f"tests/{_REFUSALS}::test_the_archive_knows_each_refusal_of_a_service_however_it_ended",
    ),
    _one(
        "waiting for room ends after so many looks",
        "spool/growth.py",
        "                if looks <= 0 or monotonic() >= deadline:",
        "                if looks <= -5000 or monotonic() >= deadline:",
        f"tests/{_LANES}::test_block_ends_whatever_the_clock_does",
    ),
    _one(
        "a refusal does not last for ever where the clock stands still",
        "spool/growth.py",
        " and self._looks < REFUSED_LOOKS",
        "",
        f"tests/{_LANES}::test_a_frozen_clock_does_not_keep_a_disk_full_that_has_room_again",
    ),
    _one(
        "rows are taken where room can't be reserved",
        "spool/posix.py",
        "            if error.errno in _NO_RESERVING:",
        "            if False:",
        f"tests/{_TOUCHED}::test_rows_are_taken_where_room_can_not_be_reserved",
    ),
    _one(
        "a file system that does not say its size",
        "spool/quota.py",
        "        if total <= 0 or free < 0:",
        "        if False:",
        f"tests/{_TOUCHED}::test_rows_are_taken_where_a_file_system_does_not_say_how_large_it_is",
    ),
)
