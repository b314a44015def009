"""Which batches count: those that lie where they belong, once each."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ONCE = "tests/catalog/test_each_batch_counts_once.py"
_PLAIN = "tests/read/test_files_without_a_manifest.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a line that repeats another counts once",
        "catalog/belonging.py",
        "known = first.setdefault(line.batch, line) if line.batch else line",
        "known = line",
        _ONCE + "::test_a_second_copy_of_a_manifest_adds_no_row",
    ),
    one(
        "two lines that differ about a batch are a problem",
        "catalog/belonging.py",
        "            if _content(line.entry) != _content(known.entry):\n",
        "            if False:\n",
        _ONCE + "::test_two_lines_that_differ_about_one_batch_are_a_problem_and_never_both",
    ),
    one(
        "a batch is its collector's, wherever its line lies",
        "catalog/belonging.py",
        "    return is_same_folder(home(line), folder) or is_same_folder(home(line).casefold(), folder.casefold())",
        "    return True",
        _ONCE + "::test_files_of_another_collector_among_ones_own_are_not_read",
    ),
    one(
        "a batch is of its day, wherever its line lies",
        "catalog/belonging.py",
        "    if entry.file and entry.rows and not place.start_ns",
        "    if False and not place.start_ns",
        _ONCE + "::test_a_day_copied_to_another_day_adds_no_row",
    ),
    one(
        "collectors that share a folder are told apart",
        "catalog/batches.py",
        " and (place is None or is_own(line, place))\n        ]",
        "\n        ]",
        _ONCE + "::test_collectors_that_share_a_folder_are_read_by_their_names",
    ),
    one(
        "a folder of two collectors is not rewritten",
        "keep/folder.py",
        "for twin in contents.twins]",
        "for twin in ()]",
        _ONCE + "::test_rows_of_a_twin_are_named_and_never_rewritten_as_the_others",
    ),
    one(
        "a backup inside an archive is compared with the archive's own folders",
        "catalog/batches.py",
        "        if len(each) > 1:\n",
        "        if False:\n",
        _ONCE + "::test_a_backup_inside_an_archive_adds_no_row_and_is_named",
    ),
    one(
        "rows are known by their numbers when one of two copies was compacted",
        "catalog/belonging.py",
        "            if is_note or (total and common == total):\n",
        "            if is_note or line.batch in notes:\n",
        _ONCE + "::test_a_backup_from_before_compaction_adds_no_row",
    ),
    one(
        "erased rows stay known",
        "catalog/belonging.py",
        "(*line.entry.sequences, *(gap[:3] for gap in line.entry.lost))",
        "line.entry.sequences",
        _ONCE + "::test_rows_erased_in_an_archive_do_not_come_back_with_a_backup",
    ),
    one(
        "a copy that has some of the rows is a problem",
        "catalog/belonging.py",
        "            elif common:\n",
        "            elif False:\n",
        _ONCE + "::test_a_batch_of_which_a_copy_has_some_rows_only_is_a_problem",
    ),
    one(
        "a name that is listed twice is one file",
        "catalog/batches.py",
        "self._paths = dict.fromkeys(paths)",
        "self._paths = list(paths)",
        _ONCE + "::test_a_listing_that_names_a_file_twice_adds_no_row",
    ),
    one(
        "a batch that lies elsewhere only is a problem of the audit",
        "catalog/audit.py",
        "for line in seen.misplaced if line.batch not in counted]",
        "for line in seen.misplaced if False]",
        _ONCE + "::test_a_day_that_was_moved_and_not_copied_is_a_problem_of_the_audit",
    ),
    one(
        "a rewrite leaves the files of others",
        "keep/folder.py",
        "self.live_files | {",
        "self.live_files or {",
        _ONCE + "::test_files_of_another_collector_among_ones_own_are_not_read",
    ),
    one(
        "a batch of a rewrite has a name of its own",
        "keep/rewrite.py",
        "folder = sha256(self.look.folder.encode())",
        "folder = sha256(b'')",
        _ONCE + "::test_one_run_over_many_folders_gives_each_batch_a_name_of_its_own",
    ),
    one(
        "erase names rows that stay in copies",
        "keep/strays.py",
        "        if count:\n",
        "        if False:\n",
        _ONCE + "::test_rows_in_a_copy_are_named_by_erase_until_it_is_gone",
    ),
    one(
        "a copy without manifests is read as a whole",
        "catalog/batches.py",
        "self.unproven = others if listing.is_bare",
        "self.unproven = [] if listing.is_bare",
        _PLAIN + "::test_a_copy_without_manifests_is_read_and_said_to_be_unproven",
    ),
    one(
        "prune leaves files whose manifest may be on its way",
        "keep/prune.py",
        " if path not in look.contents.unproven]",
        "]",
        _PLAIN + "::test_prune_leaves_files_of_ours_without_a_manifest_and_erase_names_their_rows",
    ),
    one(
        "a call of Spark counts with its manifest",
        "catalog/batches.py",
        "if is_of_a_call(path) or self._store.claimed(path)]",
        "if self._store.claimed(path)]",
        _PLAIN + "::test_a_call_of_spark_that_is_not_archived_yet_is_not_read",
    ),
    one(
        "rows that two files without manifests have are given once",
        "read/original.py",
        " if given else rows",
        " if False else rows",
        _PLAIN + "::test_rows_that_are_in_two_such_files_are_read_once",
    ),
    one(
        "folders without end are passed over",
        "store/local.py",
        'elif path.count("/") < DEEPEST and wanted(path):',
        "elif wanted(path):",
        "tests/keep/test_linked_folders_are_of_the_archive.py::test_folders_without_end_are_passed_over",
    ),
    one(
        "a header in a quoted cell is text",
        "read/plain_csv.py",
        "        if data.count(b'\"', start, at) % 2 == 0:\n",
        "        if True:\n",
        _PLAIN + "::test_text_in_a_cell_that_looks_like_a_header_is_text",
    ),
    one(
        "a time that is none leaves out its row alone",
        "read/plain_csv.py",
        "        if time is None and text is not None:\n",
        "        if False:\n",
        _PLAIN + "::test_a_time_that_is_none_leaves_out_this_row_only",
    ),
    one(
        "a day that was renamed is read",
        "catalog/belonging.py",
        "    return place is not None and is_own(line, place) and not has_day(place, line.entry.first_ns)\n",
        "    return False\n",
        "tests/catalog/test_each_batch_counts_once.py::test_a_day_that_was_renamed_is_read_as_long_as_nothing_else_has_its_rows",
    ),
)
