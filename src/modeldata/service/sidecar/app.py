"""The addresses of the sidecar, and what each outcome is in HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from modeldata.errors import mask, said
from modeldata.intake.messages import warn
from modeldata.interrupts import spare
from modeldata.metrics import prometheus_text, sample_lines
from modeldata.service.decode.inflate import inflated
from modeldata.service.decode.undecodable import Undecodable
from modeldata.service.sidecar import azure, cloudevents, posted
from modeldata.service.sidecar.collectors import Collectors
from modeldata.service.sidecar.event import Refused
from modeldata.service.sidecar.guard import refusal
from modeldata.service.sidecar.keeper import MOST_BYTES, Keeper, undecodable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from modeldata.archive import Archive
    from modeldata.service.sidecar.event import Event
    from modeldata.service.sidecar.recent import Recent

    Read = Callable[[Request, bytes], list[Event]]
    Endpoint = Callable[[Request], Awaitable[Response]]

AT_ONCE = 8
"""Bodies that are read at one time. Others wait unread, so memory has a bound."""
AT_WORK = 2
"""Bodies that are decoded at one time: 8 MiB of JSON are 100 MB of objects for a moment."""
BODY_SECONDS = 30.0
RETRY_AFTER = {HTTPStatus.CONFLICT: "1", HTTPStatus.SERVICE_UNAVAILABLE: "5"}
"""Seconds after which the same event may be taken."""


class Sidecar:
    """What the endpoints share. `app` is the ASGI application."""

    def __init__(self, archive: Archive, model: str, token: str | None, recent: Recent) -> None:
        self._archive = archive
        self._token = token
        self._keeper = Keeper(Collectors(archive, time.monotonic), recent)
        self._room, self._work = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_WORK)
        self._answers: Counter[int] = Counter()
        self._repeats = 0

        def cloud(request: Request, body: bytes) -> list[Event]:
            return cloudevents.events_of(request.headers, body, model)

        def of_azure(request: Request, body: bytes) -> list[Event]:
            return [azure.event_of(request.headers, body, model)]

        def collected(request: Request, body: bytes) -> list[Event]:
            named = request.path_params
            return [posted.event_of(named["model"], named["identifier"], request.query_params, request.headers, body)]

        posts = {"/modeldata/log": of_azure, "/v1/events": cloud, "/": cloud, "/v1/collect/{model:path}/{identifier}": collected}
        routes = [Route(path, self._guarded(self._posted(read)), methods=["POST"]) for path, read in posts.items()]
        routes.append(Route("/healthz", self._guarded(self._health)))
        routes.append(Route("/metrics", self._guarded(self._metrics)))
        self.app = Starlette(routes=routes)

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """Who may not ask is refused. Any error is an answer in words."""

        async def guarded(request: Request) -> Response:
            try:
                refused = refusal(self._token, request.url.path, request.headers)
                answer = _refused(refused) if refused else await endpoint(request)
            except Refused as error:
                answer = _refused(error)
            except ClientDisconnect:
                answer = Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
            except Exception as error:
                spare(error)
                warn(f"the sidecar could not answer {request.url.path}: {said(error)}")
                answer = _refused(Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", said(error)))
            self._answers[answer.status_code] += 1
            return answer

        return guarded

    def _posted(self, read: Read) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            async with self._room:
                body = await _body(request)
                async with self._work:
                    events, repeats = await run_in_threadpool(self._keep, request, body, read)
            self._repeats += repeats
            return JSONResponse({"events": events, "repeats": repeats})

        return endpoint

    def _keep(self, request: Request, body: bytes, read: Read) -> tuple[int, int]:
        """(events, those of them that had been kept before). Raises `Refused` where one is refused; the others are kept."""
        try:
            body = inflated(body, request.headers.get("content-encoding", ""), MOST_BYTES)
        except Undecodable as error:
            raise undecodable(error) from error
        outcomes = [self._outcome(event) for event in read(request, body)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        if refused:
            raise min(refused, key=lambda each: each.status not in RETRY_AFTER)
        return len(outcomes), outcomes.count(False)

    def _outcome(self, event: Event) -> bool | Refused:
        try:
            return self._keeper.keep(event)
        except Refused as refused:
            return refused

    async def _health(self, request: Request) -> Response:
        if await run_in_threadpool(self._archive.open):
            return JSONResponse({"status": "ok"})
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "spool_unusable", "no rows are taken now: the log has the reason")

    async def _metrics(self, request: Request) -> Response:
        stats = await run_in_threadpool(self._archive.stats)
        answers = {f'status="{status}"': number for status, number in sorted(self._answers.items())}
        text = prometheus_text(stats) + sample_lines("modeldata_sidecar_answers_total", "counter", answers)
        text += sample_lines("modeldata_sidecar_repeats_total", "counter", {"": self._repeats})
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def _body(request: Request) -> bytes:
    """Raises `Refused` for one that is too long, or too slow."""
    too_long = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"a body has at most {MOST_BYTES:,} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MOST_BYTES:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    raise too_long
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "too_slow", f"the body was not here in {BODY_SECONDS:.0f} s") from None
    return bytes(body)


def _refused(refused: Refused) -> Response:
    again = {"retry-after": RETRY_AFTER[refused.status]} if refused.status in RETRY_AFTER else {}
    return JSONResponse({"error": mask(str(refused)), "reason": refused.reason}, refused.status, again)
