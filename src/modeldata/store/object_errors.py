"""What an object store's answer means for us. obstore tells it in text; here it becomes a kind and a cause."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """Of failures. After UNKNOWN, the request may still land."""

    EXISTS = "exists"
    GONE = "gone"
    NO_BUCKET = "no bucket"
    CREDENTIALS = "credentials"
    NO_CONDITIONS = "no conditions"
    REFUSED = "refused"
    BUSY = "busy"
    NOT_SENT = "not sent"
    PAST_THE_END = "past the end"
    WHOLE_ONLY = "whole objects only"
    UNKNOWN = "unknown"


class Failure(NamedTuple):
    """What went wrong, without anything of the library's error in it: that has URLs and request ids."""

    kind: Kind
    cause: str
    hint: str = ""


class NoAccess(Exception):
    """Credentials or endpoint can't be used as they are. Nothing was sent."""

    def __init__(self, cause: str, hint: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.hint = hint


_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]+)</Code>|\"reason\": ?\"([A-Za-z]+)\"")
_SERVER_TIME = re.compile(r"<ServerTime>([^<]+)</ServerTime>")
_UNFIT = frozenset(("EntityTooLarge", "InvalidRequest", "InvalidArgument", "MaxMessageLengthExceeded", "invalid"))
"""Codes of a 400 that finds fault with the bytes. Others (a digest that does not fit, a clock) may go well the next time."""
_SKEWED = frozenset(("RequestTimeTooSkewed", "RequestExpired"))
_TROUBLES = (
    ("non-partial response", Kind.WHOLE_ONLY, "it gives whole objects only"),
    ("dns error", Kind.NOT_SENT, "the host's name can't be resolved"),
    ("failed to lookup", Kind.NOT_SENT, "the host's name can't be resolved"),
    ("connection refused", Kind.NOT_SENT, "connection refused"),
    ("certificate", Kind.NOT_SENT, "TLS failed: the certificate is not trusted"),
    ("invalidcontenttype", Kind.NOT_SENT, "TLS failed: the server speaks something else"),
    ("kind: connect", Kind.NOT_SENT, "no connection"),
    ("timeout", Kind.UNKNOWN, "no answer in time"),
    ("timed out", Kind.UNKNOWN, "no answer in time"),
)


def failure_of(error: Exception, now: datetime | None = None) -> Failure:
    """What an error of obstore (or of ours, from making the client) says."""
    if isinstance(error, NoAccess):
        return Failure(Kind.CREDENTIALS, error.cause, error.hint)
    text = str(error)
    found = _STATUS.search(text)
    if found is None:
        if isinstance(error, FileNotFoundError):
            return Failure(Kind.GONE, "not there")
        return _without_answer(text)
    code = next((one or other for one, other in _CODE.findall(text)), "")
    return _of_answer(int(found[1]), code, text, now or datetime.now(UTC))


def _of_answer(status: int, code: str, text: str, now: datetime) -> Failure:
    shown = f"status {status}" + (f" ({code})" if code else "")
    if code in _SKEWED:
        return Failure(Kind.CREDENTIALS, f"this host's clock is wrong{_by(text, now)}: {shown}", "set the clock")
    if status in (401, 403):
        return Failure(Kind.CREDENTIALS, f"the credentials are refused: {shown}")
    if code in ("NoSuchBucket", "notFoundBucket"):
        return Failure(Kind.NO_BUCKET, "the bucket is not there")
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
    return Failure(Kind.UNKNOWN, shown)


def _by(text: str, now: datetime) -> str:
    found = _SERVER_TIME.search(text)
    try:
        seconds = (now - datetime.fromisoformat(found[1])).total_seconds() if found else None
    except ValueError:
        seconds = None
    return "" if seconds is None else f" by {seconds:.0f} s"


def _without_answer(text: str) -> Failure:
    low = text.lower()
    for words, kind, cause in _TROUBLES:
        if words in low:
            return Failure(kind, cause)
    if "credential" in low or "oauth" in low or "token" in low or "metadata" in low:
        return Failure(Kind.CREDENTIALS, "there are no credentials")
    return Failure(Kind.UNKNOWN, "the connection broke")
