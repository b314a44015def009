"""What an object store's answer means for us. obstore tells it in text; here it becomes a kind and a cause.

The text has the object's URL, and the library's own settings; neither may be taken for what happened.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from modeldata.store.failures import REDIRECTED, RESTORE, Failure, Kind, access_failure

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]+)</Code>|\"reason\": ?\"([A-Za-z]+)\"")
_SERVER_TIME = re.compile(r"<ServerTime>([^<]+)</ServerTime>")
_URL = re.compile(r"https?://\S+")
_WIRE = re.compile(r"HttpError \{\s*kind: (\w+)")
"""How far a request came that got no answer."""
_IDENTITY = re.compile(
    r"Error performing (?:token request"
    r"|\w+ https?://(?:[^/\s]+/latest/(?:api/token in|meta-data/iam/)|169\.254\.170\.\d+/|sts\.))"
)
"""Requests that ask for credentials, of an instance, a container or a token service: ours were never sent."""
_UNFIT = frozenset(("EntityTooLarge", "InvalidRequest", "InvalidArgument", "MaxMessageLengthExceeded", "invalid"))
"""Codes of a 400 that finds fault with the bytes. Others (a digest that does not fit, a clock) may go well the next time."""
_SKEWED = frozenset(("RequestTimeTooSkewed", "RequestExpired"))
_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"))
"""Codes that S3 gives with a 400, though they speak of the session and not of the bytes."""
_ELSEWHERE = frozenset(("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"))
_UNREACHED = (
    ("dns error", "the host's name can't be resolved"),
    ("failed to lookup", "the host's name can't be resolved"),
    ("connection refused", "connection refused"),
    ("certificate", "TLS failed: the certificate is not trusted"),
    ("tls", "TLS failed: the server speaks something else"),
    ("invalidcontenttype", "TLS failed: the server speaks something else"),
)
WHAT_TO_SET = "set the keys, a profile or a role; they are looked up again with every try"
_OTHER_REGION = Failure(Kind.NOT_SENT, "the bucket is in another region", "set AWS_REGION to the bucket's")


def failure_of(error: Exception, now: datetime | None = None) -> Failure:
    """What an error of obstore (or of ours, from making the client) says."""
    early = access_failure(error)
    if early is not None:
        return early
    if isinstance(error, NotImplementedError):  # AWS_CONDITIONAL_PUT=disabled: the library itself says no
        return Failure(Kind.NO_CONDITIONS, "conditions are switched off")
    text = str(error)
    if _IDENTITY.search(text):
        return Failure(Kind.CREDENTIALS, "no identity gave credentials", WHAT_TO_SET)
    status = _STATUS.search(text)
    if status is None:
        if isinstance(error, FileNotFoundError):
            return Failure(Kind.GONE, "not there")
        return _without_answer(text)
    code = next((xml or json for xml, json in _CODE.findall(text)), "")
    return _of_answer(int(status[1]), code, text, now or datetime.now(UTC))._replace(status=int(status[1]))


def _of_answer(status: int, code: str, text: str, now: datetime) -> Failure:
    shown = f"status {status}" + (f" ({code})" if code else "")
    if code in _SKEWED:
        return Failure(Kind.CREDENTIALS, f"this host's clock is wrong{_by(text, now)}: {shown}", "set the clock")
    if code in _ELSEWHERE:
        return _OTHER_REGION
    if 300 <= status < 400:
        return Failure(Kind.NOT_SENT, f"it sends us to another host: {shown}", REDIRECTED)
    if code == "InvalidObjectState":
        return Failure(Kind.COLD, f"it is in an archive class: {shown}", RESTORE)
    if status in (401, 403) or code in _EXPIRED:
        return Failure(Kind.CREDENTIALS, f"the credentials are refused: {shown}")
    if code in ("NoSuchBucket", "notFoundBucket"):
        return Failure(Kind.NO_CONTAINER, "the bucket is not there")
    if status == 404:
        return Failure(Kind.GONE, "not there")
    if status == 412 or (status == 409 and code in ("", "PreconditionFailed", "ObjectAlreadyExists")):
        return Failure(Kind.EXISTS, shown)
    if status == 416:
        return Failure(Kind.PAST_THE_END, shown)
    if status == 501 or code == "NotImplemented":
        return Failure(Kind.NO_CONDITIONS, shown)
    if status == 413 or (status == 400 and code in _UNFIT):
        return Failure(Kind.REFUSED, shown)
    if status in (429, 503):
        return Failure(Kind.BUSY, f"the store is busy: {shown}")
    return Failure(Kind.OTHER, shown, unknown=True)


def _by(text: str, now: datetime) -> str:
    clock = _SERVER_TIME.search(text)
    try:
        seconds = (now - datetime.fromisoformat(clock[1])).total_seconds() if clock else None
    except ValueError:
        seconds = None
    return "" if seconds is None else f" by {seconds:.0f} s"


def _without_answer(text: str) -> Failure:
    """Only a connection that never was is certain; a URL in the text, with the user's names in it, says nothing."""
    plain = _URL.sub("", text)
    low = plain.lower()
    if "redirect without location" in low:
        return _OTHER_REGION
    if "non-partial response" in low:
        return Failure(Kind.WHOLE_ONLY, "it gives whole objects only")
    came = _WIRE.search(plain)
    if came is None and any(word in low for word in ("credential", "oauth", "token", "metadata")):
        return Failure(Kind.CREDENTIALS, "there are no credentials", WHAT_TO_SET)
    if came is not None and came[1] == "Connect":
        return Failure(Kind.NOT_SENT, next((cause for words, cause in _UNREACHED if words in low), "no connection"))
    cause = "no answer in time" if came is not None and came[1] == "Timeout" else "the connection broke"
    return Failure(Kind.OTHER, cause, unknown=True)
