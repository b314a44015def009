"""One call of `collect()`: exceptions, ids, time, streams, archives that come and go."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_PASS = "e2e/test_exceptions_of_the_service_pass.py"
_TRUST = "e2e/test_nothing_of_the_datas_exception_is_trusted.py"
_COME = "e2e/test_archives_come_and_go.py"

ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H10": ("an exception of a signal handler, or thrown in by a thread", (_PASS,)),
    "H11": ("exceptions of the data that lie or have no text", (_TRUST,)),
    "H12": ("texts that are costly to mask", ("settings/test_masking_takes_time_in_proportion.py",)),
    "H13": ("correlation ids that are missing or no text", ("request/test_ids_that_are_missing_are_none.py",)),
    "H14": ("an archive for each request or tenant", (_COME,)),
    "H15": ("flush of another archive, or of a spool that was removed", (_COME + "::test_flush_of",)),
    "H16": ("clocks that stand still, streams that are closed", ("e2e/test_streams_and_clocks_are_not_trusted.py",)),
    "H17": ("collectors that are pickled or copied", (_COME + "::test_a_co", _COME + "::test_in_another_process")),
    "H18": ("no memory after a fork", (_TRUST + "::test_where_no_memory",)),
}
"""Row of the matrix → (the fault in a few words, beginnings of the tests that show it)."""

MUTANTS: tuple[Mutant, ...] = (
    one(
        "an exception of the service passes",
        "collector.py",
        "        if theirs is not None:\n",
        "        if False:\n",
        "tests/" + _PASS,
    ),
    one(
        "only our own exceptions name a reason",
        "intake/refusals.py",
        "    if kind in (RefusedData, Distributed, SpoolFull) or ",
        '    if hasattr(error, "reason"):\n        return str(error.reason)\n    if kind in (RefusedData, Distributed, SpoolFull) or ',
        "tests/" + _TRUST,
    ),
    one(
        "archives of equal settings share a writer",
        "intake/shared.py",
        "        shared = _known.setdefault(settings, SharedIntake(settings))\n",
        "        shared = SharedIntake(settings)\n",
        "tests/" + _COME,
    ),
    one(
        "the last archive of its settings leaves no descriptor",
        "intake/shared.py",
        "        self.users.discard(user)\n",
        "",
        "tests/" + _COME,
    ),
    one(
        "flush is bounded by looks",
        "intake/flush.py",
        "            if looks <= 0 or time.monotonic() >= deadline:\n",
        "            if time.monotonic() >= deadline:\n",
        "tests/e2e/test_streams_and_clocks_are_not_trusted.py",
    ),
    one(
        "a missing id is no id",
        "request_id.py",
        "    if _is_missing(given, kind):\n",
        "    if given is None:\n",
        "tests/request/test_ids_that_are_missing_are_none.py",
    ),
)
