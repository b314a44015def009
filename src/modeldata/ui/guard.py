"""Who may ask for what, before any request reaches the page or the archive. Policy pure, one middleware that applies it.

Every page that the user's browser shows can reach a server on localhost. So this one answers only to its own name (Host: no name
that somebody points at this machine), only to its own pages (Origin, `Sec-Fetch-Site`), only to who has the token, and only GET.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from modeldata.listening import shows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/"
SQL = "/api/sql"
OWN_SITE = ("same-origin", "none")
"""What a browser says in `Sec-Fetch-Site` of a page's own requests, and of an address that the user typed."""
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class Rules(NamedTuple):
    """hosts: names that the server answers to, with their port; None for any. token: what each question of data must show; None:
    somebody else looks who asks."""

    hosts: frozenset[str] | None = None
    token: str | None = None


class Refusal(NamedTuple):
    """A status of HTTP, and why."""

    status: HTTPStatus
    reason: str


def refusal(rules: Rules, method: str, path: str, headers: Mapping[str, str]) -> Refusal | None:
    """Why a request gets no answer; None where it gets one. path: below the place where the page is mounted."""
    host = headers.get("host", "").lower()
    if not host or (rules.hosts is not None and host not in rules.hosts):
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "this server has another name: open the address that it printed")
    if not _is_own_site(host, headers):
        return Refusal(HTTPStatus.FORBIDDEN, "another site asks: only this page may")
    if method not in (("GET", "POST") if path == SQL else ("GET",)):
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "the page only reads: use GET")
    if path.startswith(API) and rules.token is not None and not shows(rules.token, headers.get("authorization", "")):
        return Refusal(HTTPStatus.UNAUTHORIZED, "the token is missing or wrong: open the address that `modeldata ui` printed")
    return None


def _is_own_site(host: str, headers: Mapping[str, str]) -> bool:
    """Programs that are no browser send neither header."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    return (origin is None or origin.lower().partition("://")[2] == host) and (site is None or site.lower() in OWN_SITE)


class Guard:
    """The middleware: refuses what `refusal` refuses, and puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no WebSocket is ever accepted

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        refused = refusal(self._rules, scope["method"], path, Headers(scope=scope))
        if refused is None:
            await self._app(scope, receive, guarded)
            return
        allow = {"allow": "GET"} if refused.status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        answer = JSONResponse({"error": refused.reason}, refused.status, allow)
        await answer(scope, receive, guarded)
