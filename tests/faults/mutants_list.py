"""The guards, how each is switched off, and the tests that must notice. One entry each; see `mutants`."""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """`changes`: (file below src/modeldata, text that is there exactly once, what replaces it)."""

    guard: str
    changes: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]


_CRASH = "tests/faults/test_every_crash_point.py"
_POWER = "tests/faults/test_power_cuts.py"
_BYTES = "tests/spool/test_frames_survive_any_bytes.py"
_MANY = "tests/spool/test_many_frames_are_read_as_one_by_one.py"
_JUDGED = "tests/spool/test_runs_are_judged_frame_by_frame.py"
_GUARDS = "tests/faults/test_guards.py"
_LARGE = "tests/spool/test_large_frames_are_written_where_they_lie.py"
_FRAMES = "tests/snapshot/test_both_ways_to_a_frame_are_one.py"
_PLACE = "tests/spool/test_where_a_spool_may_be.py"
_DISK = "tests/faults/test_bounded_disk.py"
_SHIPPER_KILLED = _CRASH + "::test_a_shipper_killed_before_any_of_its_operations_loses_and_doubles_nothing"
_CUT_SHIPPING = _POWER + "::test_a_power_cut_at_any_moment_of_shipping_doubles_nothing_and_loses_nothing_synced"
_BESIDE = "tests/keep/test_others_work_beside.py"
_STATES = "tests/faults/test_state_machine.py::test_no_history_loses_doubles_or_mangles_a_row"


def _one(guard: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(guard, ((file, old, new),), tests)


MUTANTS = (
    _one(
        "a number seen before is a repeat",
        "ship/gather.py",
        "if expected is not None and first < expected:\n            return False",
        "if False:\n            return False",
        _GUARDS + "::test_a_row_that_is_spooled_twice_under_one_number_is_archived_once",
    ),
    _one(
        "a number too high is a loss, told",
        "ship/gather.py",
        "if expected is not None and first > expected:",
        "if False:",
        _GUARDS + "::test_a_hole_in_the_numbers_is_told_exactly",
    ),
    _one(
        "a run of frames whose numbers do not follow is judged frame by frame",
        "ship/gather.py",
        "or (first[:-1] + rows[:-1] != first[1:]).any()",
        "",
        _JUDGED,
    ),
    _one(
        "a run of frames begins where its collector was",
        "ship/gather.py",
        "if expected not in (None, int(first[0])) or",
        "if",
        _JUDGED,
    ),
    _one(
        "the headers' checksums, many frames at once",
        "spool/run.py",
        '    count = _leading(checks == heads["head_check"][:count])\n',
        "",
        _MANY,
    ),
    _one(
        "the payloads' checksums, many frames at once",
        "spool/run.py",
        '    return _leading(checks == heads["payload_check"][:count])',
        "    return count",
        _MANY,
    ),
    _one(
        "fsync of staging and intent, content",
        "spool/files.py",
        "            files.sync(fd)  # the content before the name: a name never points to less",
        "            pass",
        _GUARDS + "::test_staging_and_intent_are_durable_before_the_first_byte_is_sent",
        _CUT_SHIPPING,
    ),
    _one(
        "fsync of staging and intent, name",
        "spool/files.py",
        "        files.sync_folder(os.path.dirname(path))  # the name itself",
        "        pass",
        _GUARDS + "::test_staging_and_intent_are_durable_before_the_first_byte_is_sent",
    ),
    _one(
        "the bytes are frozen before the intent",
        "ship/freeze.py",
        "        staging.finish()\n        self.rewrite(intent)",
        "        self.rewrite(intent)\n        staging.finish()",
        _SHIPPER_KILLED,
    ),
    _one(
        "intent before send",
        "ship/pipeline.py",
        "                self._freezer.freeze(intent, staging)",
        "                open_intent, self._freezer.rewrite = self._freezer.rewrite, lambda intent: None\n"
        "                self._freezer.freeze(intent, staging)\n                self._freezer.rewrite = open_intent",
        _SHIPPER_KILLED,
    ),
    _one(
        "an intent is sent again after a restart",
        "ship/pipeline.py",
        "        if intent.round <= self.state.round:\n",
        "        if True:\n",
        _SHIPPER_KILLED,
    ),
    _one(
        "a committed intent is not sent again",
        "ship/pipeline.py",
        "        if intent.round <= self.state.round:\n",
        "        if False:\n",
        _GUARDS + "::test_an_intent_that_was_committed_is_only_cleared",
    ),
    _one(
        "commit only with the lead",
        "ship/pipeline.py",
        "        if not self._may_commit():",
        "        if False:",
        _GUARDS + "::test_a_leader_whose_lock_was_replaced_commits_nothing",
    ),
    _one(
        "the header's checksum",
        "spool/frame.py",
        "if check is None or check(data[offset:end], salt) != CRC.unpack_from(data, end)[0]:",
        "if len(data) < end + CRC.size:",
        _BYTES,
    ),
    _one(
        "the payload's checksum",
        "spool/frame.py",
        "return _CHECKS[header.check](payload, salt) == header.payload_crc",
        "return header.check == CHECK_CRC32",
        _BYTES,
    ),
    _one(
        "the salt of the checksums",
        "spool/segment.py",
        'return crc32(writer_id + number.to_bytes(4, "little"))',
        "return 0",
        _BYTES,
        _GUARDS + "::test_a_frame_copied_from_another_segment_is_not_taken_for_one_of_this",
    ),
    _one(
        "segments go only after the commit",
        "ship/pipeline.py",
        "        rows = self._send(intent)\n        self._commit(intent.after)",
        "        rows = self._send(intent)\n        self.remove([name for name, at in intent.after.offsets.items() if at == DONE])\n"
        "        self._commit(intent.after)",
        _GUARDS + "::test_a_segment_is_removed_only_after_the_checkpoint_is_durable",
        _SHIPPER_KILLED,
    ),
    _one(
        "segments go only after they are archived",
        "ship/pipeline.py",
        "        rows = self._send(intent)\n        self._commit(intent.after)",
        "        self.remove([name for name, at in intent.after.offsets.items() if at == DONE])\n        rows = self._send(intent)\n"
        "        self._commit(intent.after)",
        _GUARDS + "::test_a_segment_is_removed_only_after_the_checkpoint_is_durable",
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
        (_GUARDS + "::test_a_segment_that_could_not_be_removed_is_not_archived_again",),
    ),
    _one(
        "the checkpoint knows a writer's numbers until its segments are gone",
        "ship/gather.py",
        "for writer_id in [writer_id for writer_id in state.sequences if writer_id not in writers]:",
        "for writer_id in list(state.sequences):",
        _GUARDS + "::test_a_row_that_is_spooled_twice_under_one_number_is_archived_once",
        _GUARDS + "::test_a_hole_in_the_numbers_is_told_exactly",
    ),
    _one(
        "one leader",
        "spool/lock.py",
        "            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "            pass",
        _GUARDS + "::test_one_process_leads_and_the_next_one_only_after_it",
    ),
    _one(
        "leadership is not inherited",
        "spool/lock.py",
        "        if self._released or os.getpid() != self._pid:\n            return False",
        "        if False:\n            return False",
        _GUARDS + "::test_a_forked_child_leads_nothing",
    ),
    _one(
        "the lock file is still the one that was locked",
        "spool/lock.py",
        "return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)",
        "return True",
        _GUARDS + "::test_a_leader_whose_lock_was_replaced_commits_nothing",
    ),
    _one(
        "a new writer after a fork (hook)",
        "spool/writer.py",
        "    os.register_at_fork(after_in_child=_after_fork_in_child)",
        "    pass",
        _GUARDS + "::test_a_forked_child_lets_go_of_its_parents_segments_at_once",
    ),
    _one(
        "a new writer after a fork (process id)",
        "spool/writer.py",
        "        if not self._ours[0]:\n            self.after_fork()",
        "        if False:\n            self.after_fork()",
        "tests/e2e/test_accepted_rows_survive.py::test_forked_children_write_as_writers_of_their_own",
    ),
    _one(
        "a position is where we left it",
        "store/local.py",
        "        if size < start:\n",
        "        if False:\n",
        _GUARDS + "::test_a_file_that_shrank_is_never_written_to_beyond_its_end",
    ),
    _one(
        "what lies there is compared",
        "store/local.py",
        "            if size > start + len(data) or not _ours(left, data):",
        "            if size > start + len(data):",
        _GUARDS + "::test_bytes_of_somebody_else_are_never_overwritten_or_cut",
    ),
    _one(
        "an append is known again when more of its round follows",
        "store/local.py",
        "min(size - start, len(data)), start)",
        "size - start, start)",
        _SHIPPER_KILLED,
    ),
    _one(
        "rows are not to blame for a lack of memory",
        "columns/__init__.py",
        "    except (Undecodable, MemoryError, ImportError):",
        "    except Undecodable:",
        "tests/snapshot/test_rows_are_read_all_at_once.py::test_a_frame_is_not_to_blame_for_what_the_process_lacks",
    ),
    _one(
        "a copied spool takes another id",
        "spool/place.py",
        "    if noted in (None, inode):",
        "    if True:",
        _PLACE + "::test_a_copied_spool_takes_an_id_of_its_own_and_every_process_takes_the_same",
    ),
    _one(
        "a copied spool leaves the files of the original alone",
        "ship/targets.py",
        "            self._after.targets.clear()",
        "            pass",
        _PLACE + "::test_a_restored_copy_of_a_spool_never_writes_into_the_files_of_the_original",
    ),
    _one(
        "no spool on a network file system",
        "spool/place.py",
        "        check_local(folder, files, allow_network=allow_network)\n",
        "",
        _PLACE + "::test_a_spool_on_a_network_file_system_is_refused_unless_the_risk_is_taken",
    ),
    _one(
        "threads of one process never open the leader's lock side by side",
        "spool/lock.py",
        "return cls.held_here.setdefault(path, token) is token",
        "return True if not cls.held_here.__setitem__(path, token) else False",
        _PLACE + "::test_two_threads_of_a_process_never_open_the_lock_of_the_leader_side_by_side",
    ),
    _one(
        "a dead writer's last second is synced",
        "ship/watch.py",
        "            segment.sync()  # also a dead writer's: its last second came after the last look",
        "            if segment.alive:\n                segment.sync()",
        _PLACE + "::test_what_a_dead_writer_stored_last_is_made_durable_once",
    ),
    _one(
        "an append that landed is not repeated",
        "store/local.py",
        "                return  # an earlier try landed, and perhaps what follows in the same round as well\n",
        "                start = size\n",
        _SHIPPER_KILLED,
    ),
    _one(
        "our half row is cut away after a failed write",
        "store/local.py",
        "        except OSError:\n            self._files.truncate(fd, start)\n            raise",
        "        except OSError:\n            raise",
        _GUARDS + "::test_a_write_that_fails_half_way_leaves_no_half_row",
    ),
    _one(
        "fsync of the archive's file",
        "store/local.py",
        "                self._files.sync(fd)\n            finally:",
        "                pass\n            finally:",
        _CUT_SHIPPING,
        _GUARDS + "::test_rows_are_durable_in_the_archive_before_the_checkpoint_says_so",
    ),
    _one(
        "fsync of the archive's folder",
        "store/local.py",
        "            if made:\n                self._files.sync_folder(os.path.dirname(full))",
        "            if made:\n                pass",
        _CUT_SHIPPING,
        _GUARDS + "::test_rows_are_durable_in_the_archive_before_the_checkpoint_says_so",
    ),
    _one(
        "fsync of the checkpoint",
        "ship/checkpoint.py",
        "            self._files.sync(fd)\n        finally:",
        "            pass\n        finally:",
        _GUARDS + "::test_the_checkpoint_is_durable_before_a_segment_goes",
    ),
    _one(
        "quota is measured",
        "spool/quota.py",
        "left = self.most - used_bytes(place, self._files)",
        "left = self.most",
        _DISK,
    ),
    _one(
        "min_free",
        "spool/quota.py",
        "        if free - smallest < kept:",
        "        if False:",
        _DISK,
        _GUARDS + "::test_room_is_left_to_the_rest_of_the_machine",
    ),
    Mutant(
        "room for END is kept",
        (("spool/segment.py", "END_ROOM = frame.FRAME_BYTES", "END_ROOM = 0"),),
        (_GUARDS + "::test_every_segment_that_its_writer_left_says_END",),
    ),
    _one(
        "the new segment is there before the old one ends",
        "spool/writer.py",
        "        fresh = self._writer.new_segment(self.writer_id, self._next_segment, need, time_ns)\n"
        "        self._leave(END=True, time_ns=time_ns)",
        "        self._leave(END=True, time_ns=time_ns)\n"
        "        fresh = self._writer.new_segment(self.writer_id, self._next_segment, need, time_ns)",
        _GUARDS + "::test_a_living_writer_is_never_without_a_segment",
    ),
    _one(
        "the two slots of the checkpoint take turns",
        "ship/checkpoint.py",
        "path = self._paths[generation % 2]",
        "path = self._paths[0]",
        _GUARDS + "::test_a_checkpoint_torn_while_written_leaves_the_one_before",
    ),
    _one(
        "the checkpoint's checksum",
        "ship/checkpoint.py",
        "if magic != MAGIC or crc32(content, generation & 0xFFFF_FFFF) != check:",
        "if magic != MAGIC:",
        _GUARDS + "::test_a_checkpoint_torn_while_written_leaves_the_one_before",
    ),
    _one(
        "a lane that was interrupted is retired",
        "collector.py",
        "            writer.retire(lane)  # it is not known how far we came; the rows are there once or not at all\n",
        "            writer.release(lane)\n",
        _GUARDS + "::test_a_lane_that_was_interrupted_while_it_wrote_is_never_used_again",
    ),
    _one(
        "definitions are written twice",
        "spool/writer.py",
        "        segment.store(made + made)",
        "        segment.store(made)",
        _BYTES,
        _GUARDS + "::test_a_flipped_bit_in_a_definition_costs_no_row",
    ),
    _one(
        "segment headers are written twice",
        "spool/frame.py",
        "    for start in (0, SEGMENT_HEADER_BYTES):",
        "    for start in (0,):",
        _GUARDS + "::test_a_damaged_segment_header_costs_no_row",
        _BYTES,
    ),
    _one(
        "links are not followed",
        "spool/files.py",
        ' | getattr(os, "O_NOFOLLOW", 0)',
        "",
        _GUARDS + "::test_a_link_planted_in_the_spool_is_not_followed",
    ),
    _one(
        "only regular files with one name",
        "spool/files.py",
        "if not stat.S_ISREG(seen.st_mode) or (one_name and seen.st_nlink > 1):",
        "if False:",
        _GUARDS + "::test_a_second_name_or_a_fifo_in_the_spool_is_left_alone",
    ),
    _one(
        "a fifo does not hang",
        "spool/files.py",
        "fd = self.open(path, os.O_RDONLY | _NONBLOCK)",
        "fd = self.open(path, os.O_RDONLY)",
        _GUARDS + "::test_a_second_name_or_a_fifo_in_the_spool_is_left_alone",
    ),
    _one(
        "a spool is private",
        "spool/place.py",
        "    if seen.st_mode & 0o022:",
        "    if False:",
        "tests/e2e/test_the_service_is_never_harmed.py::test_a_spool_that_others_could_write_is_refused_with_owner_and_mode",
    ),
    _one(
        "a file of the archive has one owner",
        "store/local.py",
        "        return found == owner",
        "        return True",
        _GUARDS + "::test_two_spools_never_write_one_file",
    ),
    _one(
        "a file that nobody claimed is not ours",
        "store/local.py",
        "                if self.length(path) > 0:\n                    return False",
        "                if False:\n                    return False",
        _GUARDS + "::test_a_file_that_was_there_before_us_is_left_alone",
    ),
    _one(
        "secrets are masked",
        "errors.py",
        "    for masked in (_mask_known, _mask_users, _mask_headers, _mask_tokens, _mask_named, _mask_keys):\n",
        "    for masked in ():\n",
        "tests/settings/test_secrets_never_show.py",
    ),
    _one(
        "a failed fsync is not asked again",
        "spool/writer.py",
        "            segment.withdraw(frame.frame_size(payload))\n            self._leave(END=False, time_ns=time_ns)\n",
        "            segment.sync()\n            return\n",
        _POWER + "::test_a_failed_fsync_is_not_repeated_and_its_row_is_written_anew_under_the_same_number",
    ),
    _one(
        "a segment's name is durable with fsync=always",
        "spool/writer.py",
        "                self._files.sync_folder(place.segments)  # else the name could be lost with the power",
        "                pass",
        _POWER + "::test_with_fsync_always_a_power_cut_takes_no_accepted_row",
    ),
    _one(
        "a segment is held before it has its name",
        "spool/segment.py",
        "            files.hold(self._fd)  # before it has its name: no reader can take a new segment for a dead one",
        "            pass",
        _GUARDS + "::test_what_a_living_writer_holds_is_not_taken_for_dead",
        _STATES,
    ),
    _one(
        "a write that failed leaves nothing in the segment",
        "spool/segment.py",
        "            self._erase(start, len(data))\n            raise NotStored",
        "            raise NotStored",
        _GUARDS + "::test_a_frame_that_the_disk_refused_half_way_is_erased",
    ),
    _one(
        "pieces that the disk refused leave nothing in the segment",
        "spool/segment.py",
        "            self._erase(start, frame.frame_size(size))\n            raise NotStored",
        "            raise NotStored",
        _GUARDS + "::test_a_frame_that_the_disk_refused_half_way_is_erased",
    ),
    _one(
        "the checksum of pieces that others may change is that of what was stored",
        "spool/segment.py",
        "                check = frame.checksum(stored, self.salt)",
        "                check = frame.checksum_of(pieces, self.salt)",
        _LARGE,
    ),
    _one(
        "the header of a large frame comes last",
        "spool/segment.py",
        "        start, at = self.end, self.end + frame.FRAME_BYTES\n        size = sum(map(len, pieces))\n",
        "        start, at = self.end, self.end + frame.FRAME_BYTES\n        size = sum(map(len, pieces))\n"
        "        write_all(self._files, self._fd, seal(frame.checksum_of(pieces, self.salt)), start)\n",
        _LARGE,
    ),
    _one(
        "a frame's blocks are compared with those of its recipe",
        "snapshot/blocks.py",
        "            if (where if type(where) is slice else where.tobytes()) != place:\n                return False",
        "            pass",
        _FRAMES,
    ),
    _one(
        "blocks are read only where they give what the public way gives",
        "snapshot/frames.py",
        "                if taken is not None and _content(taken) != _content(take_public(frame, shapes, pack)):\n                    return False",
        "                pass",
        _FRAMES,
    ),
    _one(
        "an append to Azure names its position",
        "store/azure.py",
        ", appendpos_condition=start, validate_content=True)",
        ", validate_content=True)",
        "tests/stores/test_azure_store.py",
    ),
    _one(
        "what Azure has at a position is read back",
        "store/azure.py",
        "        return found == content\n",
        "        return True\n",
        "tests/stores/test_azure_store.py",
        "tests/stores/test_azure_ends.py",
    ),
    _one(
        "an object is created, never replaced",
        "store/objects.py",
        'content, mode="create", use_multipart=False',
        'content, mode="overwrite", use_multipart=False',
        "tests/stores/test_conformance.py::TestS3",
    ),
    _one(
        "an object that is there is compared",
        "store/objects.py",
        "        if found == content:\n            return True\n",
        "        if True:\n            return True\n",
        "tests/stores/test_conformance.py::TestS3",
    ),
    _one(
        "a store without conditions is looked at first",
        "store/objects.py",
        "        if path not in self._mangled and self._landed(path, content):\n            return None\n",
        "",
        "tests/stores/test_group_b_content.py::test_a_store_without_conditional_writes_is_looked_at_before_it_is_written_to",
    ),
    _one(
        "a whole file in a folder has its name only when it is whole",
        "store/local.py",
        "            give_name(self._files, hidden, full)",
        "            self._files.rename(hidden, full)",
        "tests/stores/test_conformance.py::TestLocal",
    ),
    _one(
        "numbers of whole files are never used again",
        "ship/targets.py",
        "    def _next_part(self, folder: str) -> str:\n        self._after.parts += 1\n",
        "    def _next_part(self, folder: str) -> str:\n",
        "tests/e2e/test_values_come_back_from_the_archive.py",
        "tests/faults/test_every_format_survives.py::test_a_shipper_killed_before_some_of_its_operations_leaves_every_row_once",
    ),
    _one(
        "a segment stays until every archive has it",
        "ship/worker.py",
        "all(worker is not None and worker.has(name) for worker in self.fleet)",
        "True",
        "tests/faults/test_several_archives.py",
    ),
    _one(
        "what one archive gives up is not the others' to lose",
        "ship/worker.py",
        "        return all(worker is self or (worker is not None and worker.has(segment)) for worker in self.fleet)",
        "        return True",
        "tests/faults/test_several_archives.py::test_what_one_archive_gives_up_for_room_the_others_still_get",
    ),
    _one(
        "a refused batch is cut only after a definite refusal",
        "store/azure.py",
        "if failure.kind is Kind.REFUSED and attempt not in self._unsure:",
        "if failure.kind is Kind.REFUSED:",
        "tests/stores/test_azure_store.py",
    ),
    _one(
        "a leader that let go never commits",
        "spool/lock.py",
        "if self._released or os.getpid() != self._pid:",
        "if os.getpid() != self._pid:",
        "tests/stores/test_lost_answers.py::test_a_shipper_that_wakes_up_after_another_took_over_does_no_harm",
    ),
    _one(
        "compaction takes away only what did not grow",
        "keep/switch.py",
        "if not store.remove_if(path, ends[path])}",
        "if store.remove(path) or not path}",
        _BESIDE + "::test_a_file_that_grows_just_before_it_would_go_stays",
    ),
    _one(
        "batches that were ever replaced stay so",
        "keep/switch.py",
        "sorted({*ids, *self.look.contents.replaced})",
        "sorted({*ids})",
        _BESIDE + "::test_a_batch_that_is_sent_again_after_two_generations_counts_once",
    ),
    _one(
        "what replaced lines told of losses is told again",
        "keep/compact.py",
        "    draft.replace([str(line.batch) for line in replaced if line.batch], carried(replaced))",
        "    draft.replace([str(line.batch) for line in replaced if line.batch], {})",
        _BESIDE,
    ),
    _one(
        "a generation's number stays taken",
        "keep/switch.py",
        "            store.remove(log)\n            _take_number(store, seen, number)",
        "            store.remove(log)",
        _BESIDE + "::test_a_switch_that_comes_after_two_others_finds_its_number_taken_in_any_store",
    ),
    _one(
        "the new files are there before the switch",
        "keep/switch.py",
        "        for one in draft.files:\n            _put(store",
        "        store.put(path, lines)\n        for one in draft.files:\n            _put(store",
        _BESIDE + "::test_a_reader_sees_what_was_before_or_what_is_after",
    ),
    _one(
        "a batch id names its rows",
        "ship/pipeline.py",
        "{sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}",
        "0",
        "tests/faults/test_lost_checkpoints.py::test_a_batch_id_never_names_other_rows_though_rounds_are_counted_anew",
    ),
)
