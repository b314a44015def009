"""The spool as a folder: its files, its leader, its limits."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_POWER = "tests/faults/test_power_cuts.py"
_ORDER = "tests/faults/test_effects_come_in_order.py"
_LEADS = "tests/faults/test_one_process_leads.py"
_STRANGERS = "tests/faults/test_strangers_in_the_spool.py"
_PLACE = "tests/spool/test_where_a_spool_may_be.py"
_LACKS = "tests/faults/test_systems_that_lack_calls.py"
_DISK = "tests/faults/test_bounded_disk.py"
_CUT_SHIPPING = _POWER + "::test_a_power_cut_at_any_moment_of_shipping_doubles_nothing_and_loses_nothing_synced"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a removed spool refuses no row",
        "spool/growth.py",
        "                spare(error)\n                self._writer.lost_place()\n        place",
        "                raise SpoolFull.of(error, place.segments) from error\n        place",
        "tests/e2e/test_the_service_is_never_harmed.py::test_a_removed_spool_is_made_again_and_no_later_row_is_refused",
    ),
    one(
        "a sync empties the cache of the disk, too",
        "spool/posix.py",
        "if not _full_sync(fd):",
        "if True:",
        _LACKS + "::test_content_leaves_the_cache_of_the_disk_where_the_system_has_a_call_for_it",
    ),
    one(
        "fsync of staging and intent, content",
        "spool/files.py",
        "            files.sync(fd)  # the content before the name: a name never points to less",
        "            pass",
        _ORDER + "::test_staging_and_intent_are_durable_before_the_first_byte_is_sent",
        _CUT_SHIPPING,
    ),
    one(
        "fsync of staging and intent, name",
        "spool/files.py",
        "        files.sync_folder(os.path.dirname(path))  # the name itself",
        "        pass",
        _ORDER + "::test_staging_and_intent_are_durable_before_the_first_byte_is_sent",
    ),
    one(
        "one leader",
        "spool/kernel_lock.py",
        "        fcntl.fcntl(fd, command, _WHOLE_FILE)",
        "        pass",
        _LEADS + "::test_one_process_leads_and_the_next_one_only_after_it",
    ),
    one(
        "leadership is not inherited",
        "spool/lock.py",
        "        if os.getpid() != self._pid:\n",
        "        if False:\n",
        "tests/faults/test_processes_that_die_or_stop.py::test_a_child_that_a_leader_forked_does_not_keep_the_lead_after_its_death",
    ),
    one(
        "the lock file is still the one that was locked",
        "spool/lock.py",
        "_file_of(there) == _file_of(ours) == self._file and",
        "",
        _LEADS + "::test_a_leader_whose_lock_was_replaced_commits_nothing",
    ),
    one(
        "a copied spool takes another id",
        "spool/folder.py",
        "    if noted in (None, inode):",
        "    if True:",
        _PLACE + "::test_a_copied_spool_takes_an_id_of_its_own_and_every_process_takes_the_same",
    ),
    one(
        "no spool on a network file system",
        "spool/folder.py",
        "        check_local(folder, files, allow_network=allow_network)\n",
        "",
        _PLACE + "::test_a_spool_on_a_network_file_system_is_refused_unless_the_risk_is_taken",
    ),
    one(
        "threads of one process never open the leader's lock side by side",
        "spool/lock.py",
        "return cls.held_here.setdefault(path, token) is token",
        "return True if not cls.held_here.__setitem__(path, token) else False",
        _PLACE + "::test_two_threads_of_a_process_never_open_the_lock_of_the_leader_side_by_side",
    ),
    one(
        "quota is measured",
        "spool/quota.py",
        "left = self.most - used_bytes(place, self._files)",
        "left = self.most",
        _DISK,
    ),
    one(
        "min_free",
        "spool/quota.py",
        "        if free - smallest < kept:",
        "        if False:",
        _DISK,
        _DISK + "::test_room_is_left_to_the_rest_of_the_machine",
    ),
    one(
        "links are not followed",
        "spool/posix.py",
        ' | getattr(os, "O_NOFOLLOW", 0)',
        "",
        _STRANGERS + "::test_a_link_planted_in_the_spool_is_not_followed",
    ),
    one(
        "only regular files with one name",
        "spool/files.py",
        "if not stat.S_ISREG(seen.st_mode) or (one_name and seen.st_nlink > 1):",
        "if False:",
        _STRANGERS + "::test_a_second_name_or_a_fifo_in_the_spool_is_left_alone",
    ),
    one(
        "a fifo does not hang",
        "spool/files.py",
        "fd = self.open(path, os.O_RDONLY | _NONBLOCK)",
        "fd = self.open(path, os.O_RDONLY)",
        _STRANGERS + "::test_a_second_name_or_a_fifo_in_the_spool_is_left_alone",
    ),
    one(
        "a leader that let go never commits",
        "spool/lock.py",
        "        if self._released:\n            return False\n",
        "",
        "tests/faults/test_one_process_leads.py::test_who_let_go_of_the_lead_has_it_no_more_though_a_full_disk_took_no_new_mark",
    ),
    one(
        "room that a sandbox does not reserve",
        "spool/posix.py",
        ", errno.EPERM, errno.EACCES}\n",
        "}\n",
        _LACKS + "::test_rows_are_archived_where_a_sandbox_refuses_to_reserve_room",
    ),
    one(
        "a sandbox that maps no memory",
        "spool/fork.py",
        "except OSError as error:  # an older kernel, or a sandbox that refuses",
        "except ZeroDivisionError as error:",
        _LACKS + "::test_a_fork_is_noticed_where_memory_can_not_be_mapped",
    ),
    one(
        "no locks, no rows",
        "spool/segment.py",
        "if not files.hold(self._fd):",
        "if files.hold(self._fd) is None:",
        _LACKS + "::test_rows_are_refused_with_the_reason_where_no_file_can_be_locked",
    ),
    one(
        "a refused better lock",
        "spool/kernel_lock.py",
        "error.errno not in (errno.EAGAIN, errno.EACCES)",
        "error.errno in (errno.EINVAL, errno.ENOSYS)",
        _LACKS + "::test_one_process_leads_also_where_a_sandbox_refuses_the_better_lock",
    ),
    one(
        "links that Android refuses",
        "spool/files.py",
        "_NO_LINKS = {errno.EPERM, errno.EACCES,",
        "_NO_LINKS = {errno.EPERM,",
        _LACKS + "::test_names_are_given_once_where_files_have_one_name_only",
    ),
    one(
        "a Python without mmap can be imported",
        "spool/fork.py",
        "except ImportError:",
        "except ZeroDivisionError:",
        _LACKS + "::test_a_fork_is_noticed_by_a_python_without_mmap",
    ),
    one(
        "a statvfs below zero is not a full disk",
        "spool/quota.py",
        "total <= 0 or free < 0:",
        "not total:",
        "tests/faults/test_segments_that_others_touch.py::test_rows_are_taken_where_a_file_system_does_not_say_how_large_it_is",
    ),
)
