"""What can be asked of an archive: the arguments that `read`, `scan` and `join` share, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from modeldata.catalog.select import FIRST_NS, LAST_NS, nanoseconds
from modeldata.errors import SettingsError
from modeldata.read.plan import ReadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from typing import Literal

    import pyarrow as pa

    from modeldata.catalog.select import Moment


class Question(TypedDict, total=False):
    """start, end: rows with start <= `$Timestamp` < end; a datetime, a date or ISO 8601 text, UTC where it has no zone.

    columns: names, our own (`$Timestamp`, ...) too; None for all.
    version, service, account, model_id: of which identity; None for any, read together.
    types: columns in Arrow types of your choice instead of their own.
    errors: "raise" at what is damaged, or "skip" it with a `SkippedWarning` and read the rest.
    """

    start: Moment
    end: Moment
    columns: Sequence[str] | None
    version: str | None
    service: str | None
    account: str | None
    model_id: str | None
    types: Mapping[str, pa.DataType] | None
    errors: Literal["raise", "skip"]


class JoinQuestion(Question, total=False):
    """look_back, look_ahead: how long before `start` and after `end` rows of the other collectors are looked for."""

    look_back: timedelta
    look_ahead: timedelta


KNOWN = frozenset(Question.__annotations__)


def request_of(model_name: str, identifier: str, question: Question) -> ReadRequest:
    """Raises `SettingsError` for an argument that is not valid, `TypeError` for one that does not exist."""
    unknown = sorted(set(question) - KNOWN)
    if unknown:
        raise TypeError(f"no argument {unknown[0]!r}; there are {', '.join(sorted(KNOWN))}")
    errors, columns = question.get("errors", "raise"), question.get("columns")
    if errors not in ("raise", "skip"):
        raise SettingsError("read the archive", cause=f"errors={errors!r}", hint='"raise" or "skip"')
    if isinstance(columns, str):
        raise SettingsError("read the archive", cause=f"columns={columns!r}", hint=f"a list of names: columns=[{columns!r}]")
    identity = {
        "model_name": model_name,
        "identifier": identifier,
        "model_version": question.get("version"),
        "service": question.get("service"),
        "account": question.get("account"),
        "model_id": question.get("model_id"),
    }
    start, end = nanoseconds(question.get("start"), FIRST_NS), nanoseconds(question.get("end"), LAST_NS)
    return ReadRequest(identity, start, end, None if columns is None else tuple(columns), question.get("types") or {}, errors)
