"""A service that is archived from outside."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_ASGI = "tests/service/test_asgi_services_are_archived.py"
_WSGI = "tests/service/test_wsgi_services_are_archived.py"
_CALL = "tests/service/test_a_call_is_recorded.py"
_GRPC = "tests/service/test_grpc_services_are_archived.py"
_BODIES = "tests/service/test_bodies_become_rows.py"
_SIDECAR = "tests/service/test_the_sidecar_keeps_its_promises.py::test_"
_EVENTS = "tests/service/test_the_sidecar_takes_events.py::test_"

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
        "a scope can go to the process that answers (Ray Serve)",
        "service/asgi.py",
        "scope[MARK] = True",
        "scope[MARK] = exchange",
        _ASGI + "::test_a_call_that_another_process_answers_is_one_call",
    ),
    one(
        "a single answer of gRPC is archived before it leaves",
        "service/grpc.py",
        "        guarded(rpc.answered, answer)\n        guarded(_end, rpc, context)\n        return answer\n\n    return recorded\n\n\ndef _async(",
        "        return answer\n\n    return recorded\n\n\ndef _async(",
        _GRPC + "::test_a_single_answer_is_archived_before_the_caller_has_it_and_a_hang_up_keeps_what_there_was",
    ),
    one(
        "a status that is set by hand is a call that failed (gRPC)",
        "service/grpc.py",
        "    code, reason = _status(context)\n    entries",
        '    code, reason = OK, ""\n    entries',
        _GRPC + "::test_answers_are_the_same_and_each_call_is_archived",
    ),
    one(
        "who hangs up on a stream of gRPC leaves what there was of it",
        "service/grpc.py",
        "            guarded(_when_over, context, rpc)\n",
        "            pass\n",
        _GRPC + "::test_a_single_answer_is_archived_before_the_caller_has_it_and_a_hang_up_keeps_what_there_was[sync]",
    ),
    one(
        "only the methods of the list are recorded (gRPC)",
        "service/grpc.py",
        "self._paths.pattern_of(details.method) is None:",
        "False:",
        _GRPC + "::test_only_the_methods_of_the_list_are_recorded_and_out_of_the_sample_what_failed",
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
    one(
        "the sidecar answers who has the token",
        "service/sidecar/guard.py",
        "token is not None and path != OPEN and not shows(",
        "False and not shows(",
        _SIDECAR + "only_who_has_the_token_may_post_and_no_page_in_a_browser",
    ),
    one(
        "no page in a browser posts to the sidecar",
        "service/sidecar/guard.py",
        "    if any(name in headers for name in OF_BROWSERS):\n",
        "    if False:\n",
        _SIDECAR + "only_who_has_the_token_may_post_and_no_page_in_a_browser",
    ),
    one(
        "the sidecar of a network knows who may post",
        "service/sidecar/guard.py",
        "if not is_loopback(self.host) and",
        "if False and",
        _SIDECAR + "it_does_not_start_where_anybody_could_post",
    ),
    one(
        "senders have a certificate where they must",
        "service/sidecar/serve.py",
        "ssl.CERT_REQUIRED if access.client_ca",
        "ssl.CERT_OPTIONAL if access.client_ca",
        _SIDECAR + "the_command_takes_events_of_senders_with_a_certificate_and_ends_by_a_signal",
    ),
    one(
        "a body that is posted has a limit",
        "service/sidecar/app.py",
        "                if len(body) > MOST_BYTES:\n",
        "                if False:\n",
        _EVENTS + "a_body_without_a_length_is_cut_at_the_limit",
    ),
    one(
        "an Arrow body has a limit when inflated",
        "service/decode/arrow_ipc.py",
        "    if inflated > most:\n",
        "    if False:\n",
        _EVENTS + "what_can_not_be_kept_is_refused_with_a_reason",
    ),
    one(
        "a few bytes stand for no billion of rows",
        "service/decode/__init__.py",
        "rows.shape[0] > 8 * len(body)",
        "False",
        _EVENTS + "what_can_not_be_kept_is_refused_with_a_reason",
    ),
    one(
        "the sidecar has a bound of collectors",
        "service/sidecar/collectors.py",
        "if len(self._used) >= self._most and not self._make_room():",
        "if False:",
        _SIDECAR + "there_is_a_bound_of_collectors_and_idle_ones_make_room",
    ),
    one(
        "a repeated event is kept once",
        "service/sidecar/recent.py",
        "            if digest in self._kept:\n",
        "            if False:\n",
        _SIDECAR + "a_repeated_event_is_kept_once_and_another_under_its_name_is_kept",
    ),
    one(
        "other data under a name that was used is kept",
        "service/sidecar/event.py",
        "        hashed.update(self.data)\n",
        "",
        _SIDECAR + "a_repeated_event_is_kept_once_and_another_under_its_name_is_kept",
    ),
    one(
        "the next sidecar knows what was kept",
        "service/sidecar/recent.py",
        "            os.write(self._fd, digest)\n",
        "            pass\n",
        _SIDECAR + "the_next_sidecar_knows_what_was_kept",
    ),
    one(
        "an event that was refused may come again",
        "service/sidecar/keeper.py",
        "self._recent.end(digest, kept=kept)",
        "self._recent.end(digest, kept=True)",
        _SIDECAR + "while_the_spool_is_full_events_are_refused_and_may_come_again",
    ),
    one(
        "what collect() refuses is not answered with 200",
        "service/sidecar/keeper.py",
        "        if not accepted:\n",
        "        if False:\n",
        _SIDECAR + "what_collect_does_not_take_is_never_answered_with_200",
    ),
    one(
        "an event is answered after it is kept",
        "service/sidecar/app.py",
        "events, repeats = await run_in_threadpool(self._keep, request, body, read)",
        "events, repeats = 1, 0; asyncio.ensure_future(run_in_threadpool(self._keep, request, body, read))",
        _SIDECAR + "an_event_is_answered_after_it_is_kept",
    ),
    one(
        "a slow sender leaves its place to others",
        "service/sidecar/app.py",
        "asyncio.timeout(BODY_SECONDS)",
        "asyncio.timeout(None)",
        _SIDECAR + "nobody_who_is_slow_or_leaves_holds_a_place",
    ),
    one(
        "bodies beyond the bound wait unread",
        "service/sidecar/app.py",
        "            async with self._room:\n",
        "            if True:\n",
        "tests/service/test_the_sidecar_keeps_its_promises.py::test_bodies_beyond_the_bound_wait_unread",
    ),
    one(
        "a small answer is not held back",
        "listening.py",
        "socket.SOCK_STREAM, socket.IPPROTO_TCP)",
        "socket.SOCK_STREAM)",
        "tests/ui/test_the_command_serves.py::test_an_answer_is_sent_at_once",
    ),
)
