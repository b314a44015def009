"""What can be asked of an archive: the arguments that `read`, `scan` and `join` share, in one place."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from modeldata.catalog.select import FIRST_NS, LAST_NS, nanoseconds
from modeldata.errors import SettingsError
from modeldata.read.join import HOWS, IDS, JoinPlan
from modeldata.read.match import MATCHES
from modeldata.read.plan import ReadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    import pyarrow as pa

    from modeldata.catalog.select import Moment
    from modeldata.read.match import Matching


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
    """match: which call of another collector is meant where an id was used more than once, for all or by identifier:
    "order" (the first with the first), "first", "last", or "asof" (the newest at or before that of the first collector).
    tolerance: how much older it may be there. across: identifiers whose rows belong to rows of every model version and service,
    such as labels that another service collects; `version`, `service`, `account` and `model_id` are not asked of them.
    look_back, look_ahead: how long before `start` and after `end` rows of the other collectors are looked for.
    """

    match: Matching | Mapping[str, Matching]
    tolerance: timedelta | None
    across: Sequence[str]
    look_back: timedelta
    look_ahead: timedelta


MICROSECOND = timedelta(microseconds=1)
KNOWN = frozenset(Question.__annotations__)


def plan_of(
    identifiers: Sequence[str],
    on: Literal["correlation", "request"],
    how: Literal["left", "inner", "outer"],
    question: JoinQuestion,
) -> JoinPlan:
    """Takes out of the question what only a join has. Raises `SettingsError` for an argument that is not valid."""
    match, tolerance, across = question.pop("match", "order"), question.pop("tolerance", None), question.pop("across", ())
    others = identifiers[1:]
    matches: dict[str, Any] = dict.fromkeys(others, match if isinstance(match, str) else "order")
    matches |= {} if isinstance(match, str) else match
    if len(set(identifiers)) != len(identifiers) or not others:
        raise _not_a_join("it takes two or more different identifiers", 'such as "inputs", "predictions"')
    if on not in IDS or how not in HOWS:
        raise _not_a_join(f"on={on!r}, how={how!r}", f"on: one of {list(IDS)}, how: one of {list(HOWS)}")
    if not set(matches) <= set(others) or not set(matches.values()) <= set(MATCHES):
        raise _not_a_join(f"match={match!r}", f"one of {list(MATCHES)}; or by identifier (of {list(others)}) one of these")
    if isinstance(across, str) or not set(across) <= set(identifiers):
        raise _not_a_join(f"across={across!r}", f"a list of identifiers that are joined: {list(identifiers)}")
    if tolerance is not None and "asof" not in matches.values():
        raise _not_a_join(f"tolerance={tolerance!r} without match='asof'", "only there an older call may stand in")
    return JoinPlan(on, how, matches, None if tolerance is None else tolerance // MICROSECOND, across)


def _not_a_join(cause: str, hint: str) -> SettingsError:
    return SettingsError("join", cause=cause, hint=hint)


def anybody(question: Question) -> Question:
    """The same of any version, service, account and model id."""
    return {**question, "version": None, "service": None, "account": None, "model_id": None}


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
