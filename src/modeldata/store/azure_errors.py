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

from modeldata.store.failures import REDIRECTED, Failure, Kind, access_failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SKEW = 600
"""Seconds between our clock and the store's that make it the likely reason for a refusal. Azure allows 900."""
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
}
"""By the store's own code. A status alone proves little: gateways and proxies answer 404 and 400, too."""
_HINTS = {
    "AuthorizationPermissionMismatch": "give the identity the role Storage Blob Data Contributor on the container",
    "AuthorizationFailure": "the account's firewall may not let this host in",
}
_RENEW = "renew them; they are looked up again with every try"


def failure_of(error: Exception, now: float) -> Failure:
    """`now`: Unix time, to tell a wrong clock from wrong keys."""
    early = access_failure(error)
    if early is not None:
        return early
    for one in [error] if isinstance(error, AzureError) else _chain(error):  # the SDK stumbles over errors without a message
        if isinstance(one, HttpResponseError) and one.response is not None:
            return _answered(one, now)
    if isinstance(error, ClientAuthenticationError):
        if type(error).__name__ == "AzureSigningError":  # of a private module
            return Failure(Kind.CREDENTIALS, "credentials: the account key is no Base64 text", _RENEW)
        return Failure(Kind.CREDENTIALS, "credentials: no identity gave a token", WHAT_TO_SET)
    if isinstance(error, ServiceRequestError):
        # TLS may also fail in the middle; everything else of this kind happens before the first byte
        tls = any(isinstance(one, ssl.SSLError) for one in _chain(error))
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
    found = getattr(error, "error_code", None) or headers.get("x-ms-error-code") or ""
    code = str(getattr(found, "value", found))
    cause = f"it answered {status} {code}".rstrip()
    kind = _KINDS.get(code)
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
        told = ""
        if behind is not None:
            told = f"it is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} the store's; "
        return Failure(Kind.CREDENTIALS, f"this host's clock is wrong: {cause}", told + "set the clock")
    return Failure(Kind.CREDENTIALS, f"the credentials are refused: {cause}", _HINTS.get(code, _RENEW))


def _behind(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the store's clock is ahead of ours."""
    theirs = _date(headers.get("Date", ""))
    return None if theirs is None else theirs - now


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that an answer asks to wait: a number or a date."""
    told = headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return float(told)
    until = _date(told)
    return None if until is None else max(0.0, until - now)


def _date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None


def _unreached(error: BaseException) -> str:
    """Why there is no connection, in few words: the libraries' own have addresses of objects in them."""
    chain = list(_chain(error))
    names = {type(one).__name__ for one in chain}
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"TLS: {one.verify_message}"
        if isinstance(one, ssl.SSLError):
            return f"TLS: {one.reason or 'failed'}"
    if "ProxyError" in names:
        return "the HTTP proxy does not work"
    if "NameResolutionError" in names or any(isinstance(one, socket.gaierror) for one in chain):
        return "its host name is not known (DNS)"
    if any(isinstance(one, ConnectionRefusedError) for one in chain):
        return "the connection is refused"
    if names & {"ConnectTimeout", "ConnectTimeoutError", "ServiceRequestTimeoutError"}:
        return "no connection in time"
    for one in chain:
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    return f"no connection ({type(error).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what is inside it: libraries wrap each other's as causes, arguments and attributes."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            inner = (getattr(one, name, None) for name in ("inner_exception", "reason", "original_error"))
            waiting += [one.__cause__, one.__context__, *one.args, *inner]
