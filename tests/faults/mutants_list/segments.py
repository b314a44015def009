"""Frames and segments: checksums, salt, numbers of writers, what a failed write leaves."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_POWER = "tests/faults/test_power_cuts.py"
_BYTES = "tests/spool/test_frames_survive_any_bytes.py"
_MANY = "tests/spool/test_many_frames_are_read_as_one_by_one.py"
_LEADS = "tests/faults/test_one_process_leads.py"
_SEGMENTS = "tests/faults/test_segments_say_how_they_end.py"
_LARGE = "tests/spool/test_large_frames_are_written_where_they_lie.py"
_STATES = "tests/faults/test_state_machine.py::test_no_history_loses_doubles_or_mangles_a_row"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "the headers' checksums, many frames at once",
        "spool/bulk.py",
        '    count = _leading(checks == heads["head_check"][:count])\n',
        "",
        _MANY,
    ),
    one(
        "the payloads' checksums, many frames at once",
        "spool/bulk.py",
        '    return _leading(checks == heads["payload_check"][:count])',
        "    return count",
        _MANY,
    ),
    one(
        "the header's checksum",
        "spool/frame.py",
        "if check is None or check(data[offset:end], salt) != CRC.unpack_from(data, end)[0]:",
        "if len(data) < end + CRC.size:",
        _BYTES,
    ),
    one(
        "the payload's checksum",
        "spool/frame.py",
        "return _CHECKS[header.check](payload, salt) == header.payload_crc",
        "return header.check == CHECK_CRC32",
        _BYTES,
    ),
    one(
        "the salt of the checksums",
        "spool/segment.py",
        'return crc32(writer_id + number.to_bytes(4, "little"))',
        "return 0",
        _BYTES,
        _SEGMENTS + "::test_a_frame_copied_from_another_segment_is_not_taken_for_one_of_this",
    ),
    one(
        "a new writer after a fork (hook)",
        "spool/writer.py",
        "    os.register_at_fork(after_in_child=_after_fork_in_child)",
        "    pass",
        _LEADS + "::test_a_forked_child_lets_go_of_its_parents_segments_at_once",
    ),
    one(
        "a new writer after a fork (process id)",
        "spool/lane.py",
        "        if not self.writer.ours[0]:\n            self.writer.after_fork()",
        "        if False:\n            self.writer.after_fork()",
        "tests/e2e/test_accepted_rows_survive.py::test_a_child_that_a_library_forked_writes_as_a_writer_of_its_own",
    ),
    Mutant(
        "room for END is kept",
        (("spool/segment.py", "END_ROOM = frame.FRAME_BYTES", "END_ROOM = 0"),),
        (_SEGMENTS + "::test_last_frames_that_fill_the_tail_leave_room_for_END",),
    ),
    one(
        "the new segment is there before the old one ends",
        "spool/lane.py",
        "        fresh = self.writer.growth.new_segment(self.writer_id, self._next_segment, need, time_ns)\n"
        "        self._leave(END=True, time_ns=time_ns)",
        "        self._leave(END=True, time_ns=time_ns)\n"
        "        fresh = self.writer.growth.new_segment(self.writer_id, self._next_segment, need, time_ns)",
        _SEGMENTS + "::test_a_living_writer_is_never_without_a_segment",
    ),
    one(
        "definitions are written twice",
        "spool/lane.py",
        "        segment.store(definition + definition)",
        "        segment.store(definition)",
        _BYTES,
        _SEGMENTS + "::test_a_flipped_bit_in_a_definition_costs_no_row",
    ),
    one(
        "segment headers are written twice",
        "spool/frame.py",
        "    for start in (0, SEGMENT_HEADER_BYTES):",
        "    for start in (0,):",
        _SEGMENTS + "::test_a_damaged_segment_header_costs_no_row",
        _BYTES,
    ),
    one(
        "a failed fsync is not asked again",
        "spool/lane.py",
        "            segment.withdraw(frame.frame_size(payload))\n            self._leave(END=False, time_ns=time_ns)\n",
        "            segment.sync()\n            return\n",
        _POWER + "::test_a_failed_fsync_is_not_repeated_and_its_row_is_written_again_under_the_same_number",
    ),
    one(
        "a segment's name is durable with fsync=always",
        "spool/growth.py",
        "                self._files.sync_folder(place.segments)  # else the name could be lost with the power",
        "                pass",
        _POWER + "::test_with_fsync_always_a_power_cut_takes_no_accepted_row",
    ),
    one(
        "a segment is held before it has its name",
        "spool/segment.py",
        "            if not files.hold(self._fd):  # before it has its name: no reader can take a new segment for a dead one",
        "            if False:",
        _SEGMENTS + "::test_what_a_living_writer_holds_is_not_taken_for_dead",
        _STATES,
    ),
    one(
        "a write that failed leaves nothing in the segment",
        "spool/segment.py",
        "            self._erase(start, len(data))\n            raise NotStored",
        "            raise NotStored",
        _SEGMENTS + "::test_a_frame_that_the_disk_refused_half_way_is_erased",
    ),
    one(
        "pieces that the disk refused leave nothing in the segment",
        "spool/segment.py",
        "            self._erase(start, stop - start)\n            raise NotStored",
        "            raise NotStored",
        _SEGMENTS + "::test_a_frame_that_the_disk_refused_half_way_is_erased",
    ),
    one(
        "the checksum of pieces that others may change is that of what was stored",
        "spool/segment.py",
        "return check if check is not None else frame.low_half(running)",
        "return frame.checksum_of(pieces, self.salt)",
        _LARGE,
    ),
    one(
        "the header of a large frame comes last",
        "spool/segment.py",
        "            stored = self._write_pieces(",
        "            write_all(self._files, self._fd, seal(frame.checksum_of(pieces, self.salt)), start)\n"
        "            stored = self._write_pieces(",
        _LARGE,
    ),
)
