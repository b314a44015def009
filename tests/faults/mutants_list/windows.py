"""What Windows does otherwise."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_RULES = "tests/windows/test_what_windows_does_otherwise.py::test_"
_DISK = "tests/faults/test_a_disk_as_windows_has_it.py::test_"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "windows: no patience inside collect",
        "spool/files.py",
        "(files.replace if patient else files.rename)(temporary, path)",
        "files.replace(temporary, path)",
        _DISK + "a_shipper_may_wait_for_another_program_and_a_writer_never_does",
    ),
    one(
        "windows: patience for the intent",
        "ship/outbox.py",
        "self._intent, intent.pack(), patient=True)",
        "self._intent, intent.pack())",
        _DISK + "a_shipper_may_wait_for_another_program_and_a_writer_never_does",
    ),
    one(
        "windows: a file whose volume is not known",
        "spool/segment.py",
        "device not in (0, seen.st_dev)",
        "device != seen.st_dev",
        _DISK + "a_writer_keeps_its_segment_where_the_volume_of_an_open_file_is_not_known",
    ),
    one(
        "windows: a job that lets nobody out",
        "windows.py",
        "        lambda: _start(command, environment, log, NO_WINDOW | OWN_GROUP),",
        "",
        _RULES + "a_shipper_has_no_window_and_keeps_its_log_also_where_it_can_not_leave_its_job",
    ),
    one(
        "windows: the log of a shipper",
        "windows.py",
        "stderr=log, creationflags",
        "stderr=quiet, creationflags",
        _RULES + "a_shipper_has_no_window_and_keeps_its_log_also_where_it_can_not_leave_its_job",
    ),
    one(
        "a service that ends reports no library that it could not load",
        "ship/supervisor.py",
        "                if not _is_ending():",
        "                if True:",
        "tests/e2e/test_a_shipper_comes_up_anywhere.py::test_a_service_that_ends_reports_no_library_that_can_not_be_loaded_any_more",
    ),
    one(
        "windows: patience has an end",
        "windows.py",
        "            if not is_held(error) or clock() >= until:",
        "            if not is_held(error):",
        _RULES + "a_replace_ends_with_the_refusal_when_patience_is_over",
    ),
    one(
        "windows: no patience with a full disk",
        "windows.py",
        "            if not is_held(error) or clock() >= until:",
        "            if clock() >= until:",
        _RULES + "nothing_is_waited_for_on_a_full_disk",
    ),
    one(
        "windows: a right that is missing is not a file that is held",
        "windows.py",
        "(denied and source_is_ours())",
        "denied",
        _RULES + "a_replace_is_tried_again_only_where_its_target_is_open",
    ),
    one(
        "windows: a target that is not there holds nobody up",
        "windows.py",
        " and target_exists()",
        "",
        _RULES + "a_replace_is_tried_again_only_where_its_target_is_open",
    ),
    one(
        "windows: appending has no right to write elsewhere",
        "windows.py",
        "return FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE",
        "return GENERIC_WRITE",
        _RULES + "a_handle_that_appends_has_no_right_to_write_elsewhere",
    ),
    one(
        "windows: a new file is not an old one",
        "windows.py",
        "        if flags & os.O_EXCL:\n            return CREATE_NEW\n",
        "",
        _RULES + "flags_say_what_happens_to_a_file_that_is_there",
    ),
    one(
        "windows: long paths on a server",
        "windows.py",
        '"\\\\\\\\?\\\\UNC" + path[1:] if path.startswith("\\\\\\\\") else ',
        "",
        _RULES + "a_path_may_be_longer_than_260_characters",
    ),
    one(
        "windows: a mapped drive is a network",
        "windows.py",
        ' or drive_type(drive + "\\\\") == DRIVE_REMOTE',
        "",
        _RULES + "a_mapped_network_drive_and_a_server_are_a_network_file_system",
    ),
    one(
        "windows: a handle that only reads is flushed by another",
        "windows.py",
        "        return bool(flush(writer))",
        "        return True",
        _RULES + "a_disk_that_refuses_is_reported_and_no_handle_stays_open",
    ),
)
