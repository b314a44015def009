"""What a service runs in: users, volumes, homes, libraries that can't be imported, streams that are closed."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ALONE = "spool/test_a_spool_is_ours_alone.py::"
_ANOTHER = "test_where_a_named_spool_is_of_another_user_the_place_beside_it_is_chosen_and_its_rows_are_named"
_FS_GROUP = _ALONE + "test_each_later_pod_with_an_fs_group_takes_up_the_spool_of_the_first"
_MODE = _ALONE + "test_a_spool_of_ours_gets_its_mode_back_and_goes_on_where_it_was"
_ABOVE = _ALONE + "test_a_spool_is_used_only_where_nobody_else_can_carry_it_away"
_LINK = _ALONE + "test_a_link_that_others_can_switch_leads_to_no_spool"
_SHARED = (
    "tests/e2e/test_the_service_is_never_harmed.py::test_a_spool_in_a_folder_that_others_can_write_is_refused_with_owner_and_mode"
)
_SAFE = "spool/test_the_default_spool_is_in_a_safe_place.py::"
_ORDER = _SAFE + "test_the_places_are_tried_in_order_and_the_warning_says_which_and_why"
_STAYS = _SAFE + "test_a_shipper_stays_with_the_spool_that_its_service_opened"
_UNSAFE = _SAFE + "test_rows_in_a_place_that_is_no_longer_safe_are_reported_and_shipped_when_it_is"
_HOME = "e2e/test_where_no_home_can_be_written.py::"
_UP = "e2e/test_a_shipper_comes_up_anywhere.py::"
_STREAMS = "cli/test_streams_may_be_closed_or_narrow.py::"
_NOWHERE = _HOME + "test_rows_that_can_wait_nowhere_are_refused_counted_and_the_setting_is_named"
_WARNED = _HOME + "test_rows_that_wait_in_the_temporary_directory_are_warned_of_once"
_LIBRARY = _UP + "test_a_library_that_can_not_be_loaded_is_said_once_and_rows_wait"
_BACKPORTS = _UP + "test_backports_in_site_packages_do_not_keep_a_shipper_from_its_work"
_SYNCS = _UP + "test_the_thread_that_syncs_survives_any_error_and_says_it_once"
_AGAIN = _UP + "test_a_thread_of_ours_that_ends_is_started_again_and_reported"
_GOES_ON = _UP + "test_a_shipping_thread_that_met_an_unknown_error_goes_on"
_LOG = _UP + "test_the_log_of_the_shippers_is_kept_and_bounded"
_CLOSED = _STREAMS + "test_closed_streams_change_neither_the_exit_status_nor_what_a_file_holds"
_ESCAPES = _STREAMS + "test_a_stream_without_our_characters_gets_escapes"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H60": ("a volume mount widens the mode of the spool (fsGroup)", (_FS_GROUP, _MODE, _ALONE + "test_an_empty_dir")),
    "H61": (
        "others can write above the spool",
        (_ABOVE, _LINK, _ALONE + "test_nobody_can_carry", _ALONE + "test_a_folder_in_tmp", _SAFE + "test_a_spool_that_was_named"),
    ),
    "H68": (
        "others can write above the default spool",
        (_ORDER, _STAYS, _UNSAFE, _SAFE + "test_rows_that_wait_elsewhere", _SAFE + "test_a_service_whose_archive"),
    ),
    "H62": ("no home, no temporary directory, a read-only root", (_NOWHERE, _WARNED, _HOME + "test_a_root_that_can_only")),
    "H63": ("a library that can't be loaded", (_LIBRARY, _UP + "test_doctor_and_status_say", _UP + "test_a_store_whose_library")),
    "H64": ("backports and files of the service in the shipper's way", (_BACKPORTS, _UP + "test_the_shipper_looks")),
    "H65": ("a thread of ours meets an error, or ends", (_SYNCS, _AGAIN, _GOES_ON, _UP + "test_where_no_thread")),
    "H66": ("commands with closed, full or narrow streams", (_CLOSED, _ESCAPES, _STREAMS + "test_a_full_disk_behind_stdout")),
    "H67": (
        "a log of the shippers that grows",
        (_LOG, _UP + "test_a_shipper_that_dies_before", _UP + "test_a_shipper_that_never"),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    one("a spool of ours gets its mode back", "spool/private.py", "if seen.st_mode & OTHERS:", "if False:", "tests/" + _MODE),
    one(
        "no link is followed by whoever mends a mode",
        "spool/private.py",
        "fd = files.open(folder, os.O_RDONLY | DIRECTORY)",
        "fd = os.open(folder, os.O_RDONLY)",
        "tests/" + _ALONE + "test_no_link_is_followed_to_the_folder_that_gets_its_mode_back",
    ),
    one(
        "a mode that stays wide is refused",
        "spool/private.py",
        "    if left & OTHERS:",
        "    if False:",
        "tests/" + _ALONE + "test_a_file_system_that_keeps_no_modes_is_refused_with_the_reason",
    ),
    one(
        "nobody can carry a spool away",
        "spool/private.py",
        "for path in _above(os.path.abspath(folder), files):",
        "for path in ():",
        _SHARED,
    ),
    one(
        "the default spool is where nobody can carry it away",
        "spool/location.py",
        "        danger = danger_above(folder, files)\n",
        "        danger = None\n",
        "tests/" + _ORDER,
    ),
    one(
        "a shipper stays with the spool of its service",
        "ship/child.py",
        'os.environ.pop(SPOOL, "") or locate',
        "locate",
        "tests/" + _STAYS,
    ),
    one(
        "rows in a place that is no longer safe are reported",
        "ship/former_spools.py",
        "if location.unsafe and settings.spool is None and _waits(location.unsafe, files):",
        "if False:",
        "tests/" + _UNSAFE,
    ),
    one(
        "a user who finds the named spool to be another's has one beside it",
        "spool/location.py",
        "if owner is None or owner == files.user():",
        "if True:",
        "tests/" + _ALONE + _ANOTHER,
    ),
    one(
        "rows in the spool of another user are named",
        "ship/former_spools.py",
        "if owner is not None and owner != files.user() and _may_wait(folder, files):",
        "if False:",
        "tests/" + _ALONE + _ANOTHER,
    ),
    one(
        "where nobody can look, rows may wait",
        "ship/former_spools.py",
        "    except PermissionError:\n        return True\n",
        "",
        "tests/" + _ALONE + _ANOTHER,
    ),
    one(
        "rows in a lesser place are found when the better one is safe",
        "ship/former_spools.py",
        "    yield from settings.spool_folders(env)\n",
        "",
        "tests/" + _SAFE + "test_rows_that_wait_elsewhere_are_shipped_when_the_mode_is_mended",
    ),
    one(
        "nobody can switch a link above a spool",
        "spool/private.py",
        "if _is_link(above, files):",
        "if False:",
        "tests/" + _LINK,
    ),
    one(
        "folders inside an opened spool are ours",
        "spool/folder.py",
        "            check_own(os.path.join(folder, below), files)\n",
        "",
        "tests/" + _ALONE + "test_what_others_put_into_an_open_spool_is_not_followed",
    ),
    one(
        "a spool that can't be used is not flushed",
        "intake/flush.py",
        "return not self._writer.growth.refusing",
        "return True",
        _SHARED,
    ),
    one(
        "rows that can wait nowhere are refused with a hint",
        "settings/folders.py",
        '    raise SpoolError(\n        "find a folder for the spool",',
        '    raise OSError(\n        "find a folder for the spool",',
        "tests/" + _HOME + "test_the_temporary_directory_is_one_that_can_be_written_and_never_the_working_directory",
    ),
    one(
        "rows in the temporary directory are warned of",
        "intake/shared.py",
        "elif note:",
        "elif False:",
        "tests/" + _WARNED,
    ),
    one(
        "a shipping thread goes on after any error",
        "ship/supervisor.py",
        "except Exception as error:  # also what a library raises that is broken",
        "except OSError as error:",
        "tests/" + _GOES_ON,
    ),
    one(
        "the same trouble is said once",
        "ship/failure_report.py",
        "        if text == self._last:\n            return\n",
        "",
        "tests/" + _SYNCS,
    ),
    one(
        "the standard library comes first",
        "ship/spawn.py",
        "[*standard, *others, package,",
        "[*others, package, *standard,",
        "tests/" + _BACKPORTS,
    ),
    one(
        "the syncing thread survives an error",
        "ship/supervisor.py",
        "except Exception as error:  # no descriptor for a moment",
        "except ZeroDivisionError as error:  # no descriptor for a moment",
        "tests/" + _SYNCS,
    ),
    one(
        "a thread that ended is started again",
        "ship/supervisor.py",
        "self.thread is not None and self.thread.alive()",
        "True",
        "tests/" + _AGAIN,
    ),
    one("the log is put aside", "ship/spawn.py", 'files.rename(path, path + ".1")', "pass", "tests/" + _LOG),
    one(
        "shippers that never come up are started less often",
        "ship/supervisor.py",
        "2.0 ** min(max(0, self._started - TRIES), 16)",
        "1.0",
        "tests/" + _UP + "test_a_shipper_that_never_comes_up_is_started_less_and_less_often",
    ),
    one(
        "characters that a stream does not have are escaped",
        "cli/__init__.py",
        'stream.reconfigure(errors="backslashreplace")',
        "pass",
        "tests/" + _ESCAPES,
    ),
    one(
        "a closed stream leads nowhere",
        "cli/__init__.py",
        "        if stream is None:",
        "        if False:",
        "tests/" + _CLOSED,
    ),
)
