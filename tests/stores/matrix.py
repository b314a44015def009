"""Group B of the fault matrix of reliability.md, and the rows of other groups that need a remote store: which test shows each row.

`ROWS`: row → beginnings of test ids (`file::name`, below tests/). `REASONS`: row → what of it can't be tested here, and why.
"""

from __future__ import annotations

_REACH = "stores/test_a_store_out_of_reach.py::"
_CONTENT = "stores/test_what_a_store_does_with_rows.py::"
_LOST = "stores/test_lost_answers.py::"
_HOSTS = "stores/test_two_hosts.py::"
_SECRETS = "stores/test_no_secret_leaves.py::"

ROWS: dict[str, tuple[str, ...]] = {
    "B1": (_REACH + "test_a_store_that_is_down_for_ten_minutes",),
    "B2": (_REACH + "test_a_request_that_is_never_answered", _REACH + "test_close_returns_in_time"),
    "B3": (_LOST + "test_a_lost_answer_doubles_nothing",),
    "B4": (_LOST + "test_a_request_cut_half_way",),
    "B5": (
        _LOST + "test_a_request_that_arrives_after_its_retry",
        _LOST + "test_a_request_that_arrives_after_a_restart",
        _LOST + "test_a_request_that_is_delivered_twice",
        _LOST + "test_a_late_request_that_overtakes",
    ),
    "B6": (_REACH + "test_a_store_that_asks_for_time_gets_it",),
    "B7": (
        _REACH + "test_a_store_that_lets_us_in_again",
        _REACH + "test_a_clock_that_is_wrong_is_named",
        _REACH + "test_a_key_that_is_changed",
    ),
    "B8": (_REACH + "test_a_container_that_is_missing",),
    "B9": (_CONTENT + "test_a_row_that_the_store_refuses",),
    "B10": (_CONTENT + "test_a_full_blob_is_followed_by_another",),
    "B11": (_CONTENT + "test_a_file_that_a_person_deletes", _CONTENT + "test_what_others_wrote_is_never_touched"),
    "B12": (_CONTENT + "test_a_name_that_is_taken",),
    "B13": (_CONTENT + "test_bytes_that_change_on_the_way",),
    "B14": (_CONTENT + "test_a_slow_store_costs_no_memory",),
    "B15": (_REACH + "test_a_host_that_can_not_be_reached",),
    "B16": (_REACH + "test_of_two_archives_the_one_that_is_up",),
    "B17": (_LOST + "test_a_lost_answer_doubles_nothing[s3 plain", _CONTENT + "test_a_store_without_conditional_writes"),
    "D11": (_HOSTS + "test_two_hosts_write_all_rows_once",),
    "E7": (_REACH + "test_a_clock_that_is_wrong_is_named",),
    "G5": (
        _SECRETS + "test_no_trouble_of_a_store",
        _SECRETS + "test_no_error_of_any_call",
        _SECRETS + "test_an_endpoint_that_is_no_host",
        _SECRETS + "test_no_command_and_no_process",
    ),
}

REASONS: dict[str, str] = {
    "B1": "the 99th percentile of collect() is a speed: benchmarks measure it; here the row is accepted while the store is down",
    "B2": "packets that vanish (no answer to SYN) need a network namespace with netem; a connection that is taken and never "
    "answered meets the same timeouts but that of the connect",
}
