"""Rounds of the shipper: numbers, intents, checkpoints, when a segment goes."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_CRASH = "tests/faults/test_every_crash_point.py"
_JUDGED = "tests/spool/test_runs_are_judged_frame_by_frame.py"
_ORDER = "tests/faults/test_effects_come_in_order.py"
_LOST = "tests/faults/test_lost_checkpoints.py"
_NUMBERS = "tests/faults/test_numbers_tell_repeats_and_losses.py"
_LEADS = "tests/faults/test_one_process_leads.py"
_PLACE = "tests/spool/test_where_a_spool_may_be.py"
_HELD = "tests/faults/test_held_files_stop_no_other.py"
_SHIPPER_KILLED = _CRASH + "::test_a_shipper_killed_before_any_of_its_operations_loses_and_doubles_nothing"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "a number seen before is a repeat",
        "ship/gather.py",
        "if expected is not None and first < expected:\n            return False",
        "if False:\n            return False",
        _NUMBERS + "::test_a_row_that_is_spooled_twice_under_one_number_is_archived_once",
    ),
    one(
        "a number too high is a loss, reported",
        "ship/gather.py",
        "if expected is not None and first > expected:",
        "if False:",
        _NUMBERS + "::test_a_hole_in_the_numbers_is_reported_exactly",
    ),
    one(
        "a run of frames whose numbers do not follow is judged frame by frame",
        "ship/gather.py",
        "or (first[:-1] + rows[:-1] != first[1:]).any()",
        "",
        _JUDGED,
    ),
    one(
        "a run of frames begins where its collector was",
        "ship/gather.py",
        "if expected not in (None, int(first[0])) or",
        "if",
        _JUDGED,
    ),
    one(
        "the bytes are frozen before the intent",
        "ship/outbox.py",
        "        staging.finish()\n        self.rewrite(intent)",
        "        self.rewrite(intent)\n        staging.finish()",
        _SHIPPER_KILLED,
    ),
    one(
        "intent before send",
        "ship/pipeline.py",
        "                self._outbox.freeze(intent, staging)",
        "                open_intent, self._outbox.rewrite = self._outbox.rewrite, lambda intent: None\n"
        "                self._outbox.freeze(intent, staging)\n                self._outbox.rewrite = open_intent",
        _SHIPPER_KILLED,
    ),
    one(
        "an intent is sent again after a restart",
        "ship/pipeline.py",
        "        if intent.round <= self.state.round:\n",
        "        if True:\n",
        _SHIPPER_KILLED,
    ),
    one(
        "a committed intent is not sent again",
        "ship/pipeline.py",
        "        if intent.round <= self.state.round:\n",
        "        if False:\n",
        _ORDER + "::test_an_intent_that_was_committed_is_only_cleared",
    ),
    one(
        "commit only with the lead",
        "ship/pipeline.py",
        "        if not self._may_commit():",
        "        if False:",
        _LEADS + "::test_a_leader_whose_lock_was_replaced_commits_nothing",
    ),
    one(
        "segments go only after the commit",
        "ship/pipeline.py",
        "        rows = self._send(intent, left_over=gathered is None)\n        self._commit(intent.after)",
        "        rows = self._send(intent, left_over=gathered is None)\n        self.remove([name for name, at in intent.after.offsets.items() if at == DONE])\n"
        "        self._commit(intent.after)",
        _ORDER + "::test_a_segment_is_removed_only_after_the_checkpoint_is_durable",
        _SHIPPER_KILLED,
    ),
    one(
        "segments go only after they are archived",
        "ship/pipeline.py",
        "        rows = self._send(intent, left_over=gathered is None)\n        self._commit(intent.after)",
        "        self.remove([name for name, at in intent.after.offsets.items() if at == DONE])\n        rows = self._send(intent, left_over=gathered is None)\n"
        "        self._commit(intent.after)",
        _ORDER + "::test_a_segment_is_removed_only_after_the_checkpoint_is_durable",
    ),
    Mutant(
        "the checkpoint knows a segment and its writer until they are gone",
        (
            (
                "ship/gather.py",
                "for name in [name for name in state.offsets if name not in present]:",
                "for name in [name for name in state.offsets if name not in present or state.offsets[name] == DONE]:",
            ),
            (
                "ship/gather.py",
                "for writer_id in [writer_id for writer_id in state.sequences if writer_id not in writers]:",
                "for writer_id in [one for one in state.sequences if not any(n.startswith(one.hex()) for n in state.offsets)]:",
            ),
        ),
        (_NUMBERS + "::test_a_segment_that_could_not_be_removed_is_not_archived_again",),
    ),
    one(
        "the checkpoint knows a writer's numbers until its segments are gone",
        "ship/gather.py",
        "for writer_id in [writer_id for writer_id in state.sequences if writer_id not in writers]:",
        "for writer_id in list(state.sequences):",
        _NUMBERS + "::test_a_row_that_is_spooled_twice_under_one_number_is_archived_once",
        _NUMBERS + "::test_a_hole_in_the_numbers_is_reported_exactly",
    ),
    one(
        "a copied spool leaves the files of the original alone",
        "ship/placement.py",
        "            self._after.targets.clear()",
        "            pass",
        _PLACE + "::test_a_restored_copy_of_a_spool_never_writes_into_the_files_of_the_original",
    ),
    one(
        "a dead writer's last second is synced",
        "ship/watch.py",
        "            segment.sync()  # also a dead writer's: its last second came after the last look",
        "            if segment.alive:\n                segment.sync()",
        _PLACE + "::test_what_a_dead_writer_stored_last_is_made_durable_once",
    ),
    one(
        "fsync of the checkpoint",
        "ship/checkpoint.py",
        "            self._files.sync(fd)\n        finally:",
        "            pass\n        finally:",
        _ORDER + "::test_the_checkpoint_is_durable_before_a_segment_goes",
    ),
    one(
        "the two slots of the checkpoint take turns",
        "ship/checkpoint.py",
        "path = self._paths[generation % 2]",
        "path = self._paths[0]",
        _LOST + "::test_a_checkpoint_torn_while_written_leaves_the_one_before",
    ),
    one(
        "the checkpoint's checksum",
        "ship/checkpoint.py",
        "if magic != MAGIC or crc32(content, generation & 0xFFFF_FFFF) != check:",
        "if magic != MAGIC:",
        _LOST + "::test_a_checkpoint_torn_while_written_leaves_the_one_before",
    ),
    one(
        "numbers of whole files are never used again",
        "ship/placement.py",
        "    def _next_part(self, folder: str, file_format: str) -> str:\n        self._after.parts += 1\n",
        "    def _next_part(self, folder: str, file_format: str) -> str:\n",
        "tests/e2e/test_values_come_back_from_the_archive.py",
        "tests/faults/test_every_format_survives.py::test_a_shipper_killed_before_some_of_its_operations_leaves_every_row_once",
    ),
    one(
        "a segment stays until every archive has it",
        "ship/worker.py",
        "all(worker is not None and worker.has(name) for worker in self.fleet)",
        "True",
        "tests/faults/test_several_archives.py",
    ),
    one(
        "what one archive gives up is not the others' to lose",
        "ship/worker.py",
        "        return all(worker is self or (worker is not None and worker.has(segment)) for worker in self.fleet)",
        "        return True",
        "tests/faults/test_several_archives.py::test_what_one_archive_gives_up_for_room_the_others_still_get",
    ),
    one(
        "a batch id names its rows",
        "ship/entries.py",
        "{digest[:8]}",
        "0",
        "tests/faults/test_lost_checkpoints.py::test_a_batch_id_never_names_other_rows_though_rounds_are_counted_again",
    ),
    one(
        "a signal never waits for the thread that it interrupts",
        "ship/child.py",
        "    leave = StopRequest()\n",
        "    leave = threading.Event()\n    leave.ask = leave.set\n",
        "tests/faults/test_a_stop_is_seen_at_any_point.py"
        "::test_a_signal_at_any_instruction_of_the_wait_ends_it_and_blocks_nothing",
    ),
    one(
        "collect imports nothing, also where an exception is looked at",
        "ready.py",
        "    import opcode  # what `interrupts` looks an exception up in\n",
        "    opcode = 0\n",
        "tests/faults/test_many_writers_at_once.py::test_collect_imports_nothing_in_the_thread_that_calls_it",
    ),
    one(
        "stats, flush and close import nothing",
        "ready.py",
        "    import modeldata.ship.status  # and with it",
        "    import modeldata.ship.watch  # and with it",
        "tests/faults/test_many_writers_at_once.py::test_stats_flush_and_close_import_nothing_in_the_thread_that_calls_them",
    ),
    one(
        "a segment that is held stops the removal of no other",
        "ship/removal.py",
        "            except OSError as error:\n                self.refused[name] = error\n                continue\n",
        "",
        _HELD + "::test_one_segment_that_is_held_stops_the_removal_of_no_other",
    ),
    one(
        "a held segment is not asked for at each look",
        "ship/removal.py",
        "        if now < self._retry_at:",
        "        if False:",
        _HELD + "::test_a_shipper_goes_on_beside_a_held_segment_says_so_once_and_removes_it_later",
    ),
    one(
        "no row is given up where nothing can be removed",
        "ship/pipeline.py",
        "if freed >= room or self.removal.blocked:",
        "if freed >= room:",
        _HELD + "::test_rows_are_given_up_only_where_that_frees_room",
    ),
    one(
        "a try that its own process outlived is no death",
        "ship/deadly_rounds.py",
        "        if number != self._number:",
        "        if True:",
        _HELD + "::test_a_round_that_fails_while_its_note_is_held_is_no_deadly_one",
    ),
    one(
        "an archive's file that is open elsewhere is named as that",
        "store/local_walk.py",
        "cause=refusal(error), hint=refusal_hint(error)",
        "cause=error.strerror or str(error)",
        _HELD + "::test_rows_wait_for_a_file_that_excel_has_open_while_other_collectors_go_on",
    ),
)
