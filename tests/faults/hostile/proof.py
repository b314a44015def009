"""The proof: heads that can't be written, records that somebody changed, archives that were cut or put back."""

from __future__ import annotations

from tests.faults.mutant import Mutant

_ROUNDS = "heads/test_each_round_is_recorded.py::"
_SAYS = "heads/test_records_say_what_became_of_a_round.py::"
_SECOND = "heads/test_heads_are_signed_and_go_to_a_second_place.py::"
_ATTACKS = "audit/test_attacks_are_noticed.py::test_an_attack_is_noticed_by_what_is_known"
_BESIDES = "audit/test_what_is_known_besides.py::"
_ONE_BAD = "audit/test_one_bad_file_ends_no_audit.py::"
_OTHERS = "audit/test_others_check_heads.py::"
_STOP = "faults/test_a_stop_is_seen_at_any_point.py::"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H80": (
        "heads can't be written",
        (_ROUNDS + "test_where_heads_can_not_be_written", _SECOND + "test_a_second_place_that_fails"),
    ),
    "H81": (
        "the second place of heads hangs",
        (_SECOND + "test_a_second_place_that_hangs", _SECOND + "test_what_failed_is_tried"),
    ),
    "H82": ("a key that can't be used", (_SECOND + "test_a_key_that_can_not_be_used", _SECOND + "test_where_cryptography")),
    "H83": (
        "killed around a record of a round",
        (_ROUNDS + "test_a_shipper_killed_anywhere", _SAYS + "test_a_shipper_that_dies"),
    ),
    "H84": ("newest rows cut off, an old copy put back, records forged", (_ATTACKS, _OTHERS + "test_others_refuse")),
    "H85": ("a spool that is gone with its rows", (_BESIDES + "test_a_spool_of_this_host_that_is_gone",)),
    "H86": (
        "a file of an archive that can't be read",
        (_ONE_BAD + "test_a_file_that_is_denied", _ONE_BAD + "test_a_folder_that_is_denied", _ONE_BAD + "test_an_object_in"),
    ),
    "H87": (
        "a signal at any instruction of a shipper that waits",
        (_STOP + "test_a_signal_at_any", _STOP + "test_a_stop_is_seen"),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = ()
"""Guards of these are listed by room, in `tests/faults/mutants_list`."""
