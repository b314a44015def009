"""What can be asked of an archive: the arguments that `read`, `scan` and `join` share, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

from modeldata.catalog.moments import FIRST_NS, LAST_NS, nanoseconds
from modeldata.errors import SettingsError
from modeldata.read.join import HOWS, IDS, JoinPlan
from modeldata.read.match import MATCHES
from modeldata.read.plan import ReadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    import pyarrow as pa

    from modeldata.catalog.moments import Moment
    from modeldata.read.match import Matching


Types: TypeAlias = "Mapping[str, pa.DataType | str] | None"


class Question(TypedDict, total=False):
    """start, end: rows with start <= `$Timestamp` < end; a datetime, a date, a numpy.datetime64 or ISO 8601 text, UTC where it
    has no zone.

    columns: names, our own (`$Timestamp`, ...) too; None for all.
    version, service, account, model_id: of which identity; None for any, read together.
    types: columns in Arrow types of your choice (or their names, such as "string") instead of their own.
    errors: "raise" at what is damaged, or "skip" it with a `SkippedWarning` and read the rest.
    """

    start: Moment
    end: Moment
    columns: Sequence[str] | None
    version: str | int | None
    service: str | None
    account: str | None
    model_id: str | None
    types: Types
    errors: Literal["raise", "skip"]


class JoinQuestion(Question, total=False):
    """match: which call of another collector is meant where an id was used more than once, for all or by identifier:
    "order" (the first with the first), "first", "last", or "asof" (the newest at or before that of the first collector).
    tolerance: how much older it may be there. across: identifiers with rows for every model version and
    service, such as labels that another service collects; `version`, `service`, `account` and `model_id` are not asked of them.
    look_back, look_ahead: how long before `start` and after `end` rows of the other collectors are looked for.
    """

    match: Matching | Mapping[str, Matching]
    tolerance: timedelta | None
    across: Sequence[str]
    look_back: timedelta
    look_ahead: timedelta


MICROSECOND = timedelta(microseconds=1)
KNOWN = frozenset(Question.__annotations__)
_IDENTITY = {"version": "model_version", "service": "service", "account": "account", "model_id": "model_id"}
"""Arguments, and which part of the identity each is."""


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
    errors, columns = checked(question.get("errors", "raise")), question.get("columns")
    if isinstance(columns, str) or not (columns is None or isinstance(columns, Iterable)):
        raise SettingsError("read the archive", cause=f"columns={columns!r}", hint=f"a list of names: columns=[{columns!r}]")
    given: dict[str, object] = {"model_name": model_name, "identifier": identifier}
    given |= {part: question.get(argument) for argument, part in _IDENTITY.items()}
    identity = {part: None if value is None else _name(part, value) for part, value in given.items()}
    wanted = None if columns is None else tuple(_name("columns", name) for name in columns)
    types = typed(question.get("types"))
    start, end = nanoseconds(question.get("start"), FIRST_NS), nanoseconds(question.get("end"), LAST_NS)
    return ReadRequest(identity, start, end, wanted, types, errors)


def checked(errors: str) -> str:
    """Raises `SettingsError` for what is none of the two."""
    if errors not in ("raise", "skip"):
        raise SettingsError("read the archive", cause=f"errors={errors!r}", hint='"raise" or "skip"')
    return errors


def typed(types: Types) -> dict[str, pa.DataType]:
    """Raises `SettingsError` for what is no type."""
    return {_name("types", name): _type(name, kind) for name, kind in (types or {}).items()}


def _name(argument: str, value: object) -> str:
    """Versions may be whole numbers, and so may columns that are named by their position."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise SettingsError("read the archive", cause=f"{argument}: {value!r} is no name", hint=f"text, such as {str(value)!r}")


def _type(column: str, kind: pa.DataType | str) -> pa.DataType:
    import pyarrow as pa

    try:
        return pa.type_for_alias(kind) if isinstance(kind, str) else pa.field(column, kind).type
    except (TypeError, ValueError):
        hint = 'an Arrow type or its name, such as pyarrow.string() or "string"'
        raise SettingsError("read the archive", cause=f"types={{{column!r}: {kind!r}}}", hint=hint) from None
