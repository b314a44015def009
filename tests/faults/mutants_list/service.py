"""A service that is archived from outside."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ASGI = "tests/service/test_asgi_services_are_archived.py"
_WSGI = "tests/service/test_wsgi_services_are_archived.py"
_CALL = "tests/service/test_a_call_is_recorded.py"
_BODIES = "tests/service/test_bodies_become_rows.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "an answer is archived before its last byte leaves (ASGI)",
        "service/asgi.py",
        "            guarded(_pass, exchange, message)\n",
        "            await send(message)\n            return guarded(_pass, exchange, message)\n",
        _ASGI,
    ),
    one(
        "an answer whose length is known is archived with its last byte",
        "service/exchange.py",
        "        if last or whole or said_done:\n",
        "        if last or said_done:\n",
        _ASGI,
    ),
    one(
        "an answer in a list is archived before it leaves (WSGI)",
        "service/wsgi.py",
        "            guarded(_pass_all, exchange, chunks)\n",
        "            pass\n",
        _WSGI,
    ),
    one(
        "two layers record one call",
        "service/asgi.py",
        'scope["type"] == "http" and MARK not in scope else',
        'scope["type"] == "http" else',
        _ASGI,
    ),
    one(
        "only calls that succeed have inputs",
        "service/recorder.py",
        "        if not call.failed:\n            for copy in inputs:",
        "        if True:\n            for copy in inputs:",
        _CALL,
    ),
    one(
        "a step of ours never raises into the service",
        "service/guarded.py",
        "        spare(error)\n        warn(",
        "        raise\n        warn(",
        _ASGI + "::test_a_step_of_ours_that_fails_changes_no_answer",
    ),
    one(
        "a compressed body that was cut is no body",
        "service/decode/inflate.py",
        "        if not inflater.eof:\n",
        "        if False:\n",
        _BODIES,
    ),
    one(
        "the user's own sitecustomize is run",
        "service/launch/site/sitecustomize.py",
        "Finder())\nrun_the_users()\n",
        "Finder())\n",
        "tests/service/test_unmodified_services_are_archived.py::test_a_server_of_its_own_command_is_archived[uvicorn]",
    ),
    one(
        "named fields never reach the spool",
        "service/call.py",
        "collector.hold(self._recorder.redaction.of(data))",
        "collector.hold(data)",
        _CALL,
    ),
)
