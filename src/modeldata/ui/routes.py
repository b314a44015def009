"""The addresses of the page and of its questions, and what an error looks like there."""

from __future__ import annotations

import json
import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from modeldata.catalog.errors import MissingExtra, NotThere
from modeldata.errors import ModelDataError, SettingsError, StoreError, mask, said
from modeldata.ui import drift, overview, query, rows
from modeldata.ui.filters import checked
from modeldata.ui.source import SECONDS, Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from modeldata.ui.filters import Filter
    from modeldata.ui.source import Source

    Answer = Callable[[Source, QueryParams], Mapping[str, Any]]

STATIC = os.path.join(os.path.dirname(__file__), "static")
LONGEST_QUERY = 1 << 20
STATUS = (
    (NotThere, HTTPStatus.NOT_FOUND),
    (SettingsError, HTTPStatus.BAD_REQUEST),
    (MissingExtra, HTTPStatus.NOT_IMPLEMENTED),
    (StoreError, HTTPStatus.BAD_GATEWAY),
    (ModelDataError, HTTPStatus.BAD_REQUEST),
)
"""What an error of ours is in HTTP: the first that fits."""


def application(source: Source) -> Starlette:
    """The page and its questions, without a guard."""
    answers: dict[str, Answer] = {
        "overview": _overview, "proof": _proof, "columns": _columns, "drift": _drift, "rows": _rows, "case": _case,
        "spool": lambda source, asked: overview.spool(source, time.time_ns()),
        "keeping": lambda source, asked: overview.keeping(source),
    }  # fmt: skip
    routes: list[Route | Mount] = [Route(f"/api/{name}", _endpoint(source, answer)) for name, answer in answers.items()]
    routes.append(Route("/api/sql", _sql(source), methods=["GET", "POST"]))
    routes.append(Route("/api/{name:path}", _unknown))
    routes.append(Route("/", lambda request: FileResponse(os.path.join(STATIC, "index.html"))))
    return Starlette(routes=[*routes, Mount("/static", StaticFiles(directory=STATIC))])


def _endpoint(source: Source, answer: Answer) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(_safely, lambda: _json(answer(source, request.query_params)))

    return endpoint


def _sql(source: Source) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        asked: Mapping[str, Any] = request.query_params
        if request.method == "POST":
            body = b""
            async for piece in request.stream():
                body += piece
                if len(body) > LONGEST_QUERY:
                    return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the query is longer than 1 MiB")
            try:
                asked = json.loads(body)
                if not isinstance(asked, dict):
                    raise ValueError("no object")
            except (ValueError, RecursionError):
                return _error(HTTPStatus.BAD_REQUEST, 'the body is not {"sql": "SELECT …"}')
        return await run_in_threadpool(_safely, lambda: _answer_sql(source, asked))

    return endpoint


def _answer_sql(source: Source, asked: Mapping[str, Any]) -> Response:
    text, form = str(asked.get("sql", "")), str(asked.get("format", "json"))
    if form == "json":
        return _json(query.answer(source, text, _number(asked, "rows", 200)))
    file = query.saved(source, text, form)
    headers = {"content-disposition": f'attachment; filename="query.{form}"'}
    return StreamingResponse(iter(lambda: file.read(1 << 16), b""), media_type=query.DOWNLOADS[form], headers=headers)


def _safely(work: Callable[[], Response]) -> Response:
    """Any error is an answer in words."""
    try:
        return work()
    except ModelDataError as error:
        status = next(status for kind, status in STATUS if isinstance(error, kind))
        return _error(status, str(error), error.hint)
    except Exception as error:
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, said(error))


def _json(content: Mapping[str, Any]) -> Response:
    return JSONResponse(content)


def _error(status: HTTPStatus, text: str, hint: str = "") -> Response:
    return JSONResponse({"error": mask(text), "hint": hint}, status)


async def _unknown(request: Request) -> Response:
    return _error(HTTPStatus.NOT_FOUND, "no such question", "overview, proof, columns, drift, rows, case, spool, keeping, sql")


# What is asked


def _overview(source: Source, asked: QueryParams) -> dict[str, Any]:
    return overview.overview(source, Clock() if _flag(asked, "hours") else None, time.time_ns())


def _proof(source: Source, asked: QueryParams) -> dict[str, Any]:
    return overview.proof(source, check_bytes=_flag(asked, "bytes"), now_ns=time.time_ns())


def _columns(source: Source, asked: QueryParams) -> dict[str, Any]:
    return drift.columns(source, _view(asked), _clock(asked), asked.get("version"), asked.get("start", ""), asked.get("end", ""))


def _drift(source: Source, asked: QueryParams) -> dict[str, Any]:
    first, last = asked.get("reference_start", ""), asked.get("reference_end", "")
    reference = (first or "0000", last or "9999") if first or last else None
    between = asked.get("start", ""), asked.get("end", "")
    return drift.drift(source, _view(asked), _clock(asked), asked.get("version"), reference, *between)


def _rows(source: Source, asked: QueryParams) -> dict[str, Any]:
    return rows.page(
        source, _view(asked), _clock(asked), version=asked.get("version"), filters=_filters(asked),
        count=_number(asked, "rows", 50),
        start=asked.get("start") or None, end=asked.get("end") or None, after=asked.get("after", ""),
    )  # fmt: skip


def _case(source: Source, asked: QueryParams) -> dict[str, Any]:
    return rows.case(source, asked.get("id", ""), _clock(asked), at=asked.get("at") or None, model=asked.get("model"))


def _view(asked: QueryParams) -> str:
    view = asked.get("collector", "")
    if not view:
        raise SettingsError("answer", cause="no collector is named", hint="collector=<view>, as /api/overview names it")
    return view


def _filters(asked: QueryParams) -> list[Filter]:
    """`column`, `op` and `value`, each as often as there are conditions, in this order."""
    columns, operations, values = asked.getlist("column"), asked.getlist("op"), asked.getlist("value")
    if not len(columns) == len(operations) == len(values):
        raise SettingsError(
            "filter rows",
            cause="column, op and value are not given equally often",
            hint="give all three, value empty where none is needed",
        )
    return [checked(*condition) for condition in zip(columns, operations, values, strict=True)]


def _clock(asked: QueryParams) -> Clock:
    return Clock(min(max(_real(asked, "seconds", SECONDS), 0.0), 60.0))


def _flag(asked: QueryParams, name: str) -> bool:
    return asked.get(name, "").lower() in ("1", "true", "yes")


def _number(asked: Mapping[str, Any], name: str, default: int) -> int:
    return int(_real(asked, name, default))


def _real(asked: Mapping[str, Any], name: str, default: float) -> float:
    try:
        number = float(asked.get(name, default))
        if not abs(number) < 1e12:
            raise ValueError("too large")
        return number
    except (TypeError, ValueError):
        raise SettingsError(
            "answer", cause=f"{name}={asked.get(name)!r:.100} is not a number", hint=f"such as {default}"
        ) from None
