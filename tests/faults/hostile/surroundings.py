"""What a service runs in: users, volumes, homes, libraries that can't be imported, streams that are closed."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ALONE = "spool/test_a_spool_is_ours_alone.py::"
_FS_GROUP = _ALONE + "test_each_later_pod_with_an_fs_group_takes_up_the_spool_of_the_first"
_MODE = _ALONE + "test_a_spool_of_ours_gets_its_mode_back_and_goes_on_where_it_was"
_ABOVE = _ALONE + "test_a_spool_is_used_only_where_nobody_else_can_carry_it_away"
_LINK = _ALONE + "test_a_link_that_others_can_switch_leads_to_no_spool"
_SHARED = (
    "tests/e2e/test_the_service_is_never_harmed.py::test_a_spool_in_a_folder_that_others_can_write_is_refused_with_owner_and_mode"
)

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H60": ("a volume mount widens the mode of the spool (fsGroup)", (_FS_GROUP, _MODE, _ALONE + "test_an_empty_dir")),
    "H61": (
        "others can write above the spool",
        (_ABOVE, _LINK, _ALONE + "test_nobody_can_carry", _ALONE + "test_a_folder_in_tmp"),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    one("a spool of ours gets its mode back", "spool/private.py", "if seen.st_mode & OTHERS:", "if False:", "tests/" + _MODE),
    one(
        "no link is followed by whoever mends a mode",
        "spool/private.py",
        "fd = files.open(folder, os.O_RDONLY | os.O_DIRECTORY)",
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
        "nobody can switch a link above a spool",
        "spool/private.py",
        "if stat.S_ISLNK(files.stat(above).st_mode):",
        "if False:",
        "tests/" + _LINK,
    ),
    one(
        "folders inside an opened spool are ours",
        "spool/place.py",
        "            check_own(os.path.join(folder, below), files)\n",
        "",
        "tests/" + _ALONE + "test_what_others_put_into_an_open_spool_is_not_followed",
    ),
    one(
        "a spool that can't be used is not flushed",
        "archive.py",
        "return not self.writer.refusing",
        "return True",
        _SHARED,
    ),
)
