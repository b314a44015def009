"""One row, folder, file or answer never stops the others; what a store says is checked."""

from __future__ import annotations

from tests.faults.mutant import Mutant
from tests.faults.mutant import one as _one

_FOLDER = "tests/faults/test_one_folder_stops_no_other.py"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H50": (
        "a folder or a file of the archive takes nothing: another owner, a link, a fifo, a socket",
        ("faults/test_one_folder_stops_no_other.py::",),
    ),
    "H51": (
        "a row at which the encoder crashes, hangs or leaves",
        ("faults/test_a_row_that_kills_its_shipper.py::",),
    ),
    "H52": (
        "one byte of staging or intent changes on the disk",
        (
            "faults/test_a_damaged_round_goes_on.py::test_a_round_with",
            "faults/test_one_folder_stops_no_other.py::test_a_damaged_byte",
        ),
    ),
    "H52b": (
        "a round is damaged beyond repair: both copies, or the only one of an older version",
        ("faults/test_a_damaged_round_goes_on.py::test_a_round_that_is", "faults/test_a_damaged_round_goes_on.py::test_only"),
    ),
    "H53": (
        "a store says that it took the bytes, and keeps nothing",
        ("stores/test_a_store_is_not_believed.py::test_a_store_that_says_it_took_a_file_and_keeps_nothing_gets_it_again",),
    ),
    "H54": (
        "a store sends us to another host",
        (
            "stores/test_a_store_is_not_believed.py::test_a_redirect_is_an_error_and_nothing_goes_to_the_other_host",
            "stores/test_a_store_is_not_believed.py::test_no_request_of_any_kind_follows_a_redirect",
        ),
    ),
    "H55": (
        "services with other formats and folders share a spool, a shipper and a collector",
        ("e2e/test_each_service_gets_its_layout.py::",),
    ),
    "H56": (
        "definitions and payloads with good checksums that no writer of ours made",
        ("spool/test_frames_with_good_checksums_never_crash.py::",),
    ),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

_BELIEVED = "tests/stores/test_a_store_is_not_believed.py"
_LAYOUT = "tests/e2e/test_each_service_gets_its_layout.py"
_FUZZ = "tests/spool/test_frames_with_good_checksums_never_crash.py"

_DEADLY = "tests/faults/test_a_row_that_kills_its_shipper.py"

MUTANTS: tuple[Mutant, ...] = (
    _one(
        "a round that killed its shippers is encoded in other processes",
        "ship/deadly_rounds.py",
        "return self._deaths >= DEATHS",
        "return False",
        _DEADLY + "::test_one_row_in_each_of_two_collectors_is_set_aside[exit-encode]",
    ),
    _one(
        "no row is set aside where the encoder dies of every row",
        "ship/isolation.py",
        "            self._check_host(work)\n",
        "",
        _DEADLY + "::test_where_the_encoder_dies_of_every_row_nothing_is_set_aside_and_all_waits",
    ),
    _one(
        "a collector that killed an encoder is encoded in other processes for a while",
        "ship/deadly_rounds.py",
        "        return stream in self._deadly",
        "        return False",
        _DEADLY + "::test_the_next_row_of_its_kind_kills_no_shipper",
    ),
    _one(
        "a call that kills its encoder is cut down to the row",
        "ship/encoding_job.py",
        "        return self._halves_of_rows(group.rows)",
        "        return []",
        _DEADLY + "::test_a_row_inside_a_large_call_is_set_aside_without_the_others",
    ),
    _one(
        "a few bytes that claim very many rows cost no memory",
        "columns/arrow.py",
        '    if length > 8 * len(valid or b""):\n',
        "    if False:\n",
        _FUZZ + "::test_a_few_bytes_that_claim_very_many_rows_cost_no_memory",
    ),
    _one(
        "each batch is in staging twice",
        "ship/pipeline.py",
        "COPIES = 2\n",
        "COPIES = 1\n",
        "tests/faults/test_a_damaged_round_goes_on.py",
    ),
    _one(
        "a damaged round is made again where duplicates are accepted",
        "cli/commands/ship.py",
        "            _make_again(folder, place, files, warn)\n",
        "            pass\n",
        "tests/faults/test_a_damaged_round_goes_on.py::test_a_round_that_is_damaged_beyond_repair_is_made_again_where_that_is_accepted",
    ),
    _one(
        "a round that is whole is never thrown away",
        "cli/commands/ship.py",
        "    if round_under_way.is_whole():\n        return\n",
        "",
        "tests/faults/test_a_damaged_round_goes_on.py::test_only_a_damaged_round_is_made_again_and_only_where_nobody_ships",
    ),
    _one(
        "the second half of an intent is read where the first is damaged",
        "ship/outbox.py",
        " or _checked(data[half:], MAGIC)",
        "",
        "tests/faults/test_a_damaged_round_goes_on.py",
    ),
    _one(
        "an object that is gone right after its put is no success",
        "store/objects.py",
        """                return Failure(Kind.OTHER, "the store said that it took the file, and does not have it", unknown=True)""",
        "                return None",
        _BELIEVED + "::test_a_store_that_says_it_took_a_file_and_keeps_nothing_gets_it_again",
    ),
    _one(
        "an append blob has grown by what it took",
        "store/azure.py",
        "        self._check_kept(attempt, start + len(content))\n",
        "",
        _BELIEVED + "::test_an_append_that_was_taken_and_not_kept_is_noticed_before_the_next_one",
    ),
    _one(
        "Azure's redirects are not followed",
        "store/azure_auth.py",
        "permit_redirects=False",
        "permit_redirects=True",
        _BELIEVED,
    ),
    _one(
        "requests to objects go to no other host",
        "store/object_auth.py",
        "    return {} if getproxies() else",
        "    return {} if True else",
        _BELIEVED + "::test_no_request_of_any_kind_follows_a_redirect",
    ),
    _one(
        "an Arrow schema out of a file is checked before C sees it",
        "columns/arrow_types.py",
        "    _check(tree, ARROW_DEPTH)\n",
        "",
        _FUZZ,
    ),
    _one(
        "the fields of a definition are of the types that the shipper relies on",
        "ship/definitions.py",
        '    if not isinstance(definition, dict) or not is_identity(definition.get("identity")):',
        "    if not isinstance(definition, dict):",
        _FUZZ + "::test_some_thousand_mutated_frames_leave_the_reader_alive",
    ),
    _one(
        "what a service wants its files to be goes with its rows",
        "ship/definitions.py",
        "_layout(definition) or self.layout",
        "self.layout",
        _LAYOUT + "::test_an_operator_who_ships_with_any_settings_changes_no_service",
    ),
    _one(
        "a layout that is not valid is refused",
        "ship/definitions.py",
        """return None if "archive_layout" in definition and _layout(definition) is None else definition""",
        "return definition",
        _LAYOUT + "::test_a_forged_layout_is_refused_and_not_believed_while_others_go_on",
    ),
    _one(
        "rows of ever new columns share a file of their own format",
        "ship/json_rows.py",
        "surplus.setdefault((group.stream, group.folder, group.layout), [])",
        """surplus.setdefault((group.stream, group.folder, group.layout._replace(format="csv")), [])""",
        _LAYOUT + "::test_rows_of_ever_new_columns_share_a_file_of_their_own_format",
    ),
    _one(
        "what was refused is reported in the folder that the service wants",
        "ship/gather.py",
        "hours = self._definitions.layout_of(definitions).hour_folders",
        "hours = self._definitions.layout.hour_folders",
        _LAYOUT + "::test_what_was_refused_is_reported_in_the_folder_of_the_hour",
    ),
    _one(
        "one folder's trouble is distinguished from everybody's",
        "ship/send.py",
        "        if not self._store.probe(self._place.spool8):",
        "        if False:",
        _FOLDER + "::test_an_archive_that_takes_nothing_at_all_parks_nothing",
    ),
    _one(
        "what was parked of a round that is sent again is forgotten",
        "ship/pipeline.py",
        "        self.parked.forget_round(intent)\n",
        "",
        _FOLDER + "::test_a_shipper_killed_between_parking_and_commit_parks_once",
    ),
    _one(
        "what comes later for a folder waits behind what is parked for it",
        "ship/pipeline.py",
        "return {folder: self.held[folder] for folder in {item.folder for item in self.parked.items()}}",
        "return {}",
        _FOLDER + "::test_rows_of_a_folder_that_opens_again_keep_their_order",
    ),
    _one(
        "flush is not true while rows wait alone",
        "intake/flush.py",
        "not state.parked and ",
        "",
        _FOLDER + "::test_rows_that_wait_alone_are_pending_and_flush_is_not_true",
    ),
)
