"""What Azure's SDK raises → what it means for us. Pure, but for the types of the SDK."""

from __future__ import annotations

import email.utils
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)

from modeldata.store.failures import REDIRECTED, RESTORE, Failure, Kind, access_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SKEW = 600
"""Seconds between our clock and the store's that make it the likely reason for a refusal. Azure allows 900."""
NO_ROLE = "give the identity the role Storage Blob Data Contributor on the container"
WHAT_TO_SET = "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and a key, a SAS or an identity"


_KINDS = {
    "BlobNotFound": Kind.GONE,
    "PathNotFound": Kind.GONE,
    "ContainerNotFound": Kind.NO_CONTAINER,
    "FilesystemNotFound": Kind.NO_CONTAINER,
    "BlobAlreadyExists": Kind.EXISTS,
    "PathAlreadyExists": Kind.EXISTS,
    "ContainerAlreadyExists": Kind.EXISTS,
    "UnauthorizedBlobOverwrite": Kind.EXISTS,  # a 403: we may create but not overwrite
    "InvalidBlobType": Kind.OTHER_TYPE,
    "BlockCountExceedsLimit": Kind.FULL,
    "MaxBlobSizeConditionNotMet": Kind.FULL,
    "BlobIsSealed": Kind.FULL,
    "InvalidInput": Kind.REFUSED,
    "RequestBodyTooLarge": Kind.REFUSED,
    "InvalidRange": Kind.PAST_THE_END,
    "ServerBusy": Kind.BUSY,
    "BlobArchived": Kind.COLD,
    "BlobBeingRehydrated": Kind.COLD,
}
"""By the store's own code. A status alone proves little: gateways and proxies answer 404 and 400, too."""
_HINTS = {
    "AuthorizationPermissionMismatch": NO_ROLE,
    "AuthorizationFailure": "the account's firewall may not let this host in",
}
_RENEW = "renew them; they are looked up again with every try"


def failure_of(error: Exception, now: float) -> Failure:
    """`now`: Unix time, to tell a wrong clock from wrong keys."""
    early = access_failure(error)
    if early is not None:
        return early
    for inner in [error] if isinstance(error, AzureError) else _chain(error):  # the SDK stumbles over errors without a message
        if isinstance(inner, HttpResponseError) and inner.response is not None:
            return _answered(inner, now)
    if isinstance(error, ClientAuthenticationError):
        if type(error).__name__ == "AzureSigningError":  # of a private module
            return Failure(Kind.CREDENTIALS, "credentials: the account key is no Base64 text", _RENEW)
        return Failure(Kind.CREDENTIALS, "credentials: no identity gave a token", WHAT_TO_SET)
    if isinstance(error, ServiceRequestError):
        # TLS may also fail in the middle; everything else of this kind happens before the first byte
        tls = any(isinstance(inner, ssl.SSLError) for inner in _chain(error))
        return Failure(Kind.NOT_SENT, _unreached(error), unknown=tls)
    if isinstance(error, ServiceResponseTimeoutError):
        return Failure(Kind.OTHER, "no answer in time", unknown=True)
    if isinstance(error, AzureError):
        return Failure(Kind.OTHER, "the connection broke before the answer was complete", unknown=True)
    return Failure(Kind.OTHER, f"the request failed ({type(error).__name__})", unknown=True)


def _answered(error: HttpResponseError, now: float) -> Failure:
    return _meaning(error, now)._replace(status=error.response.status_code or 0 if error.response is not None else 0)


def _meaning(error: HttpResponseError, now: float) -> Failure:
    response: Any = error.response  # the SDK has two kinds of it
    status, headers = response.status_code or 0, response.headers
    code = getattr(error, "error_code", None) or headers.get("x-ms-error-code") or ""
    code = str(getattr(code, "value", code))
    cause = f"it answered {status} {code}".rstrip()
    kind = _KINDS.get(code)
    if kind is Kind.COLD:
        return Failure(kind, f"it is in an archive class: {cause}", RESTORE)
    wait = retry_after(headers, now)
    if kind is Kind.EXISTS:
        return Failure(kind, cause)
    if status in (401, 403):
        return _not_let_in(code, cause, error.message or "", headers, now)
    if 300 <= status < 400 and status != 304:
        return Failure(Kind.NOT_SENT, f"{cause}: it sends us to another host{_host_of(headers)}", REDIRECTED)
    if status in (429, 503) or wait is not None:
        return Failure(Kind.BUSY, cause, unknown=status >= 500, retry_after=wait)
    if kind is None and status == 413:
        kind = Kind.REFUSED
    if kind is None and status == 416:
        kind = Kind.PAST_THE_END
    return Failure(kind or Kind.OTHER, cause, unknown=status >= 500 or status < 400 or status == 408)


def _host_of(headers: Mapping[str, str]) -> str:
    """Of a redirect; the rest of its URL may have a signature in it."""
    host = urlsplit(headers.get("Location", "")).hostname
    return f" ({host})" if host else ""


def _not_let_in(code: str, cause: str, message: str, headers: Mapping[str, str], now: float) -> Failure:
    behind = _behind(headers, now)
    far = behind is not None and abs(behind) >= SKEW
    if far or "skew" in code.lower() or "date header" in message.lower():
        drift = ""
        if behind is not None:
            drift = f"it is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} the store's; "
        return Failure(Kind.CREDENTIALS, f"this host's clock is wrong: {cause}", drift + "set the clock")
    return Failure(Kind.CREDENTIALS, f"the credentials are refused: {cause}", _HINTS.get(code, _RENEW))


def _behind(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the store's clock is ahead of ours."""
    theirs = _date(headers.get("Date", ""))
    return None if theirs is None else theirs - now


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that an answer asks to wait: a number or a date."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    until = _date(text)
    return None if until is None else max(0.0, until - now)


def _date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None


def _unreached(error: BaseException) -> str:
    """Why there is no connection, in few words: the libraries' own have addresses of objects in them."""
    chain = list(_chain(error))
    names = {type(inner).__name__ for inner in chain}
    for inner in chain:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"TLS: {inner.verify_message}"
        if isinstance(inner, ssl.SSLError):
            return f"TLS: {inner.reason or 'failed'}"
    if "ProxyError" in names:
        return "the HTTP proxy does not work"
    if "NameResolutionError" in names or any(isinstance(inner, socket.gaierror) for inner in chain):
        return "its host name is not known (DNS)"
    if any(isinstance(inner, ConnectionRefusedError) for inner in chain):
        return "the connection is refused"
    if names & {"ConnectTimeout", "ConnectTimeoutError", "ServiceRequestTimeoutError"}:
        return "no connection in time"
    for inner in chain:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
    return f"no connection ({type(error).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what is inside it: libraries wrap each other's as causes, arguments and attributes."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            inner = (getattr(current, name, None) for name in ("inner_exception", "reason", "original_error"))
            waiting += [current.__cause__, current.__context__, *current.args, *inner]
