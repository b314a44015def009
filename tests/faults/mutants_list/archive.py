"""The stores, and the upkeep of what lies in them."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_CRASH = "tests/faults/test_every_crash_point.py"
_POWER = "tests/faults/test_power_cuts.py"
_ORDER = "tests/faults/test_effects_come_in_order.py"
_FILES = "tests/faults/test_files_of_others_stay_as_they_are.py"
_SHIPPER_KILLED = _CRASH + "::test_a_shipper_killed_before_any_of_its_operations_loses_and_doubles_nothing"
_CUT_SHIPPING = _POWER + "::test_a_power_cut_at_any_moment_of_shipping_doubles_nothing_and_loses_nothing_synced"
_ATTACKER = "tests/audit/test_lines_of_an_attacker.py"
_AGAIN = "tests/audit/test_it_looks_again.py"
_BESIDE = "tests/keep/test_others_work_beside.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a position is where we left it",
        "store/local.py",
        "        if size < start:\n",
        "        if False:\n",
        _FILES + "::test_a_file_that_shrank_is_never_written_to_beyond_its_end",
    ),
    one(
        "what lies there is compared",
        "store/local.py",
        "            if size > start + len(data) or not _ours(left, data):",
        "            if size > start + len(data):",
        _FILES + "::test_bytes_of_somebody_else_are_never_overwritten_or_cut",
    ),
    one(
        "an append is known again when more of its round follows",
        "store/local.py",
        "min(size - start, len(data)), start)",
        "size - start, start)",
        _SHIPPER_KILLED,
    ),
    one(
        "an append that landed is not repeated",
        "store/local.py",
        "                return  # an earlier try landed, and perhaps what follows in the same round as well\n",
        "                start = size\n",
        _SHIPPER_KILLED,
    ),
    one(
        "our half row is cut away after a failed write",
        "store/local.py",
        "        except OSError:\n            self._files.truncate(fd, start)\n            raise",
        "        except OSError:\n            raise",
        _FILES + "::test_a_write_that_fails_half_way_leaves_no_half_row",
    ),
    one(
        "fsync of the archive's file",
        "store/local.py",
        "                self._files.sync(fd)\n                if",
        "                if",
        _CUT_SHIPPING,
        _ORDER + "::test_rows_are_durable_in_the_archive_before_the_checkpoint_says_so",
    ),
    one(
        "fsync of the archive's folder",
        "store/local.py",
        "            if is_new:\n                self._files.sync_folder(os.path.dirname(full))",
        "            if is_new:\n                pass",
        _CUT_SHIPPING,
        _ORDER + "::test_rows_are_durable_in_the_archive_before_the_checkpoint_says_so",
    ),
    one(
        "a file of the archive has one owner",
        "store/local.py",
        "        return noted == owner",
        "        return True",
        _FILES + "::test_two_spools_never_write_one_file",
    ),
    one(
        "a file that nobody claimed is not ours",
        "store/local.py",
        "                if self.length(path) > 0:\n                    return False",
        "                if False:\n                    return False",
        _FILES + "::test_a_file_that_was_there_before_us_is_left_alone",
    ),
    one(
        "an append to Azure names its position",
        "store/azure.py",
        ", appendpos_condition=start, validate_content=True)",
        ", validate_content=True)",
        "tests/stores/test_azure_store.py",
    ),
    one(
        "what Azure has at a position is read back",
        "store/azure.py",
        "        return stored == content\n",
        "        return True\n",
        "tests/stores/test_azure_store.py",
        "tests/stores/test_azure_ends.py",
    ),
    one(
        "an object is created, never replaced",
        "store/objects.py",
        'content, mode="create", use_multipart=False',
        'content, mode="overwrite", use_multipart=False',
        "tests/stores/test_conformance.py::TestS3",
    ),
    one(
        "an object that is there is compared",
        "store/objects.py",
        "        if stored == content:\n            return True\n",
        "        if True:\n            return True\n",
        "tests/stores/test_conformance.py::TestS3",
    ),
    one(
        "a store without conditions is looked at first",
        "store/objects.py",
        "        if path not in self._mangled and self._landed(path, content):\n            return None\n",
        "",
        "tests/stores/test_what_a_store_does_with_rows.py::test_a_store_without_conditional_writes_is_looked_at_before_it_is_written_to",
    ),
    one(
        "a whole file in a folder has its name only when it is whole",
        "store/local.py",
        "            give_name(self._files, hidden, full)",
        "            self._files.rename(hidden, full)",
        "tests/stores/test_conformance.py::TestLocal",
    ),
    one(
        "a refused batch is cut only after a definite refusal",
        "store/azure.py",
        "if failure.kind is Kind.REFUSED and attempt not in self._unsure:",
        "if failure.kind is Kind.REFUSED:",
        "tests/stores/test_azure_store.py",
    ),
    one(
        "compaction takes away only what did not grow",
        "keep/rewrite.py",
        "if not store.remove_if(path, ends[path])}",
        "if store.remove(path) or not path}",
        _BESIDE + "::test_a_file_that_grows_just_before_it_would_go_stays",
    ),
    one(
        "batches that were ever replaced stay so",
        "keep/rewrite.py",
        "sorted({*ids, *self.look.contents.replaced})",
        "sorted({*ids})",
        _BESIDE + "::test_a_batch_that_is_sent_again_after_two_generations_counts_once",
    ),
    one(
        "what replaced lines told of losses is told again",
        "keep/compact.py",
        "    draft.replace([str(line.batch) for line in replaced if line.batch], carried(replaced))",
        "    draft.replace([str(line.batch) for line in replaced if line.batch], carried([]))",
        _BESIDE,
    ),
    one(
        "a generation's number stays taken",
        "keep/rewrite.py",
        "            store.remove(log)\n            _take_number(store, seen, number)",
        "            store.remove(log)",
        _BESIDE + "::test_a_switch_that_comes_after_two_others_finds_its_number_taken_in_any_store",
    ),
    one(
        "the new files are there before the switch",
        "keep/rewrite.py",
        "        for one in draft.files:\n            _put(store",
        "        store.put(path, lines)\n        for one in draft.files:\n            _put(store",
        _BESIDE + "::test_a_reader_sees_what_was_before_or_what_is_after",
    ),
    one(
        "an audit counts the rows of a file",
        "catalog/audit_folder.py",
        "        elif content.rows != batch.rows:\n",
        "        elif False:\n",
        _ATTACKER + "::test_rows_are_counted_in_the_file_and_not_only_in_its_line",
    ),
    one(
        "an audit looks again before it calls anything broken",
        "catalog/audit.py",
        "    for seconds in WAITS:\n",
        "    for seconds in ():\n",
        _AGAIN + "::test_rows_before_their_line_and_half_a_line_are_a_round_under_way",
    ),
    one(
        "bytes that were there at the first look get their line",
        "catalog/audit_folder.py",
        "length < end or end < first",
        "length < end",
        _AGAIN + "::test_bytes_that_stay_without_a_line_are_named_after_some_looks",
    ),
    one(
        "a service that is ahead of its lines is healthy",
        "catalog/audit_folder.py",
        "length < end or end < first",
        "length != end",
        _AGAIN + "::test_a_service_that_is_always_ahead_of_its_lines_is_complete",
    ),
    one(
        "a manifest line leads nowhere else",
        "catalog/batches.py",
        "        if entry.impossible:\n",
        "        if False:\n",
        _ATTACKER + "::test_a_line_that_says_what_can_not_be_is_a_problem_and_nothing_outside_is_read",
    ),
    one(
        "an archive of nothing is not complete",
        "catalog/audit.py",
        "            return NOTHING\n",
        "            return COMPLETE\n",
        "tests/audit/test_nothing_found_is_said.py::test_an_unrelated_folder_is_not_complete",
    ),
    one(
        "one manifest that can't be read ends no audit",
        "catalog/forgiving.py",
        "            if not self._is_there(path):\n",
        "            if True:\n",
        "tests/audit/test_one_bad_file_ends_no_audit.py::test_a_file_that_is_denied_is_named_and_the_rest_is_audited",
    ),
    one(
        "a claim that nobody will take over goes",
        "keep/rewrite.py",
        "        store.remove(path)\n\n\ndef _holder",
        "        pass\n\n\ndef _holder",
        "tests/keep/test_killed_at_every_step.py::test_the_claim_of_a_run_that_died_when_its_work_was_done_goes_with_the_next",
    ),
)
