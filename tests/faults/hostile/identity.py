"""Which archive a spool belongs to, and who leads."""

from __future__ import annotations

from tests.faults.mutant import Mutant
from tests.faults.mutant import one as _one

_ITSELF = "faults/test_an_archive_is_itself.py::"
_STRANDED = "faults/test_no_row_is_stranded.py::"
_LEADER = "faults/test_one_leader.py::"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H40": (
        "an archive is renamed, mounted elsewhere or spelled in another way",
        (_ITSELF + "test_what_was_archived", _ITSELF + "test_a_relative", _ITSELF + "test_a_second_spelling"),
    ),
    "H41": (
        "an archive of an earlier version is moved, and its shipper is killed at any step of taking it over",
        (_ITSELF + "test_a_shipper_killed", _ITSELF + "test_what_was_archived"),
    ),
    "H42": (
        "an archive is copied with its spool, and both are used",
        (_ITSELF + "test_a_copy", _ITSELF + "test_every_process_gives", _ITSELF + "test_of_many_who_come_first"),
    ),
    "H43": ("archives of one list change places", (_ITSELF + "test_archives_that_changed_places",)),
    "H44": (
        "the archives are named in another way while rows wait",
        (_STRANDED + "test_rows_that_wait", _STRANDED + "test_the_command_line", _STRANDED + "test_a_spool_of_another_archive"),
    ),
    "H45": (
        "an archive of a former spool is not there, or is perhaps another account's",
        (_STRANDED + "test_an_archive_that_is_not_found", _STRANDED + "test_a_remote_archive"),
    ),
    "H46": (
        "a link to the archive is switched, the archive renamed, or a clone of its disk mounted, under a living service",
        (_STRANDED + "test_a_link_that_is_switched", _STRANDED + "test_a_service_whose"),
    ),
    "H47": (
        "the leader's own process opens and closes the lock's file",
        (_LEADER + "test_whoever_opens", _LEADER + "test_two_services_that_ship", _LEADER + "test_a_segment_that_is_read"),
    ),
    "H48": (
        "the lock's file is removed, replaced, cut or written under its leader",
        (_LEADER + "test_a_leader_whose_lock", _LEADER + "test_a_lead_whose_descriptor", _LEADER + "test_a_descriptor"),
    ),
    "H49": (
        "an older version leads beside this one; a kernel without the lock; a full disk",
        (_LEADER + "test_an_older_version", _LEADER + "test_where_the_kernel", _LEADER + "test_a_full_disk"),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    _one(
        "identity: one archive alone goes on where its spool was",
        "ship/sinks.py",
        "    if sinks and not settings.others:",
        "    if False:",
        "tests/" + _ITSELF + "test_what_was_archived_under_one_spelling_is_not_archived_again_under_another",
    ),
    _one(
        "identity: a checkpoint goes by the id of its archive",
        "ship/sinks.py",
        "    if archive is not None and archive.id in ids:",
        "    if False:",
        "tests/" + _ITSELF + "test_archives_that_changed_places_keep_their_checkpoints",
    ),
    _one(
        "identity: a copy is distinguished from a move",
        "store/archive_id.py",
        ' and _inode(files, where) == note.get("inode")',
        "",
        "tests/" + _ITSELF + "test_a_copy_takes_an_id_of_its_own_and_a_move_does_not",
    ),
    _one(
        "identity: archives are a set",
        "settings/__init__.py",
        "urls.SEPARATOR.join(sorted(self.archives))",
        "urls.SEPARATOR.join(self.archives)",
        "tests/" + _ITSELF + "test_the_order_of_archives_is_no_part_of_which_spool_is_theirs",
    ),
    _one(
        "identity: a second spelling in a list is the same archive",
        "settings/archives.py",
        "_spelled_once(os.path.realpath(folder)) if folder else url, url",
        "url, url",
        "tests/" + _ITSELF + "test_a_second_spelling_in_a_list_is_the_same_archive",
    ),
    _one(
        "identity: an archive that moved is known by its inode",
        "ship/former_spools.py",
        "        if inode_of(other, files) == (inode or now) is not None:",
        "        if False:",
        "tests/" + _STRANDED + "test_rows_that_wait_are_counted_and_shipped_after_the_archives_are_named_in_another_way",
    ),
    _one(
        "identity: no archive is made in the place of one that is away",
        "ship/former_spools.py",
        "    never_there = inode is None and not known_id",
        "    never_there = True",
        "tests/" + _STRANDED + "test_an_archive_that_is_not_found_is_waited_for_and_nothing_is_made_in_its_place",
    ),
    _one(
        "identity: credentials of one account are not tried on another's archive",
        "ship/former_spools.py",
        "return url if url in settings.archives else None",
        "return url",
        "tests/" + _STRANDED + "test_a_remote_archive_is_shipped_to_only_where_the_settings_name_it",
    ),
    _one(
        "identity: a spool of another archive is left alone for a while",
        "ship/former_spools.py",
        "    return now_ns - newest > QUIET_NS",
        "    return True",
        "tests/" + _STRANDED + "test_a_spool_of_another_archive_is_shipped_when_its_own_service_did_not_come_back",
    ),
    _one(
        "identity: a former spool that is written is not former",
        "ship/former_spools.py",
        "    if look(place, Progress(), files).alive:",
        "    if False:",
        "tests/" + _STRANDED + "test_a_spool_that_somebody_ships_or_writes_is_left_alone",
    ),
    _one(
        "identity: who opened a spool behind a link stays with it",
        "spool/folder.py",
        "        folder = _without_links(folder)\n",
        "",
        "tests/" + _STRANDED + "test_a_link_that_is_switched_under_a_living_service_strands_no_row",
    ),
    _one(
        "identity: a writer leaves a spool that was renamed",
        "spool/lane.py",
        "        if self.segment is not None and self.segment.unlinked():",
        "        if False:",
        "tests/" + _STRANDED + "test_a_service_whose_archive_is_renamed_writes_where_its_settings_say_and_strands_no_row",
    ),
    _one(
        "identity: a file on another device is not ours",
        "spool/segment.py",
        " or device not in (0, seen.st_dev)",
        "",
        "tests/" + _STRANDED + "test_a_service_whose_disk_is_replaced_by_its_clone_writes_to_a_segment_that_is_there",
    ),
    _one(
        "identity: the lead's lock belongs to the open file",
        "spool/kernel_lock.py",
        "fcntl.fcntl(fd, command, _WHOLE_FILE)",
        "fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "tests/" + _LEADER + "test_whoever_opens_and_closes_the_lock_in_this_process_drops_nothing",
    ),
    _one(
        "identity: a leader whose mark was replaced stops",
        "spool/lock.py",
        " and self._files.pread(self._fd, MARK_BYTES, 0) == self._mark",
        "",
        "tests/" + _LEADER + "test_a_leader_whose_lock_was_meddled_with_sends_and_commits_nothing",
        "tests/" + _LEADER + "test_a_lead_whose_descriptor_was_closed_ends_where_another_takes_it",
    ),
    _one(
        "identity: each send asks whether we still lead",
        "ship/send.py",
        '            self._check_lead("send a batch")\n',
        "",
        "tests/" + _LEADER + "test_a_leader_whose_lock_was_meddled_with_sends_and_commits_nothing",
    ),
    _one(
        "identity: a descriptor that is another file's by now is left alone",
        "spool/lock.py",
        "        if ours:\n            self._files.close(self._fd)",
        "        self._files.close(self._fd)",
        "tests/" + _LEADER + "test_a_descriptor_that_is_another_files_by_now_is_no_lead_and_is_left_alone",
    ),
)
