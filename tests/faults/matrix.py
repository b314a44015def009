"""The fault matrix of reliability.md, groups A, C, D, E, F and G: which test shows each row, or why there is none.

`ROWS`: row → beginnings of test ids (`file::name`, below tests/). `REASONS`: row → why it is not testable with this version. `OPEN`: row →
what is still to be written. Group B is in `tests/stores/matrix.py`, group H in `tests/faults/hostile/`.
"""

from __future__ import annotations

from tests.faults import hostile

_CRASH = "faults/test_every_crash_point.py::"
_POWER = "faults/test_power_cuts.py::"
_FULL = "faults/test_full_and_read_only_disks.py::"
_PROCESSES = "faults/test_processes_that_die_or_stop.py::"
_CALLS = "faults/test_system_calls_that_kill_or_fail.py::"
_CLOCKS = "faults/test_clocks_that_are_wrong.py::"
_WRITERS = "faults/test_many_writers_at_once.py::"
_MEMORY = "faults/test_scarce_memory.py::"
_SEGMENTS = "faults/test_segments_say_how_they_end.py::"
_FILES = "faults/test_files_of_others_stay_as_they_are.py::"
_LEADS = "faults/test_one_process_leads.py::"
_STRANGERS = "faults/test_strangers_in_the_spool.py::"
_DISK = "faults/test_bounded_disk.py::"
_LOST = "faults/test_lost_checkpoints.py::"
_STATES = "faults/test_state_machine.py::test_no_history_loses"
_SOAK = "faults/test_soak.py::test_twenty_seconds"
_BYTES = "spool/test_frames_survive_any_bytes.py::"
_OLD = "spool/test_old_spools_are_shipped.py::"
_PLACE = "spool/test_where_a_spool_may_be.py::"
_E2E = "e2e/test_accepted_rows_survive.py::"
_CALM = "e2e/test_the_service_is_never_harmed.py::"
_GUNICORN = "services/test_gunicorn.py::"
_SECRETS = "settings/test_secrets_never_show.py::"
_NAMES = "names/test_no_name_escapes_its_folder.py::"
_PATHS = "names/test_paths_are_the_seeds.py::"
_LISTS = "snapshot/test_lists_and_dicts_keep_their_rows.py::"
_VALUES = "snapshot/test_single_values_keep_their_type.py::"
_COLUMNS = "snapshot/test_column_names_are_safe.py::"
_REFUSED = "snapshot/test_bad_data_is_refused_with_a_reason.py::"

ROWS: dict[str, tuple[str, ...]] = {
    "A1": (_SOAK, _GUNICORN + "test_a_worker_killed"),
    "A2": (_PROCESSES + "test_frames_of_16_mib_torn",),
    "A3": (_PROCESSES + "test_when_the_leader_is_killed", _GUNICORN + "test_a_shipper_killed"),
    "A4": (_CALLS + "test_a_shipper_killed_at_", _CRASH + "test_a_shipper_killed_before_any"),
    "A5": (_CALLS + "test_a_shipper_killed_again", _CRASH + "test_a_crash_during_the_recovery", _CRASH + "test_every_pair"),
    "A6": (_E2E + "test_rows_survive_every_way", _E2E + "test_ten_thousand_rows"),
    "A7": (_GUNICORN + "test_four_workers_5000_requests_and_sigterm",),
    "A8": (_E2E + "test_a_script_that_just_ends", _E2E + "test_flush_and_close_return_false_in_time"),
    "A9": ("faults/test_scarce_memory.py::", _MEMORY + "test_a_shipper_that_runs_out_of_memory"),
    "A10": (_PROCESSES + "test_a_stopped_leader",),
    "A11": (_E2E + "test_several_processes_write_one_file", _E2E + "test_what_was_pending"),
    "A12": (_SEGMENTS + "test_a_segment_that_was_only_begun", _BYTES + "test_a_segment_that_was_only_begun"),
    "C1": (_FULL + "test_a_full_disk_refuses", _CALLS + "test_a_writer_whose_system_call_fails"),
    "C2": (
        _FULL + "test_a_full_disk_never_stops",
        _CALLS + "test_a_shipper_whose_system_call",
        _CRASH + "test_a_shipper_whose_disk",
    ),
    "C3": (_DISK + "test_drop_newest", _DISK + "test_drop_oldest", _DISK + "test_block_waits"),
    "C4": (_CALLS + "test_a_writer_whose_system_call_fails", _CRASH + "test_a_writer_whose_disk_fails"),
    "C5": (_CALLS + "test_an_fsync_that_failed", _POWER + "test_a_failed_fsync"),
    "C6": (_SEGMENTS + "test_a_segment_that_can_not_be_read",),
    "C7": (_BYTES + "test_any_one_flipped_bit", _BYTES + "test_a_definition_survives"),
    "C8": (_BYTES + "test_a_lying_length",),
    "C9": (_BYTES + "test_a_segment_cut_at_any_byte",),
    "C10": (_POWER + "test_with_fsync_always", _POWER + "test_with_fsync_interval", _STATES),
    "C11": (_LOST + "test_losing_the_newest_slot", _LOST + "test_with_both_slots_gone", _LOST + "test_any_flipped_byte"),
    "C12": (_CALM + "test_a_removed_spool_is_made_again",),
    "C13": (_FULL + "test_a_spool_that_became_read_only", _FULL + "test_a_spool_that_can_not_be_made"),
    "C14": (
        _FULL + "test_a_disk_without_inodes",
        _FULL + "test_a_limit_of_the_process",
        _CRASH + "test_a_writer_whose_disk_fails",
    ),
    "C15": (_PLACE + "test_a_spool_on_a_network", _PLACE + "test_a_collector_on_a_network", _PLACE + "test_rows_for_a_remote"),
    "C16": (_PLACE + "test_a_copied_spool", _PLACE + "test_a_restored_copy"),
    "C17": (_FULL + "test_an_archive_on_a_full_disk", _FILES + "test_a_write_that_fails_half_way"),
    "C18": (_OLD + "test_an_old_spool", _OLD + "test_a_segment_from_the_future", _OLD + "test_a_spool_folder_of_an_unknown"),
    "D1": (_GUNICORN + "test_every_kind_of_worker", _GUNICORN + "test_a_master_that_collects_before_it_forks"),
    "D2": (_WRITERS + "test_forks_while_threads_collect",),
    "D3": (_E2E + "test_forked_children",),
    "D4": (_PROCESSES + "test_a_child_that_a_leader_forked",),
    "D5": (_E2E + "test_forked_children", _SOAK),
    "D6": (_WRITERS + "test_tasks_and_threads_of_an_event_loop", _E2E + "test_threads_collect_side_by_side"),
    "D7": (_GUNICORN + "test_every_kind_of_worker",),
    "D8": (_CALM + "test_collecting_from_signal_handlers",),
    "D9": (_E2E + "test_flush_and_close_return_false_in_time",),
    "D10": (
        _PROCESSES + "test_a_stopped_leader",
        _PROCESSES + "test_when_the_leader_is_killed",
        _LEADS + "test_one_process_leads",
    ),
    "D11": (_WRITERS + "test_two_spools_share_an_archive",),
    "D12": (_WRITERS + "test_processes_of_one_number",),
    "D13": (_WRITERS + "test_a_thousand_dead_segments",),
    "D14": (_WRITERS + "test_a_reader_that_is_faster", _STATES),
    "D15": (_GUNICORN + "test_workers_that_live_for_ten_requests", _SOAK),
    "D16": (_WRITERS + "test_a_fork_after_collector_and_archive_are_gone",),
    "E1": (_CLOCKS + "test_a_clock_that_goes_back", _STATES),
    "E2": (_CLOCKS + "test_a_clock_ten_years_ahead", _STATES),
    "E3": (_CLOCKS + "test_rows_on_both_sides_of_midnight",),
    "E4": (_CLOCKS + "test_rows_on_both_sides_of_midnight",),
    "E5": (_CLOCKS + "test_rows_of_last_week",),
    "E6": (
        _PATHS + "test_the_time_zone_of_the_machine",
        _PATHS + "test_days_have_24_hours",
        _VALUES + "test_the_hour_that_comes_twice",
    ),
    "E7": ("stores/test_a_store_out_of_reach.py::test_a_clock_that_is_wrong",),
    "E8": (_PROCESSES + "test_a_stopped_leader", _SOAK),
    "F1": (_CALM + "test_bad_data_never_raises", _REFUSED),
    "F2": (_VALUES, "snapshot/test_pandas_frames_keep_their_types.py::", "snapshot/test_numpy_arrays_keep_dtype_and_order.py::"),
    "F3": ("encode/test_csv_is_read_alike.py::",),
    "F9": ("encode/test_csv_is_read_alike.py::test_excel_safe_touches_text_and_never_numbers",),
    "F4": (_LISTS + "test_a_row_of_64_mib", "stats/test_counts_are_reported.py::test_stats_add_up"),
    "F5": (_LISTS + "test_nothing_is_no_frame", _LISTS + "test_ten_thousand_columns"),
    "F6": (_LISTS + "test_data_of_another_schema", _LISTS + "test_a_column_that_changes_its_type"),
    "F7": (_COLUMNS + "test_a_name_that_comes_again", _COLUMNS + "test_a_feature_named_like_our_columns"),
    "F8": ("snapshot/test_what_is_taken_is_a_copy.py::test_data_changed_after_the_call",),
    "F10": (_STRANGERS + "test_a_second_name_or_a_fifo",),
    "G1": (_NAMES + "test_each_trick_of_the_table", _NAMES + "test_no_two_of_the_table", _NAMES + "test_no_field_of_an_identity"),
    "G2": (_CALM + "test_a_spool_in_a_folder_that_others_can_write", _CALM + "test_spool_files_are_private"),
    "G3": (_STRANGERS + "test_a_link_planted_in_the_spool",),
    "G4": (_STRANGERS + "test_a_second_name_or_a_fifo",),
    "G5": (
        _SECRETS + "test_a_secret_of_each_kind",
        _SECRETS + "test_no_error_shows_a_secret",
        _SECRETS + "test_settings_show_no_secret",
    ),
    "G6": ("house/test_nothing_stored_can_run.py::", "snapshot/test_damaged_frames_are_reported.py::test_any_bytes"),
    "G7": ("stores/test_azure_access.py::", "stores/test_object_credentials.py::test_no_credentials_cross"),
    "G9": ("stores/test_credentials_file.py::", _SECRETS + "test_settings_show_no_secret"),
    "G8": (_SECRETS + "test_a_log_line_cannot_be_forged", _SECRETS + "test_any_text_becomes_one_printable_line"),
    "G10": (_CALM + "test_a_spool_in_a_folder_that_others_can_write",),
    **hostile.ROWS,
}

REASONS: dict[str, str] = {}

OPEN: dict[str, str] = {}
