"""Heads: what a record says, that it is made once, and that neither a key nor a second place holds up a row."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_FORM = "tests/format/test_heads_are_what_others_can_check.py"
_ROUNDS = "tests/heads/test_each_round_is_recorded.py"
_BECAME = "tests/heads/test_records_say_what_became_of_a_round.py"
_SIGNED = "tests/heads/test_heads_are_signed_and_go_to_a_second_place.py"
_SECOND = "tests/heads/test_rewrites_and_calls_go_to_a_second_place.py"
_REWRITES = "tests/heads/test_a_rewrite_leaves_a_record.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "heads: a leaf and a node never have one hash",
        "format/head.py",
        'sha256(b"\\0" + leaf)',
        "sha256(leaf)",
        _FORM + "::test_the_root_is_that_of_rfc_9162",
    ),
    one(
        "heads: a record that may have been sent stays as it is",
        "ship/pipeline.py",
        "is_true(intent) and (left_over or record_of(intent).parked == list(parked))",
        "False",
        _BECAME + "::test_a_shipper_that_dies_after_the_record_sends_the_same_one_again",
    ),
    one(
        "heads: a record is made again where a batch was cut",
        "ship/pipeline.py",
        "if is_true(intent) and (left_over",
        "if (True or is_true(intent)) and (left_over",
        _BECAME + "::test_a_batch_that_is_cut_is_recorded_as_its_parts_and_the_row_that_is_set_aside_as_lost",
    ),
    one(
        "heads: a parked batch that is cut is recorded",
        "ship/pipeline.py",
        "self.state.heads = with_halves(self.state.heads, rest, intent)",
        "pass",
        _BECAME + "::test_a_parked_batch_that_is_cut_later_is_recorded_as_its_parts",
    ),
    one(
        "heads: what landed late is recorded, without rows",
        "ship/heads.py",
        "return parked != log.parked or",
        "return",
        _ROUNDS + "::test_a_parked_batch_is_recorded_as_parked_and_as_landed_once_it_is_there",
    ),
    one(
        "heads: where none can be written rows go on",
        "ship/pipeline.py",
        "        if waiting and waiting[-1].record:  # rows first",
        "        if False:",
        _ROUNDS + "::test_where_heads_can_not_be_written_rows_are_archived_and_a_new_log_begins_later",
    ),
    one(
        "heads: a copied spool begins a log of its own",
        "ship/placement.py",
        "            self._after.heads = HeadLog()\n",
        "",
        _ROUNDS + "::test_a_copied_spool_begins_a_log_of_its_own",
    ),
    one(
        "heads: a log has a name that no other has",
        "ship/heads.py",
        "-{self._random(4).hex()}",
        "",
        _ROUNDS + "::test_a_lost_checkpoint_begins_another_log_and_never_forks_one",
    ),
    one(
        "heads: a living writer is recorded each hour",
        "ship/worker.py",
        "if self.pipeline.record_due(sight.writers) and",
        "if False and",
        _ROUNDS + "::test_a_living_writer_without_rows_is_recorded_once_an_hour",
    ),
    one(
        "heads: a writer has ended only with its last segment",
        "ship/heads.py",
        "ended = not seen.living and writer not in gathered.unfinished",
        "ended = not seen.living",
        _ROUNDS + "::test_a_writer_ends_only_with_its_last_segment",
    ),
    one(
        "heads: lost numbers count as reached",
        "ship/heads.py",
        "numbers[lost_of] = max(last, numbers.get(lost_of, 0))",
        "pass",
        _ROUNDS + "::test_numbers_that_are_lost_count_as_reached",
    ),
    one(
        "heads: a key that can't be used stops no row",
        "ship/worker.py",
        "        except SettingsError as error:\n            self.unsigned",
        "        except ZeroDivisionError as error:\n            self.unsigned",
        _SIGNED + "::test_a_key_that_can_not_be_used_is_named_and_rows_go_on_unsigned",
    ),
    one(
        "heads: a second place that fails stops no row",
        "ship/publish.py",
        "            except Exception as error:",
        "            except ZeroDivisionError as error:",
        _SIGNED + "::test_what_failed_is_tried_again_with_the_next_head_and_named_again_only_after_a_success",
    ),
    one(
        "heads: a second place that hangs stops no row",
        "ship/publish.py",
        "                self._thread.start()",
        "                self._thread.run()",
        _SIGNED + "::test_a_second_place_that_hangs_gets_the_newest_head_once_it_answers",
    ),
    one(
        "heads: a key is never shown",
        "errors.py",
        "    text = signing.sub(MASK, text)\n",
        "",
        _SIGNED + "::test_a_key_is_masked_wherever_it_is_written_also_before_it_was_read",
    ),
    one(
        "heads: a rewrite holds without a record",
        "ship/heads.py",
        "except (StoreError, Conflict):",
        "except Conflict:",
        _REWRITES + "::test_a_rewrite_holds_where_the_archive_takes_no_record",
    ),
    one(
        "heads: a key given as text goes to no executor",
        "settings/__init__.py",
        'if name != "heads_key" or not is_key_text(self.heads_key)',
        "if True",
        _SIGNED + "::test_a_key_that_was_given_as_text_goes_to_the_shipper_and_to_no_pickle_or_executor",
    ),
    one(
        "heads: a drain tries what is parked after a round without rows",
        "ship/pipeline.py",
        "more or (parked_too and not rows and bool(self.parked))",
        "more",
        _BECAME + "::test_a_parked_batch_that_is_cut_later_is_recorded_as_its_parts",
    ),
    one(
        "heads: an earlier version reads an intent",
        "ship/outbox.py",
        "return fields if self.record else fields[:-1]",
        "return fields",
        _ROUNDS + "::test_an_earlier_version_finds_all_but_the_record_in_an_intent",
    ),
    one(
        "heads: a record that the archive did not take comes with the next rewrite",
        "ship/heads.py",
        "    except Unavailable:\n        return False\n",
        "    except Unavailable:\n        return True\n",
        _REWRITES + "::test_a_record_that_the_archive_did_not_take_comes_with_the_next_run",
    ),
    one(
        "heads: a record counts once its switch is there",
        "keep/record.py",
        "        came = bool(_batches_of(line) & batches)\n",
        "        came = True\n",
        _REWRITES + "::test_a_record_is_in_the_archive_before_its_switch_and_proves_nothing_where_that_never_comes",
    ),
    one(
        "heads: a rewrite takes its head to the second place",
        "keep/record.py",
        "        if done and run.publish is not None and log.startswith(run.id):\n",
        "        if False:\n",
        _SECOND + "::test_the_head_of_each_rewrite_is_there_and_notices_that_its_record_was_cut",
    ),
    one(
        "heads: a run vouches for its own rewrites alone",
        "keep/record.py",
        " and log.startswith(run.id):\n",
        ":\n",
        _SECOND + "::test_what_another_run_left_is_not_vouched_for",
    ),
    one(
        "heads: a second place that hangs ends no rewrite",
        "ship/publish.py",
        "publisher.finish(LONGEST_SECONDS)",
        "publisher.finish(60.0)",
        _SECOND + "::test_a_second_place_that_hangs_ends_no_rewrite",
    ),
)
