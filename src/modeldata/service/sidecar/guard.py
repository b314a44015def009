"""Who may post, before a body is read. Policy pure; `app` applies it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from modeldata.errors import SettingsError
from modeldata.listening import is_loopback, shows
from modeldata.service.sidecar.event import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN = "/healthz"
"""Answered to anybody: a probe can show no token."""
OF_BROWSERS = ("origin", "sec-fetch-site")
SHORTEST_TOKEN = 16


class Access(NamedTuple):
    """Where the sidecar listens, and what senders must show. client_ca: a file of those who sign client certificates (mTLS)."""

    host: str
    token: str | None = None
    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None

    def check(self) -> None:
        """Raises `SettingsError` where anybody in the network could post."""
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise _invalid("the token is shorter than 16 characters", "make one: openssl rand -hex 32")
        if (self.key or self.client_ca) and not self.certificate:
            raise _invalid("there is no certificate of the server", "add --tls-cert")
        if not is_loopback(self.host) and self.token is None and self.client_ca is None:
            cause = f"other machines can reach {self.host}, and nothing says who may post"
            raise _invalid(cause, "set MODELDATA_SIDECAR_TOKEN, --token-file or --tls-client-ca, or listen on 127.0.0.1")


def _invalid(cause: str, hint: str) -> SettingsError:
    return SettingsError("start the sidecar", cause=cause, hint=hint)


def refusal(token: str | None, path: str, headers: Mapping[str, str]) -> Refused | None:
    """Why a request gets no answer; None where it gets one. A page in a browser is no model service, whatever it shows."""
    if any(name in headers for name in OF_BROWSERS):
        return Refused(HTTPStatus.FORBIDDEN, "browser", "pages in a browser may not post here")
    if token is not None and path != OPEN and not shows(token, headers.get("authorization", "")):
        return Refused(HTTPStatus.UNAUTHORIZED, "token", "the token is missing or wrong: authorization: Bearer <token>")
    return None
